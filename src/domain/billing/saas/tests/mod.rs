//! The platform's invoices, on both databases.

mod crowded;
mod isolation;
mod jobs;
mod plan_change;

use base::{Minor, Platform, SaasInvoiceId, TenantId, page::PageRequest};
use foundation::testing::{NOW, TestDb};

use super::*;
use crate::domain::{
    addon::{self, AddonSpec, Order},
    tenant::{
        self, PlatformSettings, TenantSpec, TenantStatus,
        saas_plan::{self, SaasPlanSpec},
    },
};

foundation::battery! {
    plan_and_charges_stand_on_one_invoice,
    a_cycle_has_one_invoice_however_many_ask,
    who_is_locked_out_learns_what_is_unpaid,
}

/// A tenant since 2026-11-22 whose plan costs 300,000 a month.
pub(super) async fn a_tenant(db: &TestDb) -> TenantId {
    let platform = db.platform();
    let mut tx = db.begin().await.unwrap();
    let pro = SaasPlanSpec { limits: [(tenant::Limit::Routers, 5)].into(), ..price("pro", 300_000) };
    let plan = saas_plan::create(&mut tx, &platform, pro).await.unwrap();
    let spec = TenantSpec::new("Warga", "warga");
    let made = tenant::create_on_plan(&mut tx, &platform, spec, plan.id).await.unwrap();
    tx.commit().await.unwrap();
    made.id
}

pub(super) fn price(code: &str, units: i64) -> SaasPlanSpec {
    SaasPlanSpec::unlimited(code, code, Minor::new(units))
}

pub(super) fn on(db: &TestDb, day: &str) -> Platform {
    Platform { now: format!("{day}T12:00:00+07:00").parse().unwrap(), ..db.platform() }
}

async fn plan_and_charges_stand_on_one_invoice(db: TestDb) {
    let tenant = a_tenant(&db).await;
    let scope = db.platform().within(tenant);
    let mut tx = db.begin().await.unwrap();
    let routers = addon::find_by_code(&mut tx, "extra_router").await.unwrap().unwrap();
    let spec = AddonSpec { unit_price: Minor::new(60_000), ..routers.spec };
    let platform = on(&db, "2026-11-25");
    addon::update(&mut tx, &platform, routers.id, None, spec).await.unwrap();
    addon::archive(&mut tx, &platform, routers.id, None, false).await.unwrap();
    let order = Order { addon: routers.id, units: 1, note: String::new() };
    addon::activate(&mut tx, &platform, tenant, order).await.unwrap();
    let invoice = issue(&mut tx, &platform, tenant, None).await.unwrap();
    tx.commit().await.unwrap();
    // Nine of thirty days of the plan, six of the add-on.
    let amounts: Vec<i64> = invoice.lines.iter().map(|line| line.amount.units()).collect();
    assert_eq!((amounts, invoice.amount.units()), (vec![90_000, 12_000], 102_000));
    assert_eq!(invoice.lines[0].description, "pro, 2026-11-22 – 2026-11-30");
    assert_eq!(
        (invoice.number.as_str(), invoice.due_on.to_string()),
        ("SAAS-2026-000001", "2026-12-02".into())
    );
    let mut conn = db.conn().await.unwrap();
    assert_eq!(load(&mut conn, &scope, invoice.id).await.unwrap(), invoice);
    assert_eq!(addon::open_charges(&mut conn, &scope, 9).await.unwrap(), []);

    // What was a mistake is let go of, and stands on the next one.
    let mut tx = db.begin().await.unwrap();
    let gone = void(&mut tx, &platform, tenant, invoice.id, "wrong price").await.unwrap();
    assert_eq!((gone.status, gone.note.as_str()), (InvoiceStatus::Void, "wrong price"));
    let again = void(&mut tx, &platform, tenant, invoice.id, "").await;
    assert!(matches!(again, Err(SettleError::NotOpen(InvoiceStatus::Void))));
    let next = issue(&mut tx, &platform, tenant, Some(0)).await.unwrap();
    assert_eq!((next.number.as_str(), next.amount), ("SAAS-2026-000002", invoice.amount));
    let paid = pay(&mut tx, &platform, tenant, next.id, "BCA 25/11").await.unwrap();
    assert_eq!((paid.status, paid.version), (InvoiceStatus::Paid, next.version.next()));
    let missing = pay(&mut tx, &platform, tenant, SaasInvoiceId::generate(NOW), "").await;
    assert!(matches!(missing, Err(SettleError::NotFound)));
    let december = issue(&mut tx, &on(&db, "2026-12-01"), tenant, None).await.unwrap();
    assert_eq!((december.lines.len(), december.amount.units()), (2, 360_000), "with the add-on's new month");
    tx.commit().await.unwrap();
    let page = list(&mut conn, &scope, &PageRequest::new(Some(2), None)).await.unwrap();
    assert!(page.rows.len() == 2 && page.next.is_some());
    assert_eq!(unpaid(&mut conn, &scope).await.unwrap(), [december]);
    let events = foundation::event::events_after(&mut conn, tenant, 3, 20).await.unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "invoice_created",
            "invoice_voided",
            "invoice_created",
            "invoice_paid",
            "saas_charge_recorded",
            "invoice_created"
        ]
    );
}

async fn a_cycle_has_one_invoice_however_many_ask(db: TestDb) {
    let tenant = a_tenant(&db).await;
    let db = std::sync::Arc::new(db);
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(4));
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (db, start) = (std::sync::Arc::clone(&db), std::sync::Arc::clone(&start));
        racers.spawn(async move {
            let node = db.open_again().await;
            start.wait().await;
            let mut tx = node.begin().await.unwrap();
            let won = match issue(&mut tx, &on(&db, "2026-11-25"), tenant, None).await {
                Ok(_) => tx.commit().await.map(|()| true).unwrap(),
                Err(IssueError::AlreadyIssued(_)) => tx.rollback().await.map(|()| false).unwrap(),
                Err(error) => panic!("{error:?}"),
            };
            node.close().await;
            won
        });
    }
    assert_eq!(racers.join_all().await.into_iter().filter(|won| *won).count(), 1);
    let mut tx = db.begin().await.unwrap();
    let next = issue(&mut tx, &on(&db, "2026-12-25"), tenant, None).await.unwrap();
    assert_eq!(next.number, "SAAS-2026-000002", "who lost took no number");
    let wrong = issue(&mut tx, &on(&db, "2027-01-25"), tenant, Some(91)).await;
    assert!(matches!(wrong, Err(IssueError::Invalid(_))));
    let nobody = issue(&mut tx, &on(&db, "2027-01-25"), TenantId::generate(NOW), None).await;
    assert!(matches!(nobody, Err(IssueError::UnknownTenant)));
    let free = tenant::create(&mut tx, &db.platform(), TenantSpec::new("Free", "free")).await.unwrap();
    let nothing = issue(&mut tx, &on(&db, "2027-01-25"), free.id, None).await;
    assert!(matches!(nothing, Err(IssueError::NothingOwed)));
}

async fn who_is_locked_out_learns_what_is_unpaid(db: TestDb) {
    let tenant = a_tenant(&db).await;
    let scope = db.platform().within(tenant);
    let mut tx = db.begin().await.unwrap();
    let settings = PlatformSettings { payment_instructions: "BCA 123".into(), ..PlatformSettings::default() };
    tenant::set_platform_settings(&mut tx, &db.platform(), None, settings).await.unwrap();
    let invoice = issue(&mut tx, &on(&db, "2026-11-25"), tenant, Some(3)).await.unwrap();
    assert_eq!(panel_lock(&mut tx, &scope).await.unwrap(), None, "the panel is open");
    tenant::set_status(&mut tx, &db.platform(), tenant, TenantStatus::Isolated).await.unwrap();
    let lock = panel_lock(&mut tx, &scope).await.unwrap().unwrap();
    assert_eq!(lock.how_to_pay, "BCA 123");
    assert_eq!(
        serde_json::to_value(&lock.invoices).unwrap(),
        serde_json::json!([
            { "number": invoice.number, "dueOn": "2026-11-28", "amount": 90_000, "currency": "IDR" }
        ])
    );
    tenant::set_status(&mut tx, &db.platform(), tenant, TenantStatus::Disabled).await.unwrap();
    assert_eq!(panel_lock(&mut tx, &scope).await.unwrap(), None, "who has left is told nothing");
    tx.commit().await.unwrap();
}
