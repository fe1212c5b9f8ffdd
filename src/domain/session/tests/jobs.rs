//! `radius_acct_job` on both databases: its sums, and drift that it finds and mends.

use aaa::live::Live;
use base::MockClock;
use foundation::job::{self, Registry, Settings, State, Workers, manage};
use jiff::civil::date;

use super::{
    super::{
        housekeeping,
        jobs::{Accountant, RadiusAcct},
        store::rows::{self, UsageRow},
    },
    *,
};
use crate::domain::tenant::{self, TenantSpec};

foundation::battery! {
    usage_is_summed_by_the_local_day_and_summed_again,
    silent_rows_are_swept,
    a_session_that_the_live_table_lost_is_put_back,
    a_session_that_the_database_lost_is_reported,
    records_that_left_no_mark_are_applied_again,
}

/// Runs one job to its end as a node with this live table, and gives what it logged.
async fn run(
    world: &World,
    origin: &impl foundation::Origin,
    live: &Arc<Live>,
    clock: &Clock,
    part: RadiusAcct,
) -> Vec<String> {
    let accountant = Accountant {
        live: Arc::clone(live),
        directory: Arc::clone(&world.drain.directory),
        journal: Arc::clone(&world.drain.journal),
        class_key: key(),
    };
    let mut registry = Registry::new();
    accountant.register(&mut registry).unwrap();
    let settings = Settings { node: "test".into(), at_once: 2 };
    let mut workers = Workers::new((*world.db).clone(), Arc::new(registry), clock.clone(), settings);
    let mut tx = world.db.begin().await.unwrap();
    let id = job::enqueue(&mut tx, origin, &part, job::Options::default()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(workers.run_due().await.unwrap(), 1);
    let mut conn = world.db.conn().await.unwrap();
    let job = manage::find(&mut conn, id).await.unwrap().unwrap();
    assert_eq!(job.state, State::Done, "{:?}", job.last_error);
    manage::log_of(&mut conn, id).await.unwrap().into_iter().map(|line| line.text).collect()
}

fn clock_at(seconds: i64) -> (Clock, MockClock) {
    Clock::mock(at(seconds))
}

fn empty() -> Arc<Live> {
    Arc::new(Live::new([9; 16]))
}

async fn usage_is_summed_by_the_local_day_and_summed_again(db: TestDb) {
    let world = World::new(db).await;
    let platform = world.db.platform();
    let mut tx = world.db.begin().await.unwrap();
    let tenant = tenant::create(&mut tx, &platform, TenantSpec::new("warga", "warga")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(tenant.spec.time_zone, "Asia/Jakarta");
    let scope = platform.within(tenant.id);
    let add = async |hour: i64, octets: i64| {
        let rows: Vec<UsageRow> = (1..=200)
            .map(|number| UsageRow {
                tenant: tenant.id,
                subscriber: subscriber(number),
                hour,
                upload: octets,
                download: octets * 10,
            })
            .collect();
        let mut tx = world.db.begin().await.unwrap();
        rows::add_usage(&mut tx, &rows).await.unwrap();
        tx.commit().await.unwrap();
    };
    let midnight = NOW.as_seconds() / 86_400 * 24;
    // 10:00 and 18:00 UTC on the 21st are 17:00 of that day and 01:00 of the next in Jakarta.
    for (hour, octets) in
        [(midnight - 14, 1), (midnight - 6, 2), (midnight + 7, 4), (midnight - 24 * 30, 100)]
    {
        add(hour, octets).await;
    }
    let days = async || {
        let mut conn = world.db.conn().await.unwrap();
        let (first, last) = (date(2026, 10, 1), date(2026, 11, 30));
        let days = usage_by_day(&mut conn, &scope, subscriber(177), first, last).await.unwrap();
        days.into_iter().map(|day| (day.date, day.upload, day.download)).collect::<Vec<_>>()
    };
    let (clock, _) = clock_at(0);
    let log = run(&world, &scope, &empty(), &clock, RadiusAcct::RollUp { days: 10 }).await;
    assert_eq!(log[0], "400 days of 200 subscribers were summed");
    let (eve, today) = (date(2026, 11, 21), date(2026, 11, 22));
    assert_eq!(days().await, [(eve, 1, 10), (today, 6, 60)]);
    // What comes late is taken in; days that are not summed anew stay.
    add(midnight - 14, 50).await;
    run(&world, &scope, &empty(), &clock, RadiusAcct::RollUp { days: 1 }).await;
    assert_eq!(days().await, [(eve, 1, 10), (today, 6, 60)]);
    run(&world, &scope, &empty(), &clock, RadiusAcct::RollUp { days: 2 }).await;
    assert_eq!(days().await, [(eve, 51, 510), (today, 6, 60)]);
}

async fn silent_rows_are_swept(db: TestDb) {
    let world = World::new(db).await;
    world.take(&[packet(INTERIM, 600, Some(600))]).await;
    let (clock, _) = clock_at(1_000);
    let platform = world.db.platform();
    let log = run(&world, &platform, &empty(), &clock, RadiusAcct::Sweep).await;
    assert_eq!(log[0], "every open row is online or was heard a short time ago");
    let (clock, _) = clock_at(90_000);
    let log = run(&world, &platform, &empty(), &clock, RadiusAcct::Sweep).await;
    assert_eq!(log[0], "1 open rows that nobody is online for were closed");
    assert_eq!(world.only().await.end, Some((at(600), EndCause::Silent)));
}

async fn a_session_that_the_live_table_lost_is_put_back(db: TestDb) {
    let world = World::new(db).await;
    world
        .take(&[packet(START, 0, None).with_cookie(1), packet(START, 5, None).named(b"8100000d").by(b"x", 2)])
        .await;
    let (clock, _) = clock_at(60);
    let (live, platform) = (empty(), world.db.platform());
    let log = run(&world, &platform, &live, &clock, RadiusAcct::LiveSessions).await;
    assert!(
        log.contains(&"2 sessions were not in the live table, and 0 not open in the database".to_owned()),
        "{log:?}"
    );
    // Of several nodes another one may have it.
    let back = if world.db.is_sqlite() { 2 } else { 0 };
    assert_eq!(live.tenant_sessions(tenant(1)), back);
    housekeeping::restore_live(&world.db, &live, &world.drain.directory, &clock).await.unwrap();
    let log = run(&world, &platform, &live, &clock, RadiusAcct::LiveSessions).await;
    assert_eq!(log[0], "the live table and the database tell of the same sessions");
}

async fn a_session_that_the_database_lost_is_reported(db: TestDb) {
    let world = World::new(db).await;
    world.take(&[packet(START, 0, None).with_cookie(1), packet(START, 5, None).named(b"8100000d")]).await;
    let (clock, _) = clock_at(60);
    let (live, platform) = (empty(), world.db.platform());
    housekeeping::restore_live(&world.db, &live, &world.drain.directory, &clock).await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    tx.query("DELETE FROM session WHERE id = $1").bind(session(1)).execute_one().await.unwrap();
    tx.query("UPDATE session SET ended_at = updated_at, end_cause = 'silent'").execute_one().await.unwrap();
    tx.commit().await.unwrap();
    let log = run(&world, &platform, &live, &clock, RadiusAcct::LiveSessions).await;
    assert!(
        log.contains(&"0 sessions were not in the live table, and 2 not open in the database".to_owned()),
        "{log:?}"
    );
    // Its next packet mends that.
    world
        .take(&[
            packet(INTERIM, 300, Some(300)).with_cookie(1),
            packet(INTERIM, 300, Some(295)).named(b"8100000d"),
        ])
        .await;
    let log = run(&world, &platform, &live, &clock, RadiusAcct::LiveSessions).await;
    assert_eq!(log[0], "the live table and the database tell of the same sessions");
}

async fn records_that_left_no_mark_are_applied_again(db: TestDb) {
    let world = World::new(db).await;
    world
        .take(&[
            packet(START, 0, None).with_cookie(1),
            packet(INTERIM, 300, Some(300)).with_cookie(1).downloading(5_000, None),
        ])
        .await;
    let (clock, _) = clock_at(400);
    let (live, platform) = (empty(), world.db.platform());
    let log = run(&world, &platform, &live, &clock, RadiusAcct::Journal).await;
    assert_eq!(log[0], "the database is at record 2, 0 behind the journal; 0 records are set aside");
    assert_eq!(log[1], "the newest 2 records have left their mark");
    let (row, usage, position) = (world.only().await, world.usage().await, world.position().await);
    // A database that was restored by hand, its rows gone and its position not.
    let mut tx = world.db.begin().await.unwrap();
    for table in ["DELETE FROM session", "DELETE FROM usage_hour"] {
        tx.query(table).execute().await.unwrap();
    }
    tx.commit().await.unwrap();
    let log = run(&world, &platform, &live, &clock, RadiusAcct::Journal).await;
    assert_eq!(log[1], "2 of the newest 2 records had left no mark, and were applied again");
    assert_eq!((world.only().await, world.usage().await, world.position().await), (row, usage, position));
    let mut conn = world.db.conn().await.unwrap();
    let (journals,): (i64,) = conn.query("SELECT COUNT(*) FROM journal_position").fetch_one().await.unwrap();
    assert_eq!(journals, 1, "the name that was lent is forgotten");
    drop(conn);
    let log = run(&world, &platform, &live, &clock, RadiusAcct::Journal).await;
    assert_eq!(log[1], "the newest 2 records have left their mark");
}
