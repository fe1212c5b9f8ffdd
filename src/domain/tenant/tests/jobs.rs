//! The job that looks through the limits of all tenants, on both databases.

use std::sync::Arc;

use base::Clock;
use foundation::{
    job::{self, Options, Registry, Settings, State, Workers, manage},
    testing::{NOW, TestDb},
};

use super::made;
use crate::domain::tenant::{
    Limit,
    jobs::{LimitReconcile, register},
    limit,
};

foundation::battery! { counters_that_are_wrong_are_put_right_by_the_job }

async fn counters_that_are_wrong_are_put_right_by_the_job(db: TestDb) {
    let (_, right) = made(&db, "warga").await;
    let (_, wrong) = made(&db, "desa").await;
    let mut tx = db.begin().await.unwrap();
    limit::take(&mut tx, &wrong, Limit::Routers, 4).await.unwrap();
    limit::take(&mut tx, &right, Limit::Odps, 4).await.unwrap();
    let errand = LimitReconcile::default();
    let id = job::enqueue(&mut tx, &db.platform(), &errand, Options::default()).await.unwrap().unwrap();
    tx.commit().await.unwrap();

    let (clock, _hand) = Clock::mock(NOW);
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    let settings = Settings { node: "node-1".into(), at_once: 2 };
    let mut workers = Workers::new((*db).clone(), Arc::new(registry), clock, settings);
    workers.run_due().await.unwrap();

    let mut conn = db.conn().await.unwrap();
    let lines = manage::log_of(&mut conn, id).await.unwrap();
    let lines: Vec<String> = lines.into_iter().map(|line| line.text).collect();
    assert_eq!(manage::find(&mut conn, id).await.unwrap().unwrap().state, State::Done, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("network.max_router counted 4, there are 0")), "{lines:?}");
    assert!(lines.iter().any(|line| line == "2 tenants, 1 counters put right"), "{lines:?}");
    assert_eq!(limit::state(&mut conn, &wrong, Limit::Routers).await.unwrap().used, 0);
    let odps = limit::state(&mut conn, &right, Limit::Odps).await.unwrap().used;
    assert_eq!(odps, 4, "what cannot be counted yet is left alone");
}
