//! Every store function of plans, on both databases.

use base::{Minor, PlanId, Scope, page::PageRequest};
use foundation::testing::{NOW, TestDb};
use radius::dictionary::{Dictionary, builtin};

use super::*;
use crate::domain::{
    tenant::{self, TenantSpec},
    values::{AttributeText, RateLimit, rate_limit::Burst},
};

foundation::battery! {
    a_plan_is_made_found_and_listed,
    changes_are_versioned,
    the_directory_reads_what_is_stored,
}

fn dictionary() -> Dictionary {
    builtin::dictionary().unwrap()
}

async fn tenant(db: &TestDb, slug: &str) -> Scope {
    let mut tx = db.begin().await.unwrap();
    let tenant = tenant::create(&mut tx, &db.platform(), TenantSpec::new(slug, slug)).await.unwrap();
    tx.commit().await.unwrap();
    db.platform().within(tenant.id)
}

async fn made(db: &TestDb, scope: &Scope, spec: PlanSpec) -> Result<Plan, CreateError> {
    let mut tx = db.begin().await.unwrap();
    let plan = create(&mut tx, scope, &dictionary(), spec).await?;
    tx.commit().await.unwrap();
    Ok(plan)
}

fn full() -> PlanSpec {
    let mut limit = RateLimit::plain(5_000_000, 20_000_000);
    limit.download.burst = Some(Burst { rate: 40_000_000, threshold: 15_000_000, seconds: 8 });
    PlanSpec {
        service: Service {
            rate_limit: Some(limit),
            pool: Some("home".into()),
            ipv6_pool: Some("six".into()),
            delegated_ipv6_pool: Some("delegated".into()),
            group: Some("default".into()),
            address_list: Some("customers".into()),
            filter: Some("strict.in".into()),
            session_timeout: Some(86_400),
            idle_timeout: Some(600),
            interim_interval: 600,
            simultaneous: 2,
            quota: Some(Quota { octets: 100_000_000_000, period: QuotaPeriod::Month }),
            hours: vec![Hours {
                days: vec![Weekday::Monday],
                from: "08:00".parse().unwrap(),
                to: "17:00".parse().unwrap(),
            }],
        },
        attributes: vec![AttributeText { name: "Mikrotik-Mark-Id".into(), value: "gold".into() }],
        ..PlanSpec::monthly("Home 20", Minor::new(250_000))
    }
}

async fn a_plan_is_made_found_and_listed(db: TestDb) {
    let (one, two) = (tenant(&db, "one").await, tenant(&db, "two").await);
    let plan = made(&db, &one, full()).await.unwrap();
    let same_name = made(&db, &two, full()).await.unwrap();
    assert!(matches!(made(&db, &one, full()).await, Err(CreateError::NameTaken)));
    let unknown = AttributeText { name: "Mikrotik-Nothing".into(), value: "1".into() };
    let refused = made(&db, &one, PlanSpec { attributes: vec![unknown], name: "x".into(), ..full() }).await;
    assert!(matches!(refused, Err(CreateError::Invalid(invalid)) if invalid.field == "attributes.0"));
    let second = made(&db, &one, PlanSpec::monthly("Home 50", Minor::new(400_000))).await.unwrap();

    let mut conn = db.conn().await.unwrap();
    assert_eq!(load(&mut conn, &one, plan.id).await.unwrap(), plan);
    assert!(
        matches!(load(&mut conn, &one, same_name.id).await, Err(LoadError::NotFound)),
        "another tenant's"
    );
    let names = names(&mut conn, &one).await.unwrap();
    assert_eq!((names.len(), names["Home 20"]), (2, plan.id));
    let mut expected = [plan.id, second.id];
    expected.sort();
    let page = list(&mut conn, &one, &PageRequest::new(Some(1), None)).await.unwrap();
    let rest = list(&mut conn, &one, &PageRequest::new(Some(1), page.next)).await.unwrap();
    assert_eq!([page.rows[0].id, rest.rows[0].id], expected);
    assert_eq!(rest.next, None);
    drop(conn);

    let mut tx = db.begin().await.unwrap();
    assert!(matches!(delete(&mut tx, &two, plan.id).await, Err(DeleteError::NotFound)));
    delete(&mut tx, &one, plan.id).await.unwrap();
    tx.commit().await.unwrap();
    made(&db, &one, full()).await.unwrap();
}

async fn changes_are_versioned(db: TestDb) {
    let scope = tenant(&db, "warga").await;
    let plan = made(&db, &scope, full()).await.unwrap();
    made(&db, &scope, PlanSpec::monthly("Home 50", Minor::ZERO)).await.unwrap();
    let spec = PlanSpec {
        name: "Home 25".into(),
        attributes: Vec::new(),
        billing: Billing::Prepaid,
        validity: Validity { months: 0, days: 30 },
        ..full()
    };
    let mut tx = db.begin().await.unwrap();
    let changed =
        update(&mut tx, &scope, &dictionary(), plan.id, Some(plan.version), spec.clone()).await.unwrap();
    let late = update(&mut tx, &scope, &dictionary(), plan.id, Some(plan.version), full()).await;
    assert!(matches!(late, Err(UpdateError::Stale(_))));
    let taken = PlanSpec { name: "Home 50".into(), ..spec.clone() };
    let taken = update(&mut tx, &scope, &dictionary(), plan.id, None, taken).await;
    assert!(matches!(taken, Err(UpdateError::NameTaken)));
    let missing = update(&mut tx, &scope, &dictionary(), PlanId::generate(NOW), None, full()).await;
    assert!(matches!(missing, Err(UpdateError::NotFound)));
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let read = load(&mut conn, &scope, plan.id).await.unwrap();
    assert_eq!((&read, &read.spec), (&changed, &spec));
}

async fn the_directory_reads_what_is_stored(db: TestDb) {
    let (one, two) = (tenant(&db, "one").await, tenant(&db, "two").await);
    let plan = made(&db, &one, full()).await.unwrap();
    let plain = made(&db, &two, PlanSpec::monthly("Plain", Minor::ZERO)).await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let entry = directory_entry(&mut conn, &one, plan.id).await.unwrap().unwrap();
    assert_eq!(entry.rate_limit.as_deref(), Some("5M/20M 0/40M 0/15M 0/8"));
    assert_eq!(*entry.hours, [(480, 1_020)]);
    assert_eq!(*entry.attributes, *b"\x1a\x0c\x00\x00\x3a\x8c\x0b\x06gold");
    assert_eq!((entry.pool.as_deref(), entry.simultaneous, entry.interim_interval), (Some("home"), 2, 600));
    assert!(directory_entry(&mut conn, &one, plain.id).await.unwrap().is_none(), "another tenant's");
    let mut all = Vec::new();
    directory_entries(&mut conn, &db.platform(), |entry| all.push((entry.tenant, entry.id))).await.unwrap();
    all.sort();
    let mut expected = vec![(one.tenant(), plan.id), (two.tenant(), plain.id)];
    expected.sort();
    assert_eq!(all, expected);
}
