//! SaaS plans, on both databases.

use std::collections::BTreeMap;

use base::{Currency, Minor, SaasPlanId, page::PageRequest};
use foundation::{
    audit,
    event::events_after,
    testing::{NOW, TestDb},
};

use super::made;
use crate::domain::tenant::{
    CreateError, Feature, FeatureSet, Limit, TenantSpec, create_on_plan, features, limit, load,
    saas_plan::{self, ArchiveError, AssignError, SaasPlanSpec, TRIAL, UpdateError},
};

foundation::battery! {
    plans_are_made_found_and_listed,
    plans_are_versioned_and_archived,
    a_tenant_has_exactly_one_plan,
    a_change_of_the_plan_reaches_its_tenants_at_once,
}

fn spec(code: &str) -> SaasPlanSpec {
    SaasPlanSpec {
        features: [Feature::Radius, Feature::Maps].into(),
        limits: BTreeMap::from([(Limit::Routers, 3), (Limit::Odps, 7)]),
        ..SaasPlanSpec::unlimited(code, code, Minor::new(250_000))
    }
}

async fn plans_are_made_found_and_listed(db: TestDb) {
    let platform = db.platform();
    let mut tx = db.begin().await.unwrap();
    let trial = saas_plan::find(&mut tx, &platform, TRIAL).await.unwrap().unwrap();
    assert_eq!(trial.spec.code, "trial");
    assert_eq!(FeatureSet::of(trial.spec.features.iter().copied()).iter().count(), Feature::ALL.len());
    assert!(Limit::ALL.iter().all(|limit| trial.spec.limits.contains_key(limit)), "{:?}", trial.spec.limits);
    let pro = saas_plan::create(&mut tx, &platform, spec("pro")).await.unwrap();
    let again = saas_plan::create(&mut tx, &platform, spec("pro")).await;
    assert!(matches!(again, Err(saas_plan::CreateError::CodeTaken)));
    let bad = SaasPlanSpec { name: String::new(), ..spec("bad") };
    assert!(matches!(
        saas_plan::create(&mut tx, &platform, bad).await,
        Err(saas_plan::CreateError::Invalid(_))
    ));
    tx.commit().await.unwrap();

    let mut conn = db.conn().await.unwrap();
    assert_eq!(saas_plan::find(&mut conn, &platform, pro.id).await.unwrap().unwrap(), pro);
    assert_eq!(saas_plan::find_by_code(&mut conn, &platform, "pro").await.unwrap().unwrap(), pro);
    assert_eq!(saas_plan::find_by_code(&mut conn, &platform, "x").await.unwrap(), None);
    let first = saas_plan::list(&mut conn, &platform, &PageRequest::new(Some(1), None)).await.unwrap();
    assert_eq!(first.rows, [trial]);
    let rest = saas_plan::list(&mut conn, &platform, &PageRequest::new(Some(1), first.next)).await.unwrap();
    assert_eq!((rest.rows, rest.next), (vec![pro], None));
}

async fn plans_are_versioned_and_archived(db: TestDb) {
    let platform = db.platform();
    let mut tx = db.begin().await.unwrap();
    let pro = saas_plan::create(&mut tx, &platform, spec("pro")).await.unwrap();
    saas_plan::create(&mut tx, &platform, spec("basic")).await.unwrap();
    let dearer = SaasPlanSpec { price: Minor::new(300_000), limits: BTreeMap::new(), ..spec("pro") };
    let after =
        saas_plan::update(&mut tx, &platform, pro.id, Some(pro.version), dearer.clone()).await.unwrap();
    assert_eq!((&after.spec, after.version), (&dearer, pro.version.next()));
    let late = saas_plan::update(&mut tx, &platform, pro.id, Some(pro.version), spec("pro")).await;
    assert!(matches!(late, Err(UpdateError::Stale(_))));
    let same = saas_plan::update(&mut tx, &platform, pro.id, None, dearer).await.unwrap();
    assert_eq!(same.version, after.version, "nothing changed");
    let taken = saas_plan::update(&mut tx, &platform, pro.id, None, spec("basic")).await;
    assert!(matches!(taken, Err(UpdateError::CodeTaken)));
    let missing = saas_plan::update(&mut tx, &platform, SaasPlanId::generate(NOW), None, spec("x1")).await;
    assert!(matches!(missing, Err(UpdateError::NotFound)));

    assert!(matches!(
        saas_plan::archive(&mut tx, &platform, TRIAL, None, true).await,
        Err(ArchiveError::Trial)
    ));
    let archived = saas_plan::archive(&mut tx, &platform, pro.id, None, true).await.unwrap();
    assert_eq!(archived.archived_at, Some(NOW));
    assert_eq!(saas_plan::archive(&mut tx, &platform, pro.id, None, true).await.unwrap(), archived);
    let refused = create_on_plan(&mut tx, &platform, TenantSpec::new("x1", "x1"), pro.id).await;
    assert!(matches!(refused, Err(CreateError::UnknownPlan)));
    let back = saas_plan::archive(&mut tx, &platform, pro.id, Some(archived.version), false).await.unwrap();
    assert_eq!(back.archived_at, None);
    create_on_plan(&mut tx, &platform, TenantSpec::new("x1", "x1"), pro.id).await.unwrap();
    let dollars = SaasPlanSpec { currency: "USD".parse::<Currency>().unwrap(), ..spec("pro") };
    let refused = saas_plan::update(&mut tx, &platform, pro.id, None, dollars).await;
    assert!(matches!(refused, Err(UpdateError::CurrencyInUse)));
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    assert_eq!(saas_plan::find(&mut conn, &platform, pro.id).await.unwrap().unwrap(), back);
}

async fn a_tenant_has_exactly_one_plan(db: TestDb) {
    let (tenant, scope) = made(&db, "warga").await;
    assert_eq!(tenant.saas_plan, TRIAL);
    let platform = db.platform();
    let mut tx = db.begin().await.unwrap();
    let pro = saas_plan::create(&mut tx, &platform, spec("pro")).await.unwrap();
    let old = saas_plan::create(&mut tx, &platform, spec("old")).await.unwrap();
    saas_plan::archive(&mut tx, &platform, old.id, None, true).await.unwrap();
    let refused = saas_plan::assign(&mut tx, &platform, tenant.id, old.id).await;
    assert!(matches!(refused, Err(AssignError::Archived)));
    let refused = saas_plan::assign(&mut tx, &platform, tenant.id, SaasPlanId::generate(NOW)).await;
    assert!(matches!(refused, Err(AssignError::UnknownPlan)));
    let changed = saas_plan::assign(&mut tx, &platform, tenant.id, pro.id).await.unwrap();
    assert_eq!(saas_plan::assign(&mut tx, &platform, tenant.id, pro.id).await.unwrap(), changed);
    tx.commit().await.unwrap();

    let mut conn = db.conn().await.unwrap();
    assert_eq!(load(&mut conn, &scope).await.unwrap().saas_plan, pro.id);
    assert_eq!(features(&mut conn, &scope).await.unwrap(), FeatureSet::of([Feature::Radius, Feature::Maps]));
    assert_eq!(limit::state(&mut conn, &scope, Limit::Routers).await.unwrap().maximum, Some(3));
    assert_eq!(limit::state(&mut conn, &scope, Limit::Subscribers).await.unwrap().maximum, None);
    let events = events_after(&mut conn, tenant.id, 0, 10).await.unwrap();
    assert_eq!(events[1].kind, "tenant_plan_changed");
    assert_eq!(events[1].body["toPlanId"], pro.id.to_string());
    assert_eq!(events.len(), 2, "giving the same plan again is nothing");
    let trail =
        audit::list(&mut conn, &scope, &audit::Filter::default(), &PageRequest::new(None, None)).await;
    assert_eq!(trail.unwrap().rows[0].act, "tenant.set_plan");
}

async fn a_change_of_the_plan_reaches_its_tenants_at_once(db: TestDb) {
    let platform = db.platform();
    let mut tx = db.begin().await.unwrap();
    let pro = saas_plan::create(&mut tx, &platform, spec("pro")).await.unwrap();
    let tenant = create_on_plan(&mut tx, &platform, TenantSpec::new("warga", "warga"), pro.id).await.unwrap();
    tx.commit().await.unwrap();
    let scope = platform.within(tenant.id);
    // Another node: nothing that this one keeps could make it right there.
    let other = db.open_again().await;
    let look = async || {
        let mut conn = other.conn().await.unwrap();
        let features = features(&mut conn, &scope).await.unwrap();
        (features.has(Feature::Hr), limit::state(&mut conn, &scope, Limit::Routers).await.unwrap().maximum)
    };
    assert_eq!(look().await, (false, Some(3)));
    let mut tx = db.begin().await.unwrap();
    let mut wider = spec("pro");
    wider.features.insert(Feature::Hr);
    wider.limits.insert(Limit::Routers, 9);
    saas_plan::update(&mut tx, &platform, pro.id, None, wider).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(look().await, (true, Some(9)));
    let events =
        events_after(&mut other.conn().await.unwrap(), base::TenantId::PLATFORM, 0, 10).await.unwrap();
    assert_eq!(events.last().unwrap().kind, "saas_plan_changed");
    other.close().await;
}
