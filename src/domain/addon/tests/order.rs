//! Asking, deciding and racing, on both databases.

use std::sync::Arc;

use base::{AddonId, TenantAddonId, page::PageRequest};
use foundation::{
    audit,
    testing::{NOW, TestDb},
};

use super::*;
use crate::domain::tenant::limit::LimitOverride;

foundation::battery! {
    an_official_one_is_active_at_once_and_charged_to_the_end_of_the_month,
    a_custom_one_waits_for_the_super_admin,
    of_two_who_ask_together_one_gets_it,
    what_would_change_nothing_is_not_sold,
    wherever_it_breaks_a_purchase_is_whole_or_nothing,
}

async fn an_official_one_is_active_at_once_and_charged_to_the_end_of_the_month(db: TestDb) {
    let rig = Rig::new(db).await;
    let addon = rig.offer(routers(AddonKind::Official)).await;
    assert_eq!(rig.maximum(Limit::Routers).await, Some(10));
    let scope = rig.on("2026-11-23");
    let row = rig.ask(&scope, &addon, 3).await.unwrap();
    assert_eq!((row.status, row.units, row.note.as_str()), (AddonStatus::Active, 3, "tolong"));
    assert_eq!(rig.maximum(Limit::Routers).await, Some(16));
    // Eight of thirty days of 90,000.
    let whole = (3, 24_000, "2026-11-23".to_owned(), "2026-12-01".to_owned());
    assert_eq!(rig.charged(row.id).await, [whole]);
    assert_eq!(rig.told().await, ["addon_activated", "saas_charge_recorded"]);
    let mut conn = rig.db.conn().await.unwrap();
    assert_eq!(load(&mut conn, &scope, row.id).await.unwrap(), row);
    let missing = load(&mut conn, &scope, TenantAddonId::generate(NOW)).await;
    assert!(matches!(missing, Err(LoadError::NotFound)));
    let page = list_of_tenant(&mut conn, &scope, &PageRequest::new(Some(1), None)).await.unwrap();
    assert_eq!((page.rows, page.next), (vec![row.clone()], None));
    let active = list_active(&mut conn, &rig.platform(), None, 5).await.unwrap();
    assert_eq!(active, [(rig.tenant, row.id)]);
    assert_eq!(list_active(&mut conn, &rig.platform(), Some(active[0]), 5).await.unwrap(), []);
    assert_eq!(open_charges(&mut conn, &scope, 5).await.unwrap().len(), 1);
    let trail =
        audit::list(&mut conn, &scope, &audit::Filter::default(), &PageRequest::new(None, None)).await;
    let acts: Vec<String> = trail.unwrap().rows.into_iter().map(|entry| entry.act).collect();
    assert_eq!(acts, ["saas_charge.record", "addon.activate", "tenant.create"]);

    assert!(matches!(rig.ask(&scope, &addon, 1).await, Err(OrderError::AlreadyThere)));
    for units in [0, -1, 11] {
        assert!(matches!(rig.ask(&scope, &addon, units).await, Err(OrderError::Invalid(_))), "{units}");
    }
    let unknown = Order { addon: AddonId::generate(NOW), ..asking(&addon, 1) };
    let mut tx = rig.db.begin().await.unwrap();
    assert!(matches!(order(&mut tx, &scope, unknown).await, Err(OrderError::UnknownAddon)));
}

async fn a_custom_one_waits_for_the_super_admin(db: TestDb) {
    let rig = Rig::new(db).await;
    let addon = rig.offer(routers(AddonKind::Custom)).await;
    let (scope, platform) = (rig.on("2026-11-23"), rig.platform());
    let asked = rig.ask(&scope, &addon, 2).await.unwrap();
    assert_eq!((asked.status, rig.maximum(Limit::Routers).await), (AddonStatus::Pending, Some(10)));
    assert!(rig.charged(asked.id).await.is_empty());
    assert!(matches!(rig.units(&scope, asked.id, 3).await, Err(UnitsError::NotActive(AddonStatus::Pending))));
    let page = PageRequest::new(None, None);
    let mut tx = rig.db.begin().await.unwrap();
    assert_eq!(list_pending(&mut tx, &platform, &page).await.unwrap().rows, [(rig.tenant, asked.clone())]);
    let refused = reject(&mut tx, &platform, rig.tenant, asked.id).await.unwrap();
    assert_eq!((refused.status, refused.decision.as_deref()), (AddonStatus::Rejected, Some("because")));
    let again = approve(&mut tx, &platform, rig.tenant, asked.id).await;
    assert!(matches!(again, Err(DecideError::Decided(AddonStatus::Rejected))));
    let missing = approve(&mut tx, &platform, rig.tenant, TenantAddonId::generate(NOW)).await;
    assert!(matches!(missing, Err(DecideError::NotFound)));
    tx.commit().await.unwrap();

    let asked = rig.ask(&scope, &addon, 2).await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    let on = Platform { now: rig.on("2026-11-30").now(), ..platform.clone() };
    let approved = approve(&mut tx, &on, rig.tenant, asked.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(approved.status, AddonStatus::Active);
    assert_eq!(approved.decided_by.as_deref(), Some("system:test"));
    assert_eq!(rig.maximum(Limit::Routers).await, Some(14));
    let last_day = (2, 2_000, "2026-11-30".to_owned(), "2026-12-01".to_owned());
    assert_eq!(rig.charged(asked.id).await, [last_day]);
    let more = rig.units(&scope, asked.id, 3).await;
    assert!(matches!(more, Err(UnitsError::NeedsApproval)));
    let mut tx = rig.db.begin().await.unwrap();
    let more = set_units(&mut tx, &rig.on("2026-11-30"), asked.id, None, 3, true).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((more.units, rig.maximum(Limit::Routers).await), (3, Some(16)));
    assert_eq!(
        rig.told().await,
        [
            "addon_pending_approval",
            "addon_rejected",
            "addon_pending_approval",
            "addon_activated",
            "saas_charge_recorded",
            "addon_units_changed",
            "saas_charge_recorded"
        ]
    );
}

async fn of_two_who_ask_together_one_gets_it(db: TestDb) {
    let rig = Arc::new(Rig::new(db).await);
    let addon = Arc::new(rig.offer(routers(AddonKind::Official)).await);
    let start = Arc::new(tokio::sync::Barrier::new(4));
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (rig, addon, start) = (Arc::clone(&rig), Arc::clone(&addon), Arc::clone(&start));
        racers.spawn(async move {
            let node = rig.db.open_again().await;
            start.wait().await;
            let mut tx = node.begin().await.unwrap();
            let outcome = order(&mut tx, &rig.on("2026-11-23"), asking(&addon, 1)).await;
            let won = match outcome {
                Ok(_) => tx.commit().await.map(|()| true).unwrap(),
                Err(OrderError::AlreadyThere) => tx.rollback().await.map(|()| false).unwrap(),
                Err(error) => panic!("{error:?}"),
            };
            node.close().await;
            won
        });
    }
    assert_eq!(racers.join_all().await.into_iter().filter(|won| *won).count(), 1);
    assert_eq!(rig.maximum(Limit::Routers).await, Some(12));
    assert_eq!(open_charges(&mut rig.db.conn().await.unwrap(), &rig.scope(), 9).await.unwrap().len(), 1);
}

async fn what_would_change_nothing_is_not_sold(db: TestDb) {
    let rig = Rig::new(db).await;
    let addon = rig.offer(routers(AddonKind::Official)).await;
    let platform = rig.platform();
    let mut tx = rig.db.begin().await.unwrap();
    tenant::limit::set(&mut tx, &platform, rig.tenant, Limit::Routers, LimitOverride::Maximum(4))
        .await
        .unwrap();
    let refused = order(&mut tx, &rig.scope(), asking(&addon, 1)).await;
    assert!(matches!(refused, Err(OrderError::WithoutEffect)));
    tenant::limit::set(&mut tx, &platform, rig.tenant, Limit::Routers, LimitOverride::None).await.unwrap();
    let dollars =
        AddonSpec { currency: "USD".parse().unwrap(), code: "usd".into(), ..routers(AddonKind::Official) };
    let dollars = create(&mut tx, &platform, dollars).await.unwrap();
    let refused = order(&mut tx, &rig.scope(), asking(&dollars, 1)).await;
    assert!(matches!(refused, Err(OrderError::Currency)));
    let given = activate(&mut tx, &platform, rig.tenant, asking(&addon, 1)).await.unwrap();
    assert_eq!(given.status, AddonStatus::Active);
    tx.commit().await.unwrap();
}

async fn wherever_it_breaks_a_purchase_is_whole_or_nothing(db: TestDb) {
    let mut rig = Rig::new(db).await;
    let addon = rig.offer(routers(AddonKind::Official)).await;
    let mut broken = 0;
    for point in 1.. {
        let slug = format!("warga-{point}");
        let mut tx = rig.db.begin().await.unwrap();
        let spec = TenantSpec::new("Warga", slug);
        rig.tenant = tenant::create(&mut tx, &rig.platform(), spec).await.unwrap().id;
        tx.commit().await.unwrap();
        let scope = rig.on("2026-11-23");
        rig.db.faults().arm(point);
        let first = buy(&rig.db, &scope, &addon).await;
        let reached_the_end = rig.db.faults().disarm();
        broken += usize::from(first.is_err());
        // The same once more, as somebody does who got no answer.
        match buy(&rig.db, &scope, &addon).await {
            Ok(()) => assert!(first.is_err(), "point {point}: it was bought twice"),
            Err(OrderError::AlreadyThere) => {}
            Err(error) => panic!("point {point}: {error:?}"),
        }
        let mut conn = rig.db.conn().await.unwrap();
        let page = PageRequest::new(None, None);
        let bought = list_of_tenant(&mut conn, &scope, &page).await.unwrap().rows;
        assert_eq!(bought.len(), 1, "point {point}");
        drop(conn);
        assert_eq!(rig.charged(bought[0].id).await.len(), 1, "point {point}");
        assert_eq!(rig.maximum(Limit::Routers).await, Some(12), "point {point}");
        assert_eq!(rig.told().await, ["addon_activated", "saas_charge_recorded"], "point {point}");
        if reached_the_end {
            break;
        }
    }
    assert!(broken > 10, "{broken} points broke it");
}

async fn buy(db: &foundation::Db, scope: &Scope, addon: &Addon) -> Result<(), OrderError> {
    let mut tx = db.begin().await?;
    order(&mut tx, scope, asking(addon, 1)).await?;
    Ok(tx.commit().await?)
}
