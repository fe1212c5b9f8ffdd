//! The job that looks through the add-ons of all tenants, on both databases.

use std::sync::Arc;

use base::Clock;
use foundation::{
    job::{self, Options, Registry, Settings, State, Workers, manage},
    testing::TestDb,
};

use super::*;
use crate::domain::addon::jobs::{AddonUsageReconciliation, register};

foundation::battery! { cycles_turn_and_drift_is_mended_by_the_job }

/// Runs the job once at noon of a day in Jakarta; gives the lines of its log.
async fn run(rig: &Rig, day: &str) -> Vec<String> {
    let (clock, _hand) = Clock::mock(rig.on(day).now());
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    let settings = Settings { node: "node-1".into(), at_once: 2 };
    let mut workers = Workers::new((*rig.db).clone(), Arc::new(registry), clock, settings);
    let mut tx = rig.db.begin().await.unwrap();
    let errand = AddonUsageReconciliation::default();
    let id = job::enqueue(&mut tx, &rig.platform(), &errand, Options::default()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    workers.run_due().await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    let lines = manage::log_of(&mut conn, id).await.unwrap();
    let lines: Vec<String> = lines.into_iter().map(|line| line.text).collect();
    assert_eq!(manage::find(&mut conn, id).await.unwrap().unwrap().state, State::Done, "{lines:?}");
    lines
}

async fn cycles_turn_and_drift_is_mended_by_the_job(db: TestDb) {
    let rig = Rig::new(db).await;
    let addon = rig.offer(routers(AddonKind::Official)).await;
    let other = rig.offer(AddonSpec { code: "again".into(), ..routers(AddonKind::Official) }).await;
    let row = rig.ask(&rig.on("2026-11-23"), &addon, 2).await.unwrap();
    let ending = rig.ask(&rig.on("2026-11-23"), &other, 1).await.unwrap();
    rig.units(&rig.on("2026-11-24"), ending.id, 0).await.unwrap();
    let lines = run(&rig, "2026-11-25").await;
    assert!(lines.iter().any(|line| line.contains("2 active add-ons, 0 of them")), "{lines:?}");
    let mut tx = rig.db.begin().await.unwrap();
    tx.query("DELETE FROM limit_grant WHERE source_id = $1").bind(row.id).execute_one().await.unwrap();
    tx.query("UPDATE saas_charge SET units = 3 WHERE tenant_addon_id = $1")
        .bind(ending.id)
        .execute_one()
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let lines = run(&rig, "2026-11-26").await;
    let told = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(told("its grants were wrong") && told("2 units are charged too much"), "{lines:?}");
    assert_eq!(rig.maximum(Limit::Routers).await, Some(16));

    run(&rig, "2026-12-01").await;
    assert_eq!(rig.maximum(Limit::Routers).await, Some(14));
    assert_eq!(rig.charged(row.id).await.len(), 2);
    assert_eq!(rig.charged(ending.id).await.len(), 1);
    let lines = run(&rig, "2026-12-01").await;
    assert!(lines.iter().any(|line| line.contains("1 active add-ons, 0 of them")), "{lines:?}");
}
