//! The job that makes the invoices of all tenants, on both databases.

use std::sync::Arc;

use base::{Clock, Minor, Platform, TenantId, Timestamp, page::PageRequest};
use foundation::{
    event::events_after,
    job::{self, Options, Registry, Settings, State, Workers, manage},
    testing::TestDb,
};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::price;
use crate::domain::{
    addon::{self, AddonSpec, Order},
    billing::saas::{
        self, InvoiceStatus, SaasInvoice,
        jobs::{MonthlySaasInvoice, register},
        list, pay,
        round::go_round,
    },
    tenant::{
        self, Handling, PlatformSettings, TenantSpec, TenantStatus,
        saas_plan::{self, Cycle},
    },
    values::Day,
};

foundation::battery! {
    each_month_is_asked_for_once_by_the_tenants_own_calendar,
    add_ons_of_the_new_month_stand_on_its_invoice,
    who_does_not_pay_is_told_and_locked_out,
    the_policy_may_be_manual,
    trial_days_are_free,
    three_nodes_make_one_invoice,
    one_tenant_that_cannot_be_reckoned_holds_up_nobody,
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// A tenant of this zone since the first of November that pays 300,000 a month.
async fn tenant_in(db: &TestDb, slug: &str, zone: &str, status: TenantStatus) -> TenantId {
    let platform = Platform { now: at("2026-11-01T12:00:00Z"), ..db.platform() };
    let mut tx = db.begin().await.unwrap();
    let plan = saas_plan::create(&mut tx, &platform, price(slug, 300_000)).await.unwrap();
    let spec = TenantSpec { time_zone: zone.into(), ..TenantSpec::new(slug, slug) };
    let made = tenant::create_on_plan(&mut tx, &platform, spec, plan.id).await.unwrap();
    tenant::set_status(&mut tx, &platform, made.id, status).await.unwrap();
    tx.commit().await.unwrap();
    made.id
}

/// Runs the job once; gives the lines of its log.
async fn run(db: &TestDb, now: &str) -> Vec<String> {
    let (clock, _hand) = Clock::mock(at(now));
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    let settings = Settings { node: "node-1".into(), at_once: 2 };
    let mut workers = Workers::new((**db).clone(), Arc::new(registry), clock, settings);
    let mut tx = db.begin().await.unwrap();
    let errand = MonthlySaasInvoice::default();
    let id = job::enqueue(&mut tx, &db.platform(), &errand, Options::default()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    workers.run_due().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let lines = manage::log_of(&mut conn, id).await.unwrap();
    let lines: Vec<String> = lines.into_iter().map(|line| line.text).collect();
    assert_eq!(manage::find(&mut conn, id).await.unwrap().unwrap().state, State::Done, "{lines:?}");
    lines
}

async fn invoices(db: &TestDb, tenant: TenantId) -> Vec<SaasInvoice> {
    let mut conn = db.conn().await.unwrap();
    let scope = db.platform().within(tenant);
    list(&mut conn, &scope, &PageRequest::new(Some(50), None)).await.unwrap().rows
}

async fn status(db: &TestDb, tenant: TenantId) -> TenantStatus {
    let mut conn = db.conn().await.unwrap();
    tenant::load(&mut conn, &db.platform().within(tenant)).await.unwrap().status
}

async fn set(db: &TestDb, settings: PlatformSettings) {
    let mut tx = db.begin().await.unwrap();
    tenant::set_platform_settings(&mut tx, &db.platform(), None, settings).await.unwrap();
    tx.commit().await.unwrap();
}

async fn each_month_is_asked_for_once_by_the_tenants_own_calendar(db: TestDb) {
    let mut tenants = Vec::new();
    // UTC+14, +9, +7, -5 and -11.
    for zone in
        ["Pacific/Kiritimati", "Asia/Jayapura", "Asia/Jakarta", "America/New_York", "Pacific/Pago_Pago"]
    {
        let slug = zone.to_lowercase().replace(['/', '_'], "-");
        tenants.push(tenant_in(&db, &slug, zone, TenantStatus::Active).await);
    }
    let months = async || {
        let mut counts = Vec::new();
        for tenant in &tenants {
            counts.push(invoices(&db, *tenant).await.len());
        }
        counts
    };
    run(&db, "2026-11-20T12:00:00Z").await;
    assert_eq!(months().await, [1, 1, 1, 1, 1]);
    for (now, expected) in [
        ("2026-11-30T09:59:59Z", [1, 1, 1, 1, 1]),
        ("2026-11-30T10:00:00Z", [2, 1, 1, 1, 1]),
        ("2026-11-30T15:00:00Z", [2, 2, 1, 1, 1]),
        ("2026-11-30T16:59:59Z", [2, 2, 1, 1, 1]),
        ("2026-11-30T17:00:00Z", [2, 2, 2, 1, 1]),
        ("2026-12-01T05:00:00Z", [2, 2, 2, 2, 1]),
        ("2026-12-01T11:00:00Z", [2, 2, 2, 2, 2]),
        ("2026-12-31T09:00:00Z", [2, 2, 2, 2, 2]),
    ] {
        run(&db, now).await;
        assert_eq!(months().await, expected, "{now}");
        run(&db, now).await;
        assert_eq!(months().await, expected, "{now}, again");
    }
    let jakarta = &invoices(&db, tenants[2]).await[1];
    let (from, until) = (jakarta.period_from.to_string(), jakarta.period_until.to_string());
    assert_eq!((from.as_str(), until.as_str()), ("2026-12-01", "2027-01-01"));
    assert_eq!((jakarta.amount, jakarta.due_on.to_string()), (Minor::new(300_000), "2026-12-08".to_owned()));
}

async fn add_ons_of_the_new_month_stand_on_its_invoice(db: TestDb) {
    let id = tenant_in(&db, "warga", "Asia/Jakarta", TenantStatus::Active).await;
    let platform = Platform { now: at("2026-11-24T12:00:00+07:00"), ..db.platform() };
    run(&db, "2026-11-02T12:00:00Z").await;
    let mut tx = db.begin().await.unwrap();
    let spec = AddonSpec {
        code: "vip".into(),
        name: "VIP".into(),
        description: String::new(),
        kind: addon::AddonKind::Official,
        unit_price: Minor::new(30_000),
        currency: base::Currency::IDR,
        cycle: Cycle::Monthly,
        max_units: 9,
        limits: [].into(),
        features: [tenant::Feature::Hr].into(),
    };
    let vip = addon::create(&mut tx, &platform, spec).await.unwrap();
    let order = Order { addon: vip.id, units: 2, note: String::new() };
    addon::activate(&mut tx, &platform, id, order).await.unwrap();
    tx.commit().await.unwrap();
    let lines = run(&db, "2026-11-30T17:00:01Z").await;
    assert!(lines.iter().any(|line| line.ends_with("IDR 374000")), "{lines:?}");
    let december = invoices(&db, id).await.pop().unwrap();
    // The plan; seven days of November and all of December for two units.
    let amounts: Vec<i64> = december.lines.iter().map(|line| line.amount.units()).collect();
    assert_eq!(amounts, [300_000, 14_000, 60_000]);
}

async fn who_does_not_pay_is_told_and_locked_out(db: TestDb) {
    let id = tenant_in(&db, "warga", "Asia/Jakarta", TenantStatus::Active).await;
    set(&db, PlatformSettings { invoice_due_days: 5, grace_days: 3, ..PlatformSettings::default() }).await;
    run(&db, "2026-12-01T00:00:00+07:00").await;
    run(&db, "2026-12-06T23:59:59+07:00").await;
    let told = async || {
        let mut conn = db.conn().await.unwrap();
        let events = events_after(&mut conn, id, 0, 100).await.unwrap();
        let wanted = ["invoice_overdue", "tenant_isolated", "tenant_lifted"];
        let kinds = events.into_iter().map(|event| event.kind);
        kinds.filter(|kind| wanted.contains(&kind.as_str())).collect::<Vec<_>>()
    };
    assert!(told().await.is_empty(), "the last day to pay on");
    run(&db, "2026-12-07T00:00:00+07:00").await;
    assert_eq!(
        (told().await, status(&db, id).await),
        (vec!["invoice_overdue".to_owned()], TenantStatus::Active)
    );
    run(&db, "2026-12-09T12:00:00+07:00").await;
    assert_eq!(status(&db, id).await, TenantStatus::Active, "the last day of grace");
    run(&db, "2026-12-10T00:00:00+07:00").await;
    assert_eq!(
        (told().await, status(&db, id).await),
        (vec!["invoice_overdue".to_owned(), "tenant_isolated".to_owned()], TenantStatus::Isolated)
    );
    // Once by each invoice: what the super admin opens stays open.
    let mut tx = db.begin().await.unwrap();
    tenant::set_status(&mut tx, &db.platform(), id, TenantStatus::Active).await.unwrap();
    tx.commit().await.unwrap();
    run(&db, "2026-12-11T12:00:00+07:00").await;
    assert_eq!(status(&db, id).await, TenantStatus::Active);
    run(&db, "2027-01-01T12:00:00+07:00").await;
    run(&db, "2027-01-10T12:00:00+07:00").await;
    assert_eq!(status(&db, id).await, TenantStatus::Isolated, "January gives cause");
    let both = invoices(&db, id).await;
    for (invoice, expected) in both.iter().zip([TenantStatus::Isolated, TenantStatus::Active]) {
        let mut tx = db.begin().await.unwrap();
        pay(&mut tx, &db.platform(), id, invoice.id, "BCA").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(status(&db, id).await, expected);
    }
    run(&db, "2027-01-11T12:00:00+07:00").await;
    assert_eq!(status(&db, id).await, TenantStatus::Active);
}

async fn the_policy_may_be_manual(db: TestDb) {
    let id = tenant_in(&db, "warga", "Asia/Jakarta", TenantStatus::Active).await;
    set(&db, PlatformSettings { isolation: Handling::Manual, ..PlatformSettings::default() }).await;
    run(&db, "2026-12-01T12:00:00+07:00").await;
    set(
        &db,
        PlatformSettings {
            isolation: Handling::Manual,
            invoicing: Handling::Manual,
            ..PlatformSettings::default()
        },
    )
    .await;
    let lines = run(&db, "2027-02-01T12:00:00+07:00").await;
    assert_eq!(invoices(&db, id).await.len(), 1, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("0 invoices, 1 overdue, 0 isolated")), "{lines:?}");
    assert_eq!(status(&db, id).await, TenantStatus::Active);
    // By hand there is an invoice, and a lock.
    let platform = Platform { now: at("2027-02-01T13:00:00+07:00"), ..db.platform() };
    let mut tx = db.begin().await.unwrap();
    let invoice = saas::issue(&mut tx, &platform, id, None).await.unwrap();
    assert_eq!((invoice.amount, invoice.status), (Minor::new(300_000), InvoiceStatus::Open));
    assert_eq!(saas::isolate(&mut tx, &platform, id).await.unwrap().status, TenantStatus::Isolated);
    tx.commit().await.unwrap();
}

async fn trial_days_are_free(db: TestDb) {
    let id = tenant_in(&db, "warga", "Asia/Jakarta", TenantStatus::Trial).await;
    for day in ["2026-11-30", "2026-12-01", "2026-12-21"] {
        run(&db, &format!("{day}T00:10:00+07:00")).await;
    }
    assert_eq!(invoices(&db, id).await, []);
    let mut tx = db.begin().await.unwrap();
    tenant::set_status(&mut tx, &db.platform(), id, TenantStatus::Active).await.unwrap();
    tx.commit().await.unwrap();
    run(&db, "2026-12-21T12:00:00+07:00").await;
    assert_eq!(invoices(&db, id).await, [], "with its next day");
    run(&db, "2026-12-22T00:00:00+07:00").await;
    let first = invoices(&db, id).await.pop().unwrap();
    // Eleven of 31 days, the 21st among them.
    assert_eq!(
        (first.amount.units(), first.lines[0].description.as_str()),
        (106_452, "warga, 2026-12-21 – 2026-12-31")
    );
}

async fn three_nodes_make_one_invoice(db: TestDb) {
    let id = tenant_in(&db, "warga", "Asia/Jakarta", TenantStatus::Active).await;
    let db = Arc::new(db);
    let start = Arc::new(tokio::sync::Barrier::new(3));
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (db, start) = (Arc::clone(&db), Arc::clone(&start));
        nodes.spawn(async move {
            let node = db.open_again().await;
            let platform = Platform { now: at("2026-12-01T12:00:00+07:00"), ..db.platform() };
            start.wait().await;
            let mut tx = node.begin().await.unwrap();
            let done = go_round(&mut tx, &platform, id, &PlatformSettings::default()).await.unwrap();
            tx.commit().await.unwrap();
            node.close().await;
            usize::from(done.issued.is_some())
        });
    }
    assert_eq!(nodes.join_all().await.into_iter().sum::<usize>(), 1);
    assert_eq!(invoices(&db, id).await.len(), 1);
}

async fn one_tenant_that_cannot_be_reckoned_holds_up_nobody(db: TestDb) {
    let odd = tenant_in(&db, "ganjil", "Asia/Jakarta", TenantStatus::Active).await;
    let right = tenant_in(&db, "warga", "Asia/Jakarta", TenantStatus::Active).await;
    let mut tx = db.begin().await.unwrap();
    tx.query("UPDATE saas_plan SET price = $1 WHERE code = 'ganjil'")
        .bind(i64::MAX)
        .execute_one()
        .await
        .unwrap();
    let scope = db.platform().within(odd);
    let plan = tenant::load(&mut tx, &scope).await.unwrap().saas_plan;
    let month = Cycle::Monthly.period("2026-12-01".parse().unwrap(), "2026-12-01".parse().unwrap());
    let charge = addon::PlanCharge {
        plan,
        description: "before".into(),
        price: Minor::new(1),
        currency: base::Currency::IDR,
        amount: Minor::new(1),
        cycle: month,
        days: month,
    };
    addon::record_plan_charge(&mut tx, &scope, charge).await.unwrap();
    tx.commit().await.unwrap();
    let lines = run(&db, "2026-12-01T12:00:00+07:00").await;
    assert!(
        lines.iter().any(|line| line.contains("1 invoices, 0 overdue, 0 isolated, 1 failed")),
        "{lines:?}"
    );
    assert_eq!((invoices(&db, odd).await.len(), invoices(&db, right).await.len()), (0, 1));
    // It is tried again, and the number was given back.
    let mut tx = db.begin().await.unwrap();
    tx.query("UPDATE saas_plan SET price = 5 WHERE code = 'ganjil'").execute_one().await.unwrap();
    tx.commit().await.unwrap();
    run(&db, "2026-12-01T13:00:00+07:00").await;
    assert_eq!(invoices(&db, odd).await[0].number, "SAAS-2026-000002");
}

proptest! {
    /// Whoever looks every ten minutes sees each local month once, one behind the other, whatever clocks do there.
    #[test]
    fn every_month_begins_once_in_every_zone(
        zone in prop::sample::select(vec![
            "Asia/Jakarta", "Asia/Jayapura", "America/Sao_Paulo", "America/New_York", "Europe/Berlin",
            "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe", "Africa/Casablanca",
        ]),
        start in 1_262_304_000_i64..2_208_988_800, steps in 1_usize..20_000,
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let month = |step: usize| {
            let seconds = start + i64::try_from(step).unwrap() * 600;
            let day = Day::at(Timestamp::from_millis(seconds * 1_000), &zone);
            let month = Cycle::Monthly.period(day, day);
            assert!(month.from <= day && day < month.until);
            month
        };
        let mut before = month(0);
        for step in 1..steps {
            let now = month(step);
            prop_assert!(now == before || now.from == before.until, "{:?} after {:?}", now, before);
            before = now;
        }
    }
}
