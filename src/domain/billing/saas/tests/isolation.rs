//! Who does not pay is locked out, and comes in again with the payment, on both databases.

use std::{collections::BTreeSet, sync::Arc};

use base::{SaasInvoiceId, TenantId, page::PageRequest};
use foundation::{audit, event::events_after, testing::TestDb};

use super::{a_tenant, on};
use crate::domain::{
    billing::saas::{IsolateError, SaasInvoice, SettleError, isolate, issue, pay, void},
    tenant::{self, IsolationReason, Tenant, TenantStatus},
};

foundation::battery! {
    a_payment_takes_unpaid_away_and_nothing_else,
    the_last_invoice_that_locked_the_panel_opens_it,
    what_is_only_open_locks_nobody_out,
    two_who_pay_the_last_two_invoices_together_open_the_panel,
    a_payment_that_is_rolled_back_opens_nothing,
}

const NONE: [IsolationReason; 0] = [];

async fn issued(db: &TestDb, tenant: TenantId, day: &str, due_in_days: i64) -> SaasInvoice {
    let mut tx = db.begin().await.unwrap();
    let invoice = issue(&mut tx, &on(db, day), tenant, Some(due_in_days)).await.unwrap();
    tx.commit().await.unwrap();
    invoice
}

async fn locked(db: &TestDb, tenant: TenantId, day: &str) -> Tenant {
    let mut tx = db.begin().await.unwrap();
    let locked = isolate(&mut tx, &on(db, day), tenant).await.unwrap();
    tx.commit().await.unwrap();
    locked
}

async fn paid(db: &TestDb, tenant: TenantId, id: SaasInvoiceId) {
    let mut tx = db.begin().await.unwrap();
    pay(&mut tx, &on(db, "2026-12-20"), tenant, id, "BCA").await.unwrap();
    tx.commit().await.unwrap();
}

/// How the tenant stands: its status, and why it is locked.
async fn stands(db: &TestDb, id: TenantId) -> (TenantStatus, BTreeSet<IsolationReason>) {
    let mut conn = db.conn().await.unwrap();
    let tenant = tenant::load(&mut conn, &db.platform().within(id)).await.unwrap();
    (tenant.status, tenant.isolation)
}

async fn a_payment_takes_unpaid_away_and_nothing_else(db: TestDb) {
    let id = a_tenant(&db).await;
    let nothing = isolate(&mut db.begin().await.unwrap(), &on(&db, "2026-11-25"), id).await;
    assert!(matches!(nothing, Err(IsolateError::NothingUnpaid)));
    let mut tx = db.begin().await.unwrap();
    let platform = db.platform();
    let nobody = isolate(&mut tx, &platform, TenantId::generate(platform.now)).await;
    assert!(matches!(nobody, Err(IsolateError::Update(tenant::UpdateError::NotFound))));
    drop(tx);
    let november = issued(&db, id, "2026-11-25", 1).await;
    let is = locked(&db, id, "2026-11-27").await;
    assert_eq!((is.status, is.standing), (TenantStatus::Isolated, TenantStatus::Trial));
    assert_eq!(locked(&db, id, "2026-11-28").await, is, "twice is once");
    let mut tx = db.begin().await.unwrap();
    tenant::set_status(&mut tx, &on(&db, "2026-11-28"), id, TenantStatus::Isolated).await.unwrap();
    tx.commit().await.unwrap();
    paid(&db, id, november.id).await;
    let manual = BTreeSet::from([IsolationReason::Manual]);
    assert_eq!(stands(&db, id).await, (TenantStatus::Isolated, manual), "the super admin's word stays");
    let mut tx = db.begin().await.unwrap();
    tenant::lift(&mut tx, &db.platform().within(id), IsolationReason::Manual).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stands(&db, id).await, (TenantStatus::Trial, NONE.into()), "what it was before");

    let mut conn = db.conn().await.unwrap();
    let events = events_after(&mut conn, id, 2, 20).await.unwrap();
    let told: Vec<(&str, &serde_json::Value)> =
        events.iter().map(|event| (event.kind.as_str(), &event.body)).collect();
    let invoice = serde_json::json!({ "invoiceId": november.id });
    assert_eq!(
        told[told.len() - 5..],
        [
            ("tenant_isolated", &serde_json::json!({ "reason": "unpaid" })),
            ("tenant_isolated", &serde_json::json!({ "reason": "manual" })),
            ("invoice_paid", &invoice),
            ("tenant_lifted", &serde_json::json!({ "reason": "unpaid", "free": false })),
            ("tenant_lifted", &serde_json::json!({ "reason": "manual", "free": true })),
        ]
    );
    let scope = db.platform().within(id);
    let trail =
        audit::list(&mut conn, &scope, &audit::Filter::default(), &PageRequest::new(None, None)).await;
    let acts: Vec<String> = trail.unwrap().rows.into_iter().map(|entry| entry.act).collect();
    let expected = ["tenant.lift", "tenant.lift", "saas_invoice.pay", "tenant.set_status", "tenant.isolate"];
    assert_eq!(acts[..5], expected);
}

async fn the_last_invoice_that_locked_the_panel_opens_it(db: TestDb) {
    let id = a_tenant(&db).await;
    let november = issued(&db, id, "2026-11-25", 1).await;
    let december = issued(&db, id, "2026-12-01", 7).await;
    locked(&db, id, "2026-12-10").await;
    let january = issued(&db, id, "2027-01-01", 7).await;
    paid(&db, id, november.id).await;
    assert_eq!(stands(&db, id).await.0, TenantStatus::Isolated, "December locked it too");
    let mut tx = db.begin().await.unwrap();
    void(&mut tx, &on(&db, "2027-01-02"), id, december.id, "salah").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stands(&db, id).await, (TenantStatus::Trial, NONE.into()), "January is not due");
    paid(&db, id, january.id).await;
    assert_eq!(stands(&db, id).await.0, TenantStatus::Trial);
    // What the super admin has opened is open, whatever is paid later.
    let february = issued(&db, id, "2027-02-01", 0).await;
    locked(&db, id, "2027-02-02").await;
    let mut tx = db.begin().await.unwrap();
    tenant::set_status(&mut tx, &db.platform(), id, TenantStatus::Active).await.unwrap();
    tx.commit().await.unwrap();
    paid(&db, id, february.id).await;
    assert_eq!(stands(&db, id).await, (TenantStatus::Active, NONE.into()));
}

async fn what_is_only_open_locks_nobody_out(db: TestDb) {
    let id = a_tenant(&db).await;
    let november = issued(&db, id, "2026-11-25", 1).await;
    let december = issued(&db, id, "2026-12-01", 30).await;
    locked(&db, id, "2026-12-02").await;
    paid(&db, id, november.id).await;
    assert_eq!(stands(&db, id).await.0, TenantStatus::Trial, "December was not overdue");
    // Where nothing is overdue the super admin's word makes all that is open a cause.
    locked(&db, id, "2026-12-03").await;
    assert_eq!(stands(&db, id).await.0, TenantStatus::Isolated);
    paid(&db, id, december.id).await;
    assert_eq!(stands(&db, id).await.0, TenantStatus::Trial);
}

async fn two_who_pay_the_last_two_invoices_together_open_the_panel(db: TestDb) {
    let id = a_tenant(&db).await;
    let both = [issued(&db, id, "2026-11-25", 1).await.id, issued(&db, id, "2026-12-01", 1).await.id];
    locked(&db, id, "2026-12-10").await;
    let db = Arc::new(db);
    let start = Arc::new(tokio::sync::Barrier::new(2));
    let mut racers = tokio::task::JoinSet::new();
    for invoice in both {
        let (db, start) = (Arc::clone(&db), Arc::clone(&start));
        racers.spawn(async move {
            let node = db.open_again().await;
            start.wait().await;
            let mut tx = node.begin().await.unwrap();
            pay(&mut tx, &on(&db, "2026-12-20"), id, invoice, "BCA").await.unwrap();
            tx.commit().await.unwrap();
            node.close().await;
        });
    }
    racers.join_all().await;
    assert_eq!(stands(&db, id).await, (TenantStatus::Trial, NONE.into()));
}

async fn a_payment_that_is_rolled_back_opens_nothing(db: TestDb) {
    let id = a_tenant(&db).await;
    let invoice = issued(&db, id, "2026-11-25", 1).await;
    locked(&db, id, "2026-12-10").await;
    let mut tx = db.begin().await.unwrap();
    pay(&mut tx, &on(&db, "2026-12-20"), id, invoice.id, "BCA").await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(stands(&db, id).await.0, TenantStatus::Isolated);
    paid(&db, id, invoice.id).await;
    let again = pay(&mut db.begin().await.unwrap(), &db.platform(), id, invoice.id, "BCA").await;
    assert!(matches!(again, Err(SettleError::NotOpen(_))));
}
