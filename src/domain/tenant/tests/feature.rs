//! Features, on both databases.

use base::{TenantAddonId, TenantId, page::PageRequest};
use foundation::{
    audit,
    event::events_after,
    testing::{NOW, TestDb},
};

use super::made;
use crate::domain::tenant::{
    Feature, Grants, UpdateError,
    feature::{feature_states, set_feature},
    features, grants, set_grants,
};

foundation::battery! {
    add_ons_and_the_super_admin_overrule_the_plan,
    what_a_newer_version_wrote_is_passed_over,
}

async fn add_ons_and_the_super_admin_overrule_the_plan(db: TestDb) {
    let (tenant, scope) = made(&db, "warga").await;
    let platform = db.platform();
    let has = async |feature| features(&mut db.conn().await.unwrap(), &scope).await.unwrap().has(feature);
    assert!(has(Feature::Maps).await);
    let set = async |enabled| {
        let mut tx = db.begin().await.unwrap();
        let states = set_feature(&mut tx, &platform, tenant.id, Feature::Maps, enabled).await.unwrap();
        tx.commit().await.unwrap();
        states.into_iter().find(|state| state.feature == Feature::Maps).unwrap()
    };
    assert_eq!(set(Some(false)).await.overridden, Some(false));
    assert!(!has(Feature::Maps).await && has(Feature::Hr).await);
    let source = TenantAddonId::generate(NOW);
    let add_on = Grants { features: vec![Feature::Maps], ..Grants::default() };
    let mut tx = db.begin().await.unwrap();
    set_grants(&mut tx, &scope, source, &add_on).await.unwrap();
    assert_eq!(grants(&mut tx, &scope, source).await.unwrap(), add_on);
    tx.commit().await.unwrap();
    assert!(!has(Feature::Maps).await, "the super admin has the last word");
    set(None).await;
    assert!(has(Feature::Maps).await);
    let mut tx = db.begin().await.unwrap();
    // Without the plan's word the add-on's remains.
    tx.query("DELETE FROM saas_plan_feature WHERE feature = 'maps'").execute_one().await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let states = feature_states(&mut conn, &scope).await.unwrap();
    let maps = states.iter().find(|state| state.feature == Feature::Maps).unwrap();
    assert!(maps.enabled && maps.by_addon && !maps.by_plan);
    let mut tx = db.begin().await.unwrap();
    set_grants(&mut tx, &scope, source, &Grants::default()).await.unwrap();
    set_feature(&mut tx, &platform, tenant.id, Feature::Maps, None).await.unwrap();
    let missing = set_feature(&mut tx, &platform, TenantId::generate(NOW), Feature::Maps, None).await;
    assert!(matches!(missing, Err(UpdateError::NotFound)));
    tx.commit().await.unwrap();
    assert!(!has(Feature::Maps).await);

    let events = events_after(&mut conn, tenant.id, 1, 10).await.unwrap();
    let told: Vec<_> =
        events.iter().map(|event| (event.kind.as_str(), event.body["enabled"].clone())).collect();
    assert_eq!(told, [("tenant_feature_switched", false.into()), ("tenant_feature_switched", true.into())]);
    let trail =
        audit::list(&mut conn, &scope, &audit::Filter::default(), &PageRequest::new(None, None)).await;
    assert_eq!(trail.unwrap().rows[0].act, "tenant.set_feature");
}

async fn what_a_newer_version_wrote_is_passed_over(db: TestDb) {
    let (_, scope) = made(&db, "warga").await;
    let mut tx = db.begin().await.unwrap();
    let before = features(&mut tx, &scope).await.unwrap();
    tx.query("INSERT INTO feature_override (tenant_id, feature, enabled, at) VALUES ($1, 'rockets', $2, 0)")
        .bind(scope.tenant())
        .bind(true)
        .execute_one()
        .await
        .unwrap();
    assert_eq!(features(&mut tx, &scope).await.unwrap(), before);
    tx.commit().await.unwrap();
}
