//! Trimming of events: what somebody still needs is held, for so long and no longer.

use std::time::Duration;

use base::{Clock, Scope, TenantId, Timestamp};
use foundation::{
    Db,
    event::{Dispatcher, Lost, Retention, Settings, Subscribers, Trimmed, events_after, reach, trim},
    testing::{NOW, TestDb},
};

use crate::{
    create,
    events::{EFFECT, Happened, Recorder, effects, publish},
};

foundation::battery! {
    old_events_go_once_everybody_is_done_with_them,
    a_failing_subscriber_holds_events_for_a_while,
    a_subscriber_that_nobody_knows_holds_nothing,
}

const DAY: Duration = Duration::from_secs(86_400);
const RETENTION: Retention =
    Retention { keep: Duration::from_secs(30 * 86_400), hold: Duration::from_secs(90 * 86_400) };

async fn trim_at(db: &Db, tenant: TenantId, now: Timestamp) -> Trimmed {
    let mut tx = db.begin_bulk().await.unwrap();
    let trimmed = trim(&mut tx, tenant, &RETENTION, now).await.unwrap();
    tx.commit().await.unwrap();
    trimmed
}

async fn publish_at(db: &TestDb, tenant: TenantId, at: Timestamp, count: i64) -> Scope {
    let scope = base::Platform::system("test", at).within(tenant);
    let mut tx = db.begin().await.unwrap();
    for number in 0..count {
        tx.publish(&scope, &Happened { number });
    }
    tx.commit().await.unwrap();
    scope
}

fn dispatcher(db: &TestDb, clock: &Clock) -> Dispatcher {
    let subscribers = Subscribers::new().with(Recorder::<0>::default());
    Dispatcher::new((**db).clone(), clock.clone(), subscribers, Settings::of(db))
}

async fn old_events_go_once_everybody_is_done_with_them(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, hand) = Clock::mock(NOW);
    let tenant = db.scope().tenant();
    for _ in 0..3 {
        publish_at(&db, tenant, NOW, 400).await;
    }
    hand.advance(29 * DAY);
    let scope = publish_at(&db, tenant, clock.wall(), 5).await;
    dispatcher(&db, &clock).settle().await.unwrap();
    assert_eq!(trim_at(&db, tenant, clock.wall()).await, Trimmed::default(), "too young");
    hand.advance(2 * DAY);
    for expected in [900, 300, 0] {
        let trimmed = trim_at(&db, tenant, clock.wall()).await;
        assert_eq!((trimmed.events, trimmed.lost.len(), trimmed.held.len()), (expected, 0, 0));
    }
    let mut conn = db.conn().await.unwrap();
    let found = reach(&mut conn, tenant).await.unwrap();
    assert_eq!((found.trimmed, found.head), (1_200, 1_205));
    assert!(!found.continues(1_199) && found.continues(1_200) && !found.continues(1_206));
    assert_eq!(events_after(&mut conn, tenant, 0, 1).await.unwrap()[0].sequence, 1_201);
    drop(conn);
    // A subscriber that is new begins behind what is gone.
    publish(&db, &scope, [7]).await;
    let late = Subscribers::new().with(Recorder::<1>::default());
    let late = Dispatcher::new((*db).clone(), clock.clone(), late, Settings::of(&db));
    late.settle().await.unwrap();
    assert_eq!(effects(&db, "test.second", tenant).await, (1_201..=1_206).collect::<Vec<_>>());
}

async fn a_failing_subscriber_holds_events_for_a_while(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, hand) = Clock::mock(NOW);
    let tenant = db.scope().tenant();
    // Known, and never run.
    dispatcher(&db, &clock).register().await.unwrap();
    publish_at(&db, tenant, NOW, 10).await;
    hand.advance(31 * DAY);
    dispatcher(&db, &clock).register().await.unwrap();
    let held = trim_at(&db, tenant, clock.wall()).await;
    assert_eq!(held, Trimmed { held: vec![("test.first".into(), 1)], ..Trimmed::default() });
    publish_at(&db, tenant, clock.wall(), 3).await;
    hand.advance(60 * DAY);
    dispatcher(&db, &clock).register().await.unwrap();
    let trimmed = trim_at(&db, tenant, clock.wall()).await;
    let lost = Lost { subscriber: "test.first".into(), from: 1, through: 10 };
    assert_eq!((trimmed.events, trimmed.lost), (10, vec![lost]));
    assert_eq!(trimmed.held, [], "it stands where the trimming ends");
    // It goes on with what is left.
    dispatcher(&db, &clock).settle().await.unwrap();
    assert_eq!(effects(&db, "test.first", tenant).await, [11, 12, 13]);
}

async fn a_subscriber_that_nobody_knows_holds_nothing(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, hand) = Clock::mock(NOW);
    let tenant = db.scope().tenant();
    dispatcher(&db, &clock).register().await.unwrap();
    publish_at(&db, tenant, NOW, 10).await;
    // A daemon without it has run ever since.
    hand.advance(31 * DAY);
    assert_eq!(trim_at(&db, tenant, clock.wall()).await, Trimmed { events: 10, ..Trimmed::default() });
}
