//! Every store function of tenants, on both databases.

mod feature;
mod jobs;
mod limit;
mod saas_plan;
mod settings;

use base::{Scope, TenantId, page::PageRequest};
use foundation::{
    audit, change,
    db::Error,
    testing::{NOW, TestDb},
};

use super::*;
use crate::domain::values::{Entry, RateLimit, Stale};

foundation::battery! {
    a_tenant_is_made_found_and_listed,
    short_names_are_unique,
    changes_are_versioned_audited_and_told,
    the_directory_reads_what_is_stored,
}

async fn made(db: &TestDb, slug: &str) -> (Tenant, Scope) {
    let mut tx = db.begin().await.unwrap();
    let tenant = create(&mut tx, &db.platform(), TenantSpec::new(slug, slug)).await.unwrap();
    tx.commit().await.unwrap();
    let scope = db.platform().within(tenant.id);
    (tenant, scope)
}

async fn a_tenant_is_made_found_and_listed(db: TestDb) {
    let (first, scope) = made(&db, "warga-net").await;
    let (second, _) = made(&db, "desa-net").await;
    let mut conn = db.conn().await.unwrap();
    let platform = db.platform();
    assert_eq!(load(&mut conn, &scope).await.unwrap(), first);
    assert_eq!(find_by_slug(&mut conn, &platform, "desa-net").await.unwrap(), Some(second.clone()));
    assert_eq!(find(&mut conn, &platform, TenantId::generate(NOW)).await.unwrap(), None);
    let missing = platform.within(TenantId::generate(NOW));
    assert!(matches!(load(&mut conn, &missing).await, Err(Error::RowNotFound)));

    let mut expected = [first.id, second.id];
    expected.sort();
    let page = list(&mut conn, &platform, &PageRequest::new(Some(1), None)).await.unwrap();
    assert_eq!(page.rows[0].id, expected[0]);
    let page = list(&mut conn, &platform, &PageRequest::new(Some(1), page.next)).await.unwrap();
    assert_eq!((page.rows[0].id, page.next), (expected[1], None));
    let broken = PageRequest::new(None, Some("x".into()));
    assert!(matches!(list(&mut conn, &platform, &broken).await, Err(ListError::Cursor)));
}

async fn short_names_are_unique(db: TestDb) {
    let (_, scope) = made(&db, "warga-net").await;
    made(&db, "desa-net").await;
    let mut tx = db.begin().await.unwrap();
    let again = create(&mut tx, &db.platform(), TenantSpec::new("Other", "warga-net")).await;
    assert!(matches!(again, Err(CreateError::SlugTaken)));
    let renamed = update(&mut tx, &scope, None, TenantSpec::new("Warga", "desa-net")).await;
    assert!(matches!(renamed, Err(UpdateError::SlugTaken)));
    // The transaction is still good: nothing was caught from the database.
    let kept = update(&mut tx, &scope, None, TenantSpec::new("Warga", "warga-net")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(kept.spec.name, "Warga");
}

async fn changes_are_versioned_audited_and_told(db: TestDb) {
    let (tenant, scope) = made(&db, "warga-net").await;
    let mut tx = db.begin().await.unwrap();
    let profile =
        IsolirProfile { rate_limit: Some(RateLimit::plain(64_000, 64_000)), ..IsolirProfile::default() };
    let after = set_isolir_profile(&mut tx, &scope, Some(tenant.version), profile.clone()).await.unwrap();
    assert_eq!(after.version, tenant.version.next());
    let late = update(&mut tx, &scope, Some(tenant.version), tenant.spec.clone()).await;
    assert!(matches!(late, Err(UpdateError::Stale(Stale { .. }))));
    let same = update(&mut tx, &scope, None, tenant.spec.clone()).await.unwrap();
    assert_eq!(same.version, after.version, "nothing changed");
    set_status(&mut tx, &db.platform(), tenant.id, TenantStatus::Isolated).await.unwrap();
    let stopped = set_service_stopped(&mut tx, &db.platform(), tenant.id, true).await.unwrap();
    tx.commit().await.unwrap();

    let mut conn = db.conn().await.unwrap();
    let read = load(&mut conn, &scope).await.unwrap();
    assert_eq!(read, stopped);
    assert_eq!(
        (read.status, read.service_stopped, read.isolir_profile),
        (TenantStatus::Isolated, true, profile)
    );
    let trail = audit::list(&mut conn, &scope, &audit::Filter::default(), &PageRequest::new(None, None))
        .await
        .unwrap();
    let acts: Vec<&str> = trail.rows.iter().map(|entry| entry.act.as_str()).collect();
    assert_eq!(
        acts,
        ["tenant.stop_service", "tenant.set_status", "tenant.set_isolir_profile", "tenant.create"]
    );
    assert_eq!(
        trail.rows[2].before.as_ref().unwrap()["isolirProfile"]["rateLimit"]["upload"]["rate"],
        128_000
    );
    let change::Following::Changes(changes) =
        change::changes_after(&mut conn, tenant.id, 0, 10).await.unwrap()
    else {
        panic!("nothing was trimmed")
    };
    assert_eq!(changes.len(), 2, "one a transaction");
    assert_eq!(Entry::of(&changes[1].change), Some(Entry::Tenant(tenant.id)));
}

async fn the_directory_reads_what_is_stored(db: TestDb) {
    let (tenant, scope) = made(&db, "warga-net").await;
    made(&db, "desa-net").await;
    let mut tx = db.begin().await.unwrap();
    let spec =
        TenantSpec { realm: Some("warga.net".into()), time_zone: "Asia/Jayapura".into(), ..tenant.spec };
    update(&mut tx, &scope, None, spec).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let entry = directory_entry(&mut conn, &scope).await.unwrap().unwrap();
    assert_eq!(entry.zone.iana_name(), Some("Asia/Jayapura"));
    assert_eq!(entry.realm.as_deref(), Some("warga.net"));
    assert_eq!(entry.isolir.rate_limit.as_deref(), Some("128k/128k"));
    assert!(!entry.stopped);
    let mut all = Vec::new();
    directory_entries(&mut conn, &db.platform(), |entry| all.push(entry.id)).await.unwrap();
    assert_eq!(all.len(), 2);
    let missing = db.platform().within(TenantId::generate(NOW));
    assert!(directory_entry(&mut conn, &missing).await.unwrap().is_none());
}
