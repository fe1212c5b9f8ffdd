//! What a claim costs: the same however many jobs wait, on both databases.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use sqlx::{Connection as _, SqliteConnection};

use super::{look::HEADS_AFTER, *};
use crate::testing::{NOW, TestDb};

crate::battery! {
    a_claim_reads_no_table_from_end_to_end,
}

/// Steps of SQLite's machine that a claim's look at one tenant takes.
async fn steps(waiting: i64) -> u64 {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::raw_sql(include_str!("../../../../migrations/sqlite/0011_job.sql"))
        .execute(&mut conn)
        .await
        .unwrap();
    let tenant = TenantId::generate(Timestamp::EPOCH);
    for (lane, kind) in [("router/a", "sync"), ("tenant", "filler"), ("tenant", "other"), ("wa", "send")] {
        sqlx::query(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
             INSERT INTO job (tenant_id, kind, version, args, lane, lane_limit, priority, state, run_at, attempt, \
             max_attempts, created_at) SELECT $2, $3, 1, '{}', $4, 4, 1, 'available', i, 0, 1, 0 FROM n",
        )
        .bind(waiting)
        .bind(tenant)
        .bind(kind)
        .bind(lane)
        .execute(&mut conn)
        .await
        .unwrap();
    }
    let counted = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&counted);
    conn.lock_handle().await.unwrap().set_progress_handler(10, move || {
        counter.fetch_add(10, Relaxed);
        true
    });
    let heads: Vec<Head> = sqlx::query_as(HEADS_AFTER)
        .bind(Priority::Normal)
        .bind(tenant)
        .bind("router/a")
        .bind("")
        .bind(HEADS)
        .fetch_all(&mut conn)
        .await
        .unwrap();
    let found: Vec<(&str, &str)> =
        heads.iter().map(|head| (head.lane.as_str(), head.kind.as_str())).collect();
    let all = [("router/a", "sync"), ("tenant", "filler"), ("tenant", "other"), ("wa", "send")];
    assert_eq!(found, all);
    counted.load(Relaxed)
}

#[tokio::test]
async fn a_look_at_a_tenant_costs_the_same_however_many_of_its_jobs_wait() {
    let (few, many) = (steps(2).await, steps(4_000).await);
    assert!(few > 0 && many <= few + 20, "{few} steps with two jobs in each lane, {many} with 4,000");
}

async fn a_claim_reads_no_table_from_end_to_end(db: TestDb) {
    let tenant = TenantId::generate(NOW);
    for chunk in 0..4_i64 {
        let mut tx = db.begin().await.unwrap();
        tx.query(
            "WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $1 + 899) \
             INSERT INTO job (tenant_id, kind, version, args, lane, lane_limit, priority, state, run_at, attempt, \
             max_attempts, created_at) SELECT $2, 'filler', 1, '{}', 'tenant', 4, 1, 'available', i, 0, 1, 0 FROM n",
        )
        .bind(chunk * 900)
        .bind(tenant)
        .execute()
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
    let head = Head { lane: "tenant".into(), kind: "filler".into(), lane_limit: 4, running: 0, run_at: NOW };
    let pick = Pick { priority: Priority::Normal, tenant, head, count: 4 };
    let mut conn = db.begin().await.unwrap();
    // Before the database has counted what is there, and after it.
    for is_counted in [false, true] {
        if is_counted && !db.is_sqlite() {
            conn.query("ANALYZE job").execute().await.unwrap();
        }
        let plans = [
            look::ring(&mut conn, Priority::Normal, None, TENANTS).plan().await.unwrap(),
            look::heads(&mut conn, Priority::Normal, tenant, "", "").plan().await.unwrap(),
            take::taking(&mut conn, &pick, 1, 4, "node-1", NOW).plan().await.unwrap(),
        ];
        for plan in plans {
            assert!(plan.contains("job_available"), "{plan}");
            let reads_all = plan.lines().any(|line| {
                let line = line.trim_start_matches([' ', '-', '>']);
                line.starts_with("Seq Scan on job") || line.starts_with("SCAN job")
            });
            assert!(!reads_all && !plan.contains("Sort Key"), "{plan}");
        }
    }
}
