//! What a change of the plan within a cycle costs, on both databases.

use base::{Currency, Minor, SaasPlanId, TenantId};
use foundation::testing::TestDb;

use super::{a_tenant, on, price};
use crate::domain::{
    addon::{self, AddonSpec, Order},
    billing::saas::{ChangePlanError, InvoiceStatus, SaasInvoice, change_plan, issue, round::go_round, void},
    tenant::{
        self, Limit, PlatformSettings, TenantStatus,
        saas_plan::{self, Cycle, SaasPlanSpec, TRIAL},
    },
};

foundation::battery! {
    more_is_charged_for_the_rest_of_the_cycle,
    less_is_given_back_and_carried_over,
    back_and_forth_on_one_day_costs_nothing,
    days_that_no_invoice_asked_for_are_charged_once,
    a_free_month_that_has_an_invoice_is_charged_from_the_change_on,
    the_last_day_of_a_free_month_is_charged,
    who_becomes_active_on_a_month_s_last_day_is_charged_for_it,
    a_year_is_left_for_a_month_and_the_other_way_round,
    a_void_invoice_and_a_change_go_together,
    a_void_invoice_of_an_earlier_month_is_asked_for_again_in_any_order,
    a_void_invoice_of_free_days_is_not_asked_for_again,
    another_currency_needs_a_clean_slate,
}

async fn plan(db: &TestDb, spec: SaasPlanSpec) -> SaasPlanId {
    let mut tx = db.begin().await.unwrap();
    let plan = saas_plan::create(&mut tx, &db.platform(), spec).await.unwrap();
    tx.commit().await.unwrap();
    plan.id
}

async fn changed(db: &TestDb, tenant: TenantId, day: &str, plan: SaasPlanId) {
    let mut tx = db.begin().await.unwrap();
    change_plan(&mut tx, &on(db, day), tenant, plan).await.unwrap();
    tx.commit().await.unwrap();
}

async fn issued(db: &TestDb, tenant: TenantId, day: &str) -> SaasInvoice {
    let mut tx = db.begin().await.unwrap();
    let invoice = issue(&mut tx, &on(db, day), tenant, None).await.unwrap();
    tx.commit().await.unwrap();
    invoice
}

/// What stands on no invoice yet.
async fn open(db: &TestDb, tenant: TenantId) -> Vec<(String, i64)> {
    let mut conn = db.conn().await.unwrap();
    let charges = addon::open_charges(&mut conn, &db.platform().within(tenant), 99).await.unwrap();
    let mut open: Vec<_> =
        charges.into_iter().map(|charge| (charge.description, charge.amount.units())).collect();
    open.sort_by_key(|(_, amount)| *amount);
    open
}

fn lines(invoice: &SaasInvoice) -> Vec<i64> {
    let mut lines: Vec<i64> = invoice.lines.iter().map(|line| line.amount.units()).collect();
    lines.sort_unstable();
    lines
}

async fn own_plan(db: &TestDb, tenant: TenantId) -> SaasPlanId {
    let mut conn = db.conn().await.unwrap();
    tenant::load(&mut conn, &db.platform().within(tenant)).await.unwrap().saas_plan
}

async fn more_is_charged_for_the_rest_of_the_cycle(db: TestDb) {
    let id = a_tenant(&db).await;
    let max = plan(&db, price("max", 600_000)).await;
    assert_eq!(issued(&db, id, "2026-12-01").await.amount.units(), 300_000);
    changed(&db, id, "2026-12-21", max).await;
    let owed = [
        ("pro given back, 2026-12-21 – 2026-12-31".to_owned(), -106_452),
        ("max, 2026-12-21 – 2026-12-31".to_owned(), 212_903),
    ];
    assert_eq!(open(&db, id).await, owed, "eleven of 31 days");
    changed(&db, id, "2026-12-22", max).await;
    assert_eq!(open(&db, id).await.len(), 2, "the same plan again is nothing");
    let january = issued(&db, id, "2027-01-01").await;
    assert_eq!((lines(&january), january.amount.units()), (vec![-106_452, 212_903, 600_000], 706_451));
    assert_eq!(january.lines[0].description, "max, 2027-01-01 – 2027-01-31");
    let mut conn = db.conn().await.unwrap();
    let events = foundation::event::events_after(&mut conn, id, 1, 20).await.unwrap();
    let told = events.iter().filter(|event| event.kind == "tenant_plan_changed").count();
    assert_eq!(told, 1);
}

async fn less_is_given_back_and_carried_over(db: TestDb) {
    let id = a_tenant(&db).await;
    let small = plan(&db, price("small", 31_000)).await;
    issued(&db, id, "2026-12-01").await;
    changed(&db, id, "2026-12-02", small).await;
    // 30 of 31 days: 290,323 back, 30,000 taken; January takes 31,000.
    let january = issued(&db, id, "2027-01-01").await;
    assert_eq!((january.amount.units(), january.status), (0, InvoiceStatus::Paid));
    assert_eq!(lines(&january), [-290_323, 30_000, 31_000, 229_323]);
    assert_eq!(open(&db, id).await, [(format!("Carried over from {}", january.number), -229_323)]);
    let february = issued(&db, id, "2027-02-01").await;
    assert_eq!((february.amount.units(), lines(&february)), (0, vec![-229_323, 31_000, 198_323]));
    // With nothing to pay there is no invoice, and what is given back waits.
    changed(&db, id, "2027-03-01", TRIAL).await;
    let mut tx = db.begin().await.unwrap();
    let nothing = issue(&mut tx, &on(&db, "2027-03-01"), id, None).await;
    assert!(matches!(nothing, Err(crate::domain::billing::saas::IssueError::NothingOwed)), "{nothing:?}");
    drop(tx);
    assert_eq!(open(&db, id).await.iter().map(|(_, amount)| amount).sum::<i64>(), -198_323);
    changed(&db, id, "2027-04-01", own_plan_named(&db, "pro").await).await;
    assert_eq!(issued(&db, id, "2027-04-01").await.amount.units(), 300_000 - 198_323);
}

async fn own_plan_named(db: &TestDb, code: &str) -> SaasPlanId {
    let mut conn = db.conn().await.unwrap();
    saas_plan::find_by_code(&mut conn, &db.platform(), code).await.unwrap().unwrap().id
}

async fn back_and_forth_on_one_day_costs_nothing(db: TestDb) {
    let id = a_tenant(&db).await;
    let (pro, max) = (own_plan(&db, id).await, plan(&db, price("max", 777_777)).await);
    issued(&db, id, "2026-12-01").await;
    for to in [max, TRIAL, max, pro] {
        changed(&db, id, "2026-12-14", to).await;
    }
    assert_eq!(open(&db, id).await.iter().map(|(_, amount)| amount).sum::<i64>(), 0);
    assert_eq!(issued(&db, id, "2027-01-01").await.amount.units(), 300_000);
}

async fn days_that_no_invoice_asked_for_are_charged_once(db: TestDb) {
    let id = a_tenant(&db).await;
    let max = plan(&db, price("max", 600_000)).await;
    // Since the 22nd: five days of pro, four of max.
    changed(&db, id, "2026-11-27", max).await;
    assert_eq!(open(&db, id).await, [("pro, 2026-11-22 – 2026-11-26".to_owned(), 50_000)]);
    let invoice = issued(&db, id, "2026-11-28").await;
    assert_eq!((lines(&invoice), invoice.amount.units()), (vec![50_000, 80_000], 130_000));
    assert_eq!(invoice.lines[0].description, "max, 2026-11-27 – 2026-11-30");
}

/// One more router from this day on, for 30,000 a month.
async fn a_router_more(db: &TestDb, tenant: TenantId, day: &str) {
    let platform = on(db, day);
    let mut tx = db.begin().await.unwrap();
    let routers = addon::find_by_code(&mut tx, "extra_router").await.unwrap().unwrap();
    let spec = AddonSpec { unit_price: Minor::new(30_000), ..routers.spec };
    addon::update(&mut tx, &platform, routers.id, None, spec).await.unwrap();
    addon::archive(&mut tx, &platform, routers.id, None, false).await.unwrap();
    let order = Order { addon: routers.id, units: 1, note: String::new() };
    addon::activate(&mut tx, &platform, tenant, order).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_free_month_that_has_an_invoice_is_charged_from_the_change_on(db: TestDb) {
    let id = a_tenant(&db).await;
    let pro = own_plan(&db, id).await;
    let free = SaasPlanSpec { limits: [(Limit::Routers, 1)].into(), ..price("free", 0) };
    let (free, max) = (plan(&db, free).await, plan(&db, price("max", 750_000)).await);
    changed(&db, id, "2026-11-22", free).await;
    a_router_more(&db, id, "2026-11-24").await;
    assert_eq!(lines(&issued(&db, id, "2026-11-24").await), [7_000], "the add-on alone");
    changed(&db, id, "2026-11-24", max).await;
    let rest = "max, 2026-11-24 – 2026-11-30".to_owned();
    assert_eq!(open(&db, id).await, [(rest, 175_000)], "seven of thirty days");
    // What is charged so is given back as everything else.
    changed(&db, id, "2026-11-28", free).await;
    let given = "max given back, 2026-11-28 – 2026-11-30".to_owned();
    assert_eq!(open(&db, id).await[0], (given, -75_000));
    assert_eq!(lines(&issued(&db, id, "2026-12-01").await), [-75_000, 30_000, 175_000]);
    // The next month has its invoice from its first day on.
    changed(&db, id, "2026-12-02", pro).await;
    assert_eq!(open(&db, id).await[0].1, 290_323, "thirty of 31 days");
    for to in [free, max, pro] {
        changed(&db, id, "2026-12-02", to).await;
    }
    assert_eq!(open(&db, id).await.iter().map(|(_, amount)| amount).sum::<i64>(), 290_323);
    assert_eq!(issued(&db, id, "2027-01-01").await.amount.units(), 290_323 + 300_000 + 30_000);
}

async fn the_last_day_of_a_free_month_is_charged(db: TestDb) {
    let id = a_tenant(&db).await;
    let (pro, free) = (own_plan(&db, id).await, plan(&db, price("free", 0)).await);
    changed(&db, id, "2026-11-22", free).await;
    let round = async |day: &str| {
        let mut tx = db.begin().await.unwrap();
        let done = go_round(&mut tx, &on(&db, day), id, &PlatformSettings::default()).await.unwrap();
        tx.commit().await.unwrap();
        done.issued.map(|invoice| lines(&invoice))
    };
    // On trial the day is free, whichever the plan.
    assert_eq!(round("2026-11-30").await, None);
    for to in [pro, free] {
        changed(&db, id, "2026-11-30", to).await;
    }
    assert_eq!(open(&db, id).await, []);
    let mut tx = db.begin().await.unwrap();
    tenant::set_status(&mut tx, &on(&db, "2026-12-01"), id, TenantStatus::Active).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(round("2026-12-31").await, None, "nothing is owed for a free month");
    changed(&db, id, "2026-12-31", pro).await;
    assert_eq!(open(&db, id).await, [("pro, 2026-12-31 – 2026-12-31".to_owned(), 9_677)], "one day of 31");
    for to in [free, pro] {
        changed(&db, id, "2026-12-31", to).await;
    }
    assert_eq!(open(&db, id).await.iter().map(|(_, amount)| amount).sum::<i64>(), 9_677, "and once");
    let january = round("2027-01-01").await.unwrap();
    assert_eq!((january.iter().sum::<i64>(), january.last()), (309_677, Some(&300_000)));
}

async fn who_becomes_active_on_a_month_s_last_day_is_charged_for_it(db: TestDb) {
    let id = a_tenant(&db).await;
    let round = async |day: &str| {
        let mut tx = db.begin().await.unwrap();
        let done = go_round(&mut tx, &on(&db, day), id, &PlatformSettings::default()).await.unwrap();
        tx.commit().await.unwrap();
        done.issued.map(|invoice| lines(&invoice))
    };
    let set = async |day: &str, status| {
        let mut tx = db.begin().await.unwrap();
        super::super::set_status(&mut tx, &on(&db, day), id, status).await.unwrap();
        tx.commit().await.unwrap();
    };
    assert_eq!(round("2026-11-30").await, None, "on trial");
    for status in [TenantStatus::Active, TenantStatus::Disabled, TenantStatus::Active, TenantStatus::Active] {
        set("2026-11-30", status).await;
        assert_eq!(open(&db, id).await, [("pro, 2026-11-30 – 2026-11-30".to_owned(), 10_000)], "once");
    }
    assert_eq!(round("2026-12-01").await, Some(vec![10_000, 300_000]));
    set("2026-12-02", TenantStatus::Disabled).await;
    assert_eq!(round("2027-01-31").await, None);
    // Before the round of the day it is the same, and on any other day the round charges.
    set("2027-02-28", TenantStatus::Active).await;
    assert_eq!(round("2027-02-28").await, Some(vec![10_714]), "one day of 28: the days before were free");
    set("2027-03-01", TenantStatus::Disabled).await;
    assert_eq!(round("2027-03-01").await, None);
    set("2027-03-01", TenantStatus::Active).await;
    assert_eq!(open(&db, id).await, []);
    assert_eq!(round("2027-03-02").await, Some(vec![300_000]));
}

async fn a_year_is_left_for_a_month_and_the_other_way_round(db: TestDb) {
    let id = a_tenant(&db).await;
    let pro = own_plan(&db, id).await;
    let year = plan(&db, SaasPlanSpec { cycle: Cycle::Yearly, ..price("year", 3_650_000) }).await;
    changed(&db, id, "2026-12-01", year).await;
    // The tenant's year began with November: 335 of 365 days are left.
    let december = issued(&db, id, "2026-12-01").await;
    assert_eq!(lines(&december), [3_350_000]);
    let mut tx = db.begin().await.unwrap();
    let nothing = issue(&mut tx, &on(&db, "2027-01-01"), id, None).await;
    assert!(
        matches!(nothing, Err(crate::domain::billing::saas::IssueError::NothingOwed)),
        "the year is paid"
    );
    drop(tx);
    // 304 days of the year are given back for half a January.
    changed(&db, id, "2027-01-01", pro).await;
    let mut january = issued(&db, id, "2027-01-02").await;
    assert_eq!((january.amount.units(), lines(&january)), (0, vec![-3_040_000, 300_000, 2_740_000]));
    january = issued(&db, id, "2027-02-01").await;
    assert_eq!(lines(&january), [-2_740_000, 300_000, 2_440_000], "months are months again");
}

async fn a_void_invoice_and_a_change_go_together(db: TestDb) {
    let id = a_tenant(&db).await;
    let (pro, max) = (own_plan(&db, id).await, plan(&db, price("max", 600_000)).await);
    let wrong = issued(&db, id, "2026-12-01").await;
    let mut tx = db.begin().await.unwrap();
    void(&mut tx, &on(&db, "2026-12-02"), id, wrong.id, "wrong price").await.unwrap();
    let cheaper = SaasPlanSpec { limits: [].into(), ..price("pro", 200_000) };
    saas_plan::update(&mut tx, &on(&db, "2026-12-02"), pro, None, cheaper).await.unwrap();
    tx.commit().await.unwrap();
    let right = issued(&db, id, "2026-12-02").await;
    assert_eq!(lines(&right), [200_000], "the price is looked up anew");
    changed(&db, id, "2026-12-16", max).await;
    let mut tx = db.begin().await.unwrap();
    void(&mut tx, &on(&db, "2026-12-17"), id, right.id, "wrong address").await.unwrap();
    tx.commit().await.unwrap();
    // The change was reckoned from the charge: it stays.
    let again = issued(&db, id, "2026-12-17").await;
    assert_eq!(lines(&again), [-103_226, 200_000, 309_677]);
}

async fn voided(db: &TestDb, tenant: TenantId, day: &str, invoice: &SaasInvoice) {
    let mut tx = db.begin().await.unwrap();
    void(&mut tx, &on(db, day), tenant, invoice.id, "wrong address").await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_void_invoice_of_an_earlier_month_is_asked_for_again_in_any_order(db: TestDb) {
    let id = a_tenant(&db).await;
    let november = issued(&db, id, "2026-11-25").await;
    assert_eq!(lines(&november), [90_000]);
    // Void before the next one is made.
    voided(&db, id, "2026-12-01", &november).await;
    let december = issued(&db, id, "2026-12-01").await;
    assert_eq!(lines(&december), [90_000, 300_000]);
    assert_eq!(december.lines[0].amount.units(), 300_000, "the month's own comes first");
    // Void behind the next one.
    let january = issued(&db, id, "2027-01-01").await;
    assert_eq!(lines(&january), [300_000]);
    voided(&db, id, "2027-01-02", &december).await;
    assert_eq!(open(&db, id).await.iter().map(|(_, amount)| *amount).collect::<Vec<_>>(), [90_000, 300_000]);
    // Void on the last day of a month, which gets no other one.
    let february = issued(&db, id, "2027-02-01").await;
    assert_eq!(lines(&february), [90_000, 300_000, 300_000]);
    voided(&db, id, "2027-02-28", &february).await;
    let march = issued(&db, id, "2027-03-01").await;
    assert_eq!(lines(&march), [90_000, 300_000, 300_000, 300_000]);
    assert_eq!(open(&db, id).await, []);
}

async fn a_void_invoice_of_free_days_is_not_asked_for_again(db: TestDb) {
    let id = a_tenant(&db).await;
    let set = async |day: &str, status| {
        let mut tx = db.begin().await.unwrap();
        tenant::set_status(&mut tx, &on(&db, day), id, status).await.unwrap();
        tx.commit().await.unwrap();
    };
    let wrong = issued(&db, id, "2026-12-01").await;
    voided(&db, id, "2026-12-02", &wrong).await;
    set("2026-12-02", TenantStatus::Disabled).await;
    for day in ["2026-12-03", "2026-12-20"] {
        let mut tx = db.begin().await.unwrap();
        go_round(&mut tx, &on(&db, day), id, &PlatformSettings::default()).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(open(&db, id).await, []);
    set("2026-12-20", TenantStatus::Active).await;
    assert_eq!(lines(&issued(&db, id, "2026-12-21").await), [116_129], "twelve of 31 days");
}

async fn another_currency_needs_a_clean_slate(db: TestDb) {
    let id = a_tenant(&db).await;
    let dollars = "USD".parse::<Currency>().unwrap();
    let usd = plan(&db, SaasPlanSpec { currency: dollars, ..price("usd", 2_000) }).await;
    let mut tx = db.begin().await.unwrap();
    let refused = change_plan(&mut tx, &on(&db, "2026-11-25"), id, usd).await;
    assert!(matches!(refused, Err(ChangePlanError::Currency)), "three days of pro are owed");
    drop(tx);
    let unknown = SaasPlanId::generate(db.platform().now);
    let mut tx = db.begin().await.unwrap();
    let refused = change_plan(&mut tx, &on(&db, "2026-11-25"), id, unknown).await;
    assert!(matches!(refused, Err(ChangePlanError::Assign(saas_plan::AssignError::UnknownPlan))));
    drop(tx);
    issued(&db, id, "2026-12-01").await;
    let mut tx = db.begin().await.unwrap();
    let refused = change_plan(&mut tx, &on(&db, "2026-12-25"), id, usd).await;
    assert!(matches!(refused, Err(ChangePlanError::Currency)), "a part of December would be given back");
    drop(tx);
    changed(&db, id, "2027-01-01", usd).await;
    let january = issued(&db, id, "2027-01-01").await;
    assert_eq!((january.amount, january.currency), (Minor::new(2_000), dollars));
}
