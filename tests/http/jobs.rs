//! The job queue over the API, and the reconciliation of isolation, which runs from it.

use std::sync::Arc;

use base::{Clock, TenantId};
use foundation::{
    job::{self, Job, JobContext, JobError, JobId, Options, Registry, Settings, Work, Workers},
    testing::TestDb,
};
use rrnetd::domain::isolir;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{harness::Rig, network::Network};

foundation::battery! {
    the_super_admin_sees_the_queue_and_acts_on_it,
    jobs_are_paused_and_resumed,
    isolation_that_drifted_is_mended,
}

/// A job that fails for good, or is done.
#[derive(Debug, Serialize, Deserialize)]
struct Chore {
    fails: bool,
}

impl Job for Chore {
    const KIND: &'static str = "chore";
}

struct Hand;

impl Work<Chore> for Hand {
    async fn run(&self, chore: Chore, context: &JobContext) -> Result<(), JobError> {
        context.log("first line\nsecond line");
        if chore.fails { Err(JobError::fatal("the form is unknown")) } else { Ok(()) }
    }
}

fn workers(rig: &Rig) -> Workers {
    let mut registry = Registry::new();
    registry.register::<Chore>(Hand).unwrap();
    isolir::jobs::register(&mut registry).unwrap();
    let settings = Settings { node: "test".into(), at_once: 4 };
    Workers::new((*rig.db).clone(), Arc::new(registry), Clock::system(), settings)
}

async fn enqueue(rig: &Rig, tenant: TenantId, job: &impl Job) -> JobId {
    let mut tx = rig.db.begin().await.unwrap();
    let scope = rig.platform().within(tenant);
    let id = job::enqueue(&mut tx, &scope, job, Options::default()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    id
}

async fn the_super_admin_sees_the_queue_and_acts_on_it(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, admin) = (rig.tenant("warga").await, rig.admin().await);
    let dead = enqueue(&rig, tenant.id, &Chore { fails: true }).await;
    workers(&rig).run_due().await.unwrap();
    let waiting = enqueue(&rig, tenant.id, &Chore { fails: false }).await;
    let get = async |path: &str| rig.get(path).token(&admin).send().await;
    let queue = get("/api/v1/platform/job-queue?by=tenant").await.expect(200);
    assert_eq!(queue["parts"][0]["tenantId"], tenant.id.to_string());
    assert_eq!((&queue["parts"][0]["depth"], &queue["parts"][0]["dead"]), (&json!(1), &json!(1)));
    assert_eq!(queue["total"]["lastError"], "the form is unknown");
    assert_eq!(queue["total"]["lastErrorJob"], dead.0);
    assert!(queue["total"]["oldestSeconds"].as_u64().unwrap() < 60);
    let by_kind = get("/api/v1/platform/job-queue?kind=other").await.expect(200);
    assert_eq!(by_kind["parts"], json!([]));
    get("/api/v1/platform/job-queue?by=colour").await.problem("invalid_query");

    let list = get("/api/v1/platform/jobs?state=dead").await.expect(200);
    assert_eq!((&list["rows"][0]["id"], list["rows"].as_array().unwrap().len()), (&json!(dead.0), 1));
    let shown = get(&format!("/api/v1/platform/jobs/{dead}")).await.expect(200);
    assert_eq!((&shown["state"], &shown["args"]["fails"]), (&json!("dead"), &json!(true)));
    assert_eq!(
        (&shown["log"][0]["text"], &shown["log"][1]["text"]),
        (&json!("first line"), &json!("second line"))
    );
    get("/api/v1/platform/jobs/999999").await.problem("not_found");
    get("/api/v1/platform/jobs?after=x").await.problem("invalid_cursor");

    let act = async |id: JobId, act: &str| {
        rig.post(&format!("/api/v1/platform/jobs/{id}/{act}")).token(&admin).send().await
    };
    act(dead, "retry").await.problem("not_possible");
    assert_eq!(act(dead, "replay").await.expect(200)["state"], "available");
    assert_eq!(act(waiting, "discard").await.expect(200)["state"], "discarded");
    act(waiting, "discard").await.problem("not_possible");
    act(JobId(999_999), "replay").await.problem("not_found");
    let trail = get("/api/v1/platform/audit?targetKind=job").await.expect(200);
    let acts: Vec<_> = trail["rows"].as_array().unwrap().iter().map(|row| row["act"].clone()).collect();
    assert_eq!(acts, ["job.discard", "job.replay"]);
    rig.get("/api/v1/platform/jobs").token(&tenant.owner).send().await.problem("permission_missing");
    let schedules = get("/api/v1/platform/job-queue/schedules").await.expect(200);
    assert_eq!(schedules["schedules"], json!([]));
}

async fn jobs_are_paused_and_resumed(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, admin) = (rig.tenant("warga").await, rig.admin().await);
    let set = async |act: &str, body: serde_json::Value| {
        rig.post(&format!("/api/v1/platform/job-queue/{act}")).token(&admin).json(&body).send().await
    };
    let target = json!({ "kind": "chore", "tenantId": tenant.id, "reason": "the provider is down" });
    let paused = set("pause", target.clone()).await.expect(200);
    assert_eq!(paused["pauses"][0]["reason"], "the provider is down");
    set("pause", json!({ "kind": "chore", "reason": " " })).await.problem("invalid_body");
    set("pause", json!({ "kind": "", "reason": "x" })).await.problem("invalid_body");
    let mistyped = set("pause", json!({ "kind": "radius_act_job", "reason": "x" })).await;
    assert_eq!(mistyped.problem("invalid_body")["errors"][0]["field"], "kind", "nobody believes it paused");
    let queue = rig.get("/api/v1/platform/job-queue").token(&admin).send().await.expect(200);
    let kinds = queue["kinds"].as_array().unwrap();
    assert!(kinds.iter().any(|kind| kind["kind"] == "radius_acct_job" && kind["comesFrom"].is_string()));
    assert!(kinds.iter().any(|kind| kind["kind"] == "wa_send_job" && kind.get("comesFrom").is_none()));
    enqueue(&rig, tenant.id, &Chore { fails: false }).await;
    assert_eq!(workers(&rig).run_due().await.unwrap(), 0);
    set("resume", json!({ "kind": "chore", "reason": "x" })).await.problem("not_found");
    assert_eq!(set("resume", target).await.expect(200)["pauses"], json!([]));
    assert_eq!(workers(&rig).run_due().await.unwrap(), 1);
    let trail = rig.get("/api/v1/platform/audit?act=job.pause").token(&admin).send().await.expect(200);
    assert_eq!(trail["rows"][0]["reason"], "the provider is down");
}

async fn isolation_that_drifted_is_mended(db: TestDb) {
    let net = Network::new(db).await;
    let (rig, owner) = (&net.rig, &net.tenant.owner);
    let (budi, siti) = (net.subscriber("budi", "rahasia").await, net.subscriber("siti", "rahasia").await);
    let isolate = json!({ "reason": "manual", "note": "" });
    for path in [&budi, &siti] {
        rig.post(&format!("{path}/isolate")).token(owner).json(&isolate).send().await.expect(200);
    }
    let run = async || {
        let id = enqueue(rig, TenantId::PLATFORM, &isolir::jobs::OverlayReconcile {}).await;
        workers(rig).run_due().await.unwrap();
        let mut conn = rig.db.conn().await.unwrap();
        let log = job::manage::log_of(&mut conn, id).await.unwrap();
        log.iter().rev().nth(1).unwrap().text.clone()
    };
    assert_eq!(run().await, "every overlay and intent is what its reasons say");
    // Somebody's hand in the database: a generation that says free, an intent that is another's.
    let mut tx = rig.db.begin().await.unwrap();
    tx.query("UPDATE subscriber SET overlay_generation = 2 WHERE username = 'budi'")
        .execute_one()
        .await
        .unwrap();
    tx.query(
        "UPDATE network_intent SET generation = 2, isolated = FALSE WHERE subscriber_id = \
         (SELECT id FROM subscriber WHERE username = 'siti')",
    )
    .execute_one()
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(run().await, "2 subscribers were mended");
    for (path, generation) in [(&budi, 3), (&siti, 1)] {
        let state = rig.get(&format!("{path}/isolir")).token(owner).send().await.expect(200);
        assert_eq!((&state["isolated"], &state["intent"]["isolated"]), (&json!(true), &json!(true)));
        assert_eq!(
            (&state["intent"]["generation"], &state["intent"]["state"]),
            (&json!(generation), &json!("pending"))
        );
    }
    assert_eq!(run().await, "every overlay and intent is what its reasons say");
}
