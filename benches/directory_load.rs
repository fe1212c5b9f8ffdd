//! A cold start: how fast all subscribers come from the database into the directory.
//!
//! `cargo bench -p rrnetd --bench directory_load`; `SUBSCRIBERS=1000000` for the whole, `DATABASE_URL=postgres://…` (an
//! empty database) for the other one. Names of 20 octets, passwords of 12, a third with a locked hardware address, a
//! fifth with a static address, one in a hundred isolated.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a bench prints, and ends when anything fails"
)]

use std::net::Ipv4Addr;

use aaa::directory::{Directory, HashKey};
use base::{
    Clock, CustomerId, MacAddress, Minor, Platform, Scope, SubscriberId,
    seal::{Place, Sealer},
};
use foundation::{
    Db,
    db::{Config, bulk},
};
use rrnetd::domain::{
    plan::{self, PlanSpec},
    subscriber,
    tenant::{self, TenantSpec},
};
use sqlx::types::Json;

/// Rows of one transaction.
const CHUNK: u64 = 1_000;

#[tokio::main]
async fn main() {
    let subscribers = std::env::var("SUBSCRIBERS").map_or(50_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let url = std::env::var("DATABASE_URL")
        .unwrap_or_else(|_| format!("sqlite:{}", folder.path().join("bench.db").display()));
    let clock = Clock::system();
    let db = Db::open(&Config::new(url.parse().unwrap())).await.unwrap();
    db.migrate(clock.wall()).await.unwrap();
    let sealer = Sealer::new([(1, [7; 32])]).unwrap();
    let platform = Platform::system("bench", clock.wall());

    let mut tx = db.begin().await.unwrap();
    let tenant = tenant::create(&mut tx, &platform, TenantSpec::new("Bench", "bench")).await.unwrap();
    let scope = platform.within(tenant.id);
    let dictionary = radius::dictionary::builtin::dictionary().unwrap();
    let plan =
        plan::create(&mut tx, &scope, &dictionary, PlanSpec::monthly("Home", Minor::ZERO)).await.unwrap();
    let customer = CustomerId::generate(clock.wall());
    tx.query(
        "INSERT INTO customer (tenant_id, id, name, name_key, address, note, version, created_at, updated_at) \
         VALUES ($1, $2, 'X', 'x', '', '', 1, 0, 0)",
    )
    .bind(scope.tenant())
    .bind(customer)
    .execute_one()
    .await
    .unwrap();
    tx.commit().await.unwrap();

    let started = clock.now().monotonic;
    let mut next = 0;
    while next < subscribers {
        let end = subscribers.min(next + CHUNK);
        fill(&db, &scope, &sealer, &clock, plan.id, customer, next..end).await;
        next = end;
    }
    let filled = clock.now().monotonic - started;
    println!("filled with {subscribers} subscribers in {:.1} s", filled.as_secs_f64());

    for round in 1..=3 {
        let (_directory, mut writer) = Directory::create(HashKey::new([9; aaa::directory::HASH_KEY_OCTETS]));
        let started = clock.now().monotonic;
        let mut conn = db.snapshot().await.unwrap();
        let count = subscriber::count(&mut conn, &platform).await.unwrap();
        let mut loader = writer.loader(count);
        subscriber::directory_entries(&mut conn, &platform, &sealer, |entry| {
            loader.subscriber(&entry).unwrap();
        })
        .await
        .unwrap();
        let read = clock.now().monotonic - started;
        writer.replace(loader, clock.wall());
        let elapsed = clock.now().monotonic - started;
        assert_eq!(writer.directory().counts().subscribers as u64, subscribers);
        println!(
            "round {round}: {:.2} s read, {:.2} s with the tables, {:.0} subscribers/s",
            read.as_secs_f64(),
            elapsed.as_secs_f64(),
            f64::from(subscribers as u32) / elapsed.as_secs_f64(),
        );
    }
    db.close().await;
}

async fn fill(
    db: &Db,
    scope: &Scope,
    sealer: &Sealer,
    clock: &Clock,
    plan: base::PlanId,
    customer: CustomerId,
    numbers: std::ops::Range<u64>,
) {
    let numbers: Vec<u64> = numbers.collect();
    let mut tx = db.begin_bulk().await.unwrap();
    let ids: Vec<SubscriberId> = numbers.iter().map(|_| SubscriberId::generate(clock.wall())).collect();
    let rows: Vec<(u64, SubscriberId)> = numbers.iter().copied().zip(ids).collect();
    bulk::insert(
        &mut tx,
        "INSERT INTO subscriber (tenant_id, id, customer_id, plan_id, username, password, service, status, mac_lock, macs, \
         static_address, routes, attributes, composed_attributes, overlay_generation, version, created_at, updated_at)",
        "",
        &rows,
        |values, (number, id)| {
            let place = Place { tenant: scope.tenant(), table: "subscriber", column: "password", row: id.as_bytes() };
            let [_, _, b, c, d, e, f, g] = number.to_be_bytes();
            let locked = number % 10 < 3;
            let macs: Vec<MacAddress> =
                if locked { vec![MacAddress::from_octets([b | 2, c, d, e, f, g])] } else { Vec::new() };
            let address = Ipv4Addr::from_bits(0x0a00_0000 | *number as u32);
            values.push(scope.tenant());
            values.push(*id);
            values.push(customer);
            values.push(plan);
            values.push(format!("subscriber-{number:09}"));
            values.push(sealer.seal(&place, format!("pass{number:08}").as_bytes()));
            values.push("any");
            values.push("active");
            values.push(if locked { "locked" } else { "off" });
            values.push(Json(macs));
            values.push((number % 5 == 0).then(|| address.to_string()));
            values.push(Json(Vec::<String>::new()));
            values.push(Json(Vec::<String>::new()));
            values.push(Vec::<u8>::new());
            values.push(i64::from(number % 100 == 0));
            values.push(1_i64);
            values.push(0_i64);
            values.push(0_i64);
        },
    )
    .await
    .unwrap();
    let isolated: Vec<SubscriberId> =
        rows.iter().filter(|(number, _)| number % 100 == 0).map(|(_, id)| *id).collect();
    bulk::insert(
        &mut tx,
        "INSERT INTO overlay (tenant_id, subscriber_id, reason, since, note)",
        "",
        &isolated,
        |values, id| {
            values.push(scope.tenant());
            values.push(*id);
            values.push("unpaid");
            values.push(0_i64);
            values.push("");
        },
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}
