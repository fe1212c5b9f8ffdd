//! Schedules fire once however many nodes look at them, in each tenant's time zone.

use foundation::job::{Cadence, Schedule, Whose, schedule};

use super::*;

foundation::battery! {
    a_schedule_fires_once_on_three_nodes,
    tenants_have_their_own_midnight,
    what_was_missed_is_made_up_for_once,
    a_changed_zone_or_a_gone_tenant_changes_the_rows,
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn nightly() -> Schedule {
    Schedule::new("nightly", Whose::EachTenant, Cadence::Daily { hour: 0, minute: 0 }, |occasion| {
        Chore::effect(&format!("{} {}", occasion.tenant, occasion.at))
    })
}

fn hourly() -> Schedule {
    Schedule::new("hourly", Whose::Platform, Cadence::Every(Duration::from_secs(3_600)), |occasion| Errand {
        name: occasion.at.to_string(),
    })
}

async fn count(world: &World) -> i64 {
    let mut conn = world.db.conn().await.unwrap();
    let (count,) = conn.query("SELECT COUNT(*) FROM job").fetch_one().await.unwrap();
    count
}

async fn a_schedule_fires_once_on_three_nodes(db: TestDb) {
    let world = World::new(db).await;
    let tenants: Vec<_> =
        (1..=120).map(|number| (scope(number).tenant(), "Asia/Jakarta".to_owned())).collect();
    let mut keepers = Vec::new();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let db = world.db.open_again().await;
        keepers.push(Arc::new(world.keeper_of(db.clone(), vec![nightly(), hourly()], tenants.clone())));
        nodes.push(db);
    }
    let all = async |settle: bool| {
        let mut tasks = tokio::task::JoinSet::new();
        for keeper in &keepers {
            let keeper = Arc::clone(keeper);
            tasks.spawn(async move {
                if settle {
                    keeper.settle().await.unwrap();
                    return 0;
                }
                keeper.fire().await.unwrap()
            });
        }
        tasks.join_all().await.into_iter().sum::<u64>()
    };
    all(true).await;
    assert_eq!(all(false).await, 0, "nothing is due yet");
    for day in 1..=2 {
        world.pass(DAY).await;
        assert_eq!(all(false).await, 121);
        assert_eq!(all(false).await, 0);
        assert_eq!(count(&world).await, 121 * day);
        world.workers().run_due().await.unwrap();
    }
    for node in nodes {
        node.close().await;
    }
}

async fn tenants_have_their_own_midnight(db: TestDb) {
    let world = World::new(db).await;
    let zones = ["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"];
    let tenants: Vec<_> =
        (1..).zip(zones).map(|(number, zone)| (scope(number).tenant(), zone.to_owned())).collect();
    let keeper = world.keeper(vec![nightly()], tenants.clone());
    keeper.settle().await.unwrap();
    let mut conn = world.db.conn().await.unwrap();
    let now = job::database_time(&mut conn).await.unwrap();
    for (tenant, zone) in &tenants {
        let [planned] = schedule::planned(&mut conn, *tenant).await.unwrap().try_into().unwrap();
        let local =
            jiff::Timestamp::from_millisecond(planned.next_at.as_millis()).unwrap().in_tz(zone).unwrap();
        assert_eq!((local.hour(), local.minute()), (0, 0), "{zone}");
        assert!(planned.next_at > now && planned.next_at.since(now) <= DAY);
    }
}

async fn what_was_missed_is_made_up_for_once(db: TestDb) {
    let world = World::new(db).await;
    let keeper = world.keeper(vec![hourly()], Vec::new());
    keeper.settle().await.unwrap();
    world.pass(DAY * 3).await;
    assert_eq!(keeper.fire().await.unwrap(), 1);
    world.workers().run_due().await.unwrap();
    let [came] = world.came().try_into().unwrap();
    let mut conn = world.db.conn().await.unwrap();
    let now = job::database_time(&mut conn).await.unwrap();
    let at: base::Timestamp = came.parse().unwrap();
    assert!(now.since(at) < Duration::from_secs(3_600), "{at}: the last one that was missed");
    // While the job of the last occasion is not done, none is added.
    world.pass(Duration::from_secs(3_600)).await;
    assert_eq!(keeper.fire().await.unwrap(), 1);
    world.pass(Duration::from_secs(3_600)).await;
    assert_eq!(keeper.fire().await.unwrap(), 0);
    assert_eq!(count(&world).await, 2);
}

async fn a_changed_zone_or_a_gone_tenant_changes_the_rows(db: TestDb) {
    let world = World::new(db).await;
    let planned = async || {
        let mut conn = world.db.conn().await.unwrap();
        schedule::planned(&mut conn, scope(1).tenant()).await.unwrap()
    };
    let tenant = |zone: &str| vec![(scope(1).tenant(), zone.to_owned())];
    world.keeper(vec![nightly()], tenant("Asia/Jakarta")).settle().await.unwrap();
    let [first] = planned().await.try_into().unwrap();
    world.keeper(vec![nightly()], tenant("Asia/Jakarta")).settle().await.unwrap();
    assert_eq!(planned().await, std::slice::from_ref(&first));
    world.keeper(vec![nightly()], tenant("Asia/Jayapura")).settle().await.unwrap();
    let [moved] = planned().await.try_into().unwrap();
    assert_eq!(moved.time_zone, "Asia/Jayapura");
    assert_ne!(moved.next_at, first.next_at);
    let noon = Schedule::new("nightly", Whose::EachTenant, Cadence::Daily { hour: 12, minute: 0 }, |_| {
        Chore::effect("x")
    });
    world.keeper(vec![noon], tenant("Asia/Jayapura")).settle().await.unwrap();
    assert_eq!(planned().await[0].cadence, "daily at 12:00");
    world.keeper(vec![nightly()], Vec::new()).settle().await.unwrap();
    assert_eq!(planned().await, []);
}
