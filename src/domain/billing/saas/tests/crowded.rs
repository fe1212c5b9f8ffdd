//! More charges than an invoice has lines, on both databases.

use base::{Currency, Minor, Scope, TenantId};
use foundation::testing::TestDb;

use super::{a_tenant, on, price};
use crate::domain::{
    addon::{self, AddonSpec, Order, PlanCharge},
    billing::saas::{IssueError, SaasInvoice, change_plan, issue, void},
    tenant::{
        self,
        saas_plan::{self, Cycle},
    },
    values::Day,
};

foundation::battery! {
    units_bought_one_by_one_leave_room_for_the_plan,
    what_does_not_fit_stands_on_the_next_invoice,
    what_is_owed_is_found_behind_what_is_given_back,
}

async fn issued(db: &TestDb, tenant: TenantId, day: &str) -> SaasInvoice {
    let mut tx = db.begin().await.unwrap();
    let invoice = issue(&mut tx, &on(db, day), tenant, None).await.unwrap();
    tx.commit().await.unwrap();
    invoice
}

async fn open(db: &TestDb, tenant: TenantId) -> usize {
    let mut conn = db.conn().await.unwrap();
    addon::open_charges(&mut conn, &db.platform().within(tenant), 999).await.unwrap().len()
}

/// Charges of the tenant's plan for November, in parts that no transaction is too small for.
async fn charged(db: &TestDb, scope: &Scope, count: usize, amount: i64, currency: Currency) {
    let first: Day = "2026-11-01".parse().unwrap();
    let month = Cycle::Monthly.period(first, first);
    for part in (0..count).collect::<Vec<_>>().chunks(50) {
        let mut tx = db.begin().await.unwrap();
        let plan = tenant::load(&mut tx, scope).await.unwrap().saas_plan;
        for number in part {
            let charge = PlanCharge {
                plan,
                description: format!("part {number}"),
                price: Minor::new(1),
                currency,
                amount: Minor::new(amount),
                cycle: month,
                days: month,
            };
            addon::record_plan_charge(&mut tx, scope, charge).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

async fn units_bought_one_by_one_leave_room_for_the_plan(db: TestDb) {
    let id = a_tenant(&db).await;
    let platform = on(&db, "2026-11-24");
    let scope = platform.within(id);
    let mut tx = db.begin().await.unwrap();
    let routers = addon::find_by_code(&mut tx, "extra_router").await.unwrap().unwrap();
    let spec = AddonSpec { unit_price: Minor::new(30_000), ..routers.spec };
    addon::update(&mut tx, &platform, routers.id, None, spec).await.unwrap();
    addon::archive(&mut tx, &platform, routers.id, None, false).await.unwrap();
    let order = Order { addon: routers.id, units: 1, note: String::new() };
    let row = addon::activate(&mut tx, &platform, id, order).await.unwrap();
    tx.commit().await.unwrap();
    for units in (2..=250).collect::<Vec<i64>>().chunks(50) {
        let mut tx = db.begin().await.unwrap();
        for units in units {
            addon::set_units(&mut tx, &scope, row.id, None, *units, false).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let mut tx = db.begin().await.unwrap();
    addon::set_units(&mut tx, &on(&db, "2026-11-25").within(id), row.id, None, 251, false).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(open(&db, id).await, 251);
    let invoice = issued(&db, id, "2026-11-25").await;
    let lines: Vec<(&str, i64)> =
        invoice.lines.iter().map(|line| (line.description.as_str(), line.amount.units())).collect();
    assert_eq!(
        lines,
        [
            ("pro, 2026-11-22 – 2026-11-30", 90_000),
            ("Extra router × 250, 2026-11-24 – 2026-11-30", 250 * 7_000),
            ("Extra router × 1, 2026-11-25 – 2026-11-30", 6_000),
        ]
    );
    assert_eq!(open(&db, id).await, 0);
    // A void one lets go of all of them.
    let mut tx = db.begin().await.unwrap();
    void(&mut tx, &platform, id, invoice.id, "wrong address").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(open(&db, id).await, 252);
    let again = issued(&db, id, "2026-11-25").await;
    assert_eq!((again.amount, again.lines.len()), (invoice.amount, 3));
    assert_eq!(open(&db, id).await, 0);
}

async fn what_does_not_fit_stands_on_the_next_invoice(db: TestDb) {
    let id = a_tenant(&db).await;
    let scope = on(&db, "2026-11-22").within(id);
    // Another currency takes no room.
    charged(&db, &scope, 250, 1, "USD".parse().unwrap()).await;
    charged(&db, &scope, 250, 1, Currency::IDR).await;
    let november = issued(&db, id, "2026-11-25").await;
    assert_eq!((november.lines.len(), november.amount.units()), (200, 90_000 + 199));
    assert_eq!(november.lines[0].description, "pro, 2026-11-22 – 2026-11-30");
    let december = issued(&db, id, "2026-12-01").await;
    assert_eq!((december.lines.len(), december.amount.units()), (52, 300_000 + 51));
    assert_eq!(open(&db, id).await, 250, "in another currency");
}

async fn what_is_owed_is_found_behind_what_is_given_back(db: TestDb) {
    let id = a_tenant(&db).await;
    let scope = on(&db, "2026-11-22").within(id);
    let mut tx = db.begin().await.unwrap();
    let free = saas_plan::create(&mut tx, &db.platform(), price("free", 0)).await.unwrap().id;
    change_plan(&mut tx, &on(&db, "2026-11-22"), id, free).await.unwrap();
    tx.commit().await.unwrap();
    charged(&db, &scope, 250, -1, Currency::IDR).await;
    let mut tx = db.begin().await.unwrap();
    let nothing = issue(&mut tx, &on(&db, "2026-11-25"), id, None).await;
    assert!(matches!(nothing, Err(IssueError::NothingOwed)), "{nothing:?}");
    tx.rollback().await.unwrap();
    charged(&db, &scope, 1, 1_000, Currency::IDR).await;
    let november = issued(&db, id, "2026-11-25").await;
    assert_eq!((november.lines.len(), november.amount.units()), (201, 0), "200 and what is carried over");
    let december = issued(&db, id, "2026-12-01").await;
    assert_eq!(december.amount.units(), 1_000 - 250, "what was carried over, the rest and what is owed");
}
