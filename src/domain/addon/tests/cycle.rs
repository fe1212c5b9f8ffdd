//! What the turn of a cycle brings, and what is put right, on both databases.

use foundation::testing::TestDb;

use super::*;

foundation::battery! {
    more_units_count_at_once_and_fewer_from_the_next_cycle,
    each_cycle_is_charged_once,
    what_was_lost_is_made_again,
    who_was_down_for_months_catches_up,
}

async fn more_units_count_at_once_and_fewer_from_the_next_cycle(db: TestDb) {
    let rig = Rig::new(db).await;
    let addon = rig.offer(routers(AddonKind::Official)).await;
    let row = rig.ask(&rig.on("2026-11-01"), &addon, 2).await.unwrap();
    let more = rig.units(&rig.on("2026-11-16"), row.id, 5).await.unwrap();
    assert_eq!((more.units, rig.maximum(Limit::Routers).await), (5, Some(20)));
    let day = str::to_owned;
    let november = [
        (2, 60_000, day("2026-11-01"), day("2026-12-01")),
        (3, 45_000, day("2026-11-16"), day("2026-12-01")),
    ];
    assert_eq!(rig.charged(row.id).await, november);

    let fewer = rig.units(&rig.on("2026-11-20"), row.id, 1).await.unwrap();
    assert_eq!((fewer.units, fewer.next_units), (5, Some(1)));
    assert_eq!(fewer.next_from.unwrap().to_string(), "2026-12-01");
    assert_eq!(fewer.next_at.unwrap().to_string(), "2026-11-30T17:00:00Z", "midnight in Jakarta");
    let kept = rig.units(&rig.on("2026-11-21"), row.id, 5).await.unwrap();
    assert_eq!((kept.units, kept.next_units), (5, None), "taken back");
    assert_eq!(rig.units(&rig.on("2026-11-21"), row.id, 5).await.unwrap(), kept, "nothing changed");
    rig.units(&rig.on("2026-11-22"), row.id, 0).await.unwrap();
    assert!(rig.settle(&rig.on("2026-11-30"), row.id).await.is_clean());
    assert_eq!(rig.maximum(Limit::Routers).await, Some(20), "it holds to the end of the cycle");

    let settled = rig.settle(&rig.on("2026-12-01"), row.id).await;
    assert!(settled.changed && !settled.is_drift());
    assert_eq!(rig.maximum(Limit::Routers).await, Some(10));
    assert_eq!(rig.charged(row.id).await, november, "nothing is charged for what is over");
    assert!(rig.settle(&rig.on("2026-12-02"), row.id).await.is_clean());
    let mut conn = rig.db.conn().await.unwrap();
    assert_eq!(load(&mut conn, &rig.scope(), row.id).await.unwrap().status, AddonStatus::Ended);
    assert_eq!(rig.told().await.last().unwrap(), "addon_deactivated");
    // It may be had again.
    rig.ask(&rig.on("2026-12-05"), &addon, 1).await.unwrap();
    assert!(matches!(
        rig.units(&rig.on("2026-12-05"), row.id, 1).await,
        Err(UnitsError::NotActive(AddonStatus::Ended))
    ));
    let again = rig.units(&rig.on("2026-12-05"), TenantAddonId::generate(rig.scope().now()), 1).await;
    assert!(matches!(again, Err(UnitsError::NotFound)));
}

async fn each_cycle_is_charged_once(db: TestDb) {
    let rig = Rig::new(db).await;
    let addon = rig.offer(routers(AddonKind::Official)).await;
    let row = rig.ask(&rig.on("2026-11-23"), &addon, 2).await.unwrap();
    rig.units(&rig.on("2026-11-24"), row.id, 1).await.unwrap();
    let settled = rig.settle(&rig.on("2026-12-01"), row.id).await;
    assert_eq!((settled.renewed, settled.missing, settled.changed), (1, 0, true));
    assert!(!settled.is_drift());
    for day in ["2026-12-01", "2026-12-31"] {
        assert!(rig.settle(&rig.on(day), row.id).await.is_clean(), "{day}");
    }
    assert_eq!(rig.settle(&rig.on("2027-01-01"), row.id).await.renewed, 1);
    let day = str::to_owned;
    assert_eq!(
        rig.charged(row.id).await,
        [
            (2, 16_000, day("2026-11-23"), day("2026-12-01")),
            (1, 30_000, day("2026-12-01"), day("2027-01-01")),
            (1, 30_000, day("2027-01-01"), day("2027-02-01")),
        ]
    );
    assert_eq!(rig.maximum(Limit::Routers).await, Some(12));
}

async fn what_was_lost_is_made_again(db: TestDb) {
    let rig = Rig::new(db).await;
    let addon = rig.offer(routers(AddonKind::Official)).await;
    let row = rig.ask(&rig.on("2026-11-16"), &addon, 2).await.unwrap();
    rig.units(&rig.on("2026-11-21"), row.id, 3).await.unwrap();
    let whole = rig.charged(row.id).await;
    let tear = async |text: &'static str| {
        let mut tx = rig.db.begin().await.unwrap();
        tx.query(text).execute().await.unwrap();
        tx.commit().await.unwrap();
    };
    tear("DELETE FROM saas_charge WHERE units = 1").await;
    let settled = rig.settle(&rig.on("2026-11-25"), row.id).await;
    assert_eq!((settled.renewed, settled.missing), (0, 1));
    assert!(settled.is_drift());
    assert_eq!(rig.charged(row.id).await, whole);

    tear("DELETE FROM limit_grant").await;
    assert_eq!(rig.maximum(Limit::Routers).await, Some(10));
    assert!(rig.settle(&rig.on("2026-11-25"), row.id).await.regranted);
    assert_eq!(rig.maximum(Limit::Routers).await, Some(16));

    // What was charged too much is told, and not taken back.
    tear("UPDATE tenant_addon SET units = 2, units_from = '2026-11-16'").await;
    let settled = rig.settle(&rig.on("2026-11-25"), row.id).await;
    assert_eq!((settled.overcharged, settled.regranted), (1, true));
    assert_eq!(rig.charged(row.id).await, whole);
}

async fn who_was_down_for_months_catches_up(db: TestDb) {
    let rig = Rig::new(db).await;
    let yearly = AddonSpec { cycle: Cycle::Yearly, ..routers(AddonKind::Custom) };
    let addon = rig.offer(routers(AddonKind::Official)).await;
    let yearly = rig.offer(yearly).await;
    let row = rig.ask(&rig.on("2026-11-23"), &addon, 2).await.unwrap();
    rig.units(&rig.on("2026-11-23"), row.id, 1).await.unwrap();
    let settled = rig.settle(&rig.on("2027-02-10"), row.id).await;
    assert_eq!((settled.renewed, settled.missing, settled.changed), (1, 2, true));
    let days: Vec<(i64, String)> =
        rig.charged(row.id).await.into_iter().map(|(units, _, from, _)| (units, from)).collect();
    let expected = [(2, "2026-11-23"), (1, "2026-12-01"), (1, "2027-01-01"), (1, "2027-02-01")];
    assert_eq!(days, expected.map(|(units, day)| (units, day.to_owned())));
    assert!(rig.settle(&rig.on("2027-02-11"), row.id).await.is_clean());

    let mut tx = rig.db.begin().await.unwrap();
    let on = Platform { now: rig.on("2026-12-01").now(), ..rig.platform() };
    let year = activate(&mut tx, &on, rig.tenant, asking(&yearly, 1)).await.unwrap();
    tx.commit().await.unwrap();
    // The tenant's years begin with November: 335 of 365 days.
    let day = str::to_owned;
    assert_eq!(rig.charged(year.id).await, [(1, 27_534, day("2026-12-01"), day("2027-11-01"))]);
    assert!(rig.settle(&rig.on("2027-10-31"), year.id).await.is_clean());
    assert_eq!(rig.settle(&rig.on("2027-11-01"), year.id).await.renewed, 1);
}
