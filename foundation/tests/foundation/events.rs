//! The dispatcher: every event reaches every subscriber, in order, with one effect; who fails waits alone.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use base::{Clock, Scope, TenantId, page::PageRequest};
use foundation::{
    Db, Tx,
    audit::{self, Filter},
    db::{Sql, dialect},
    event::{
        Dispatcher, Envelope, Event, Failure, Kind, OperateError, Settings, Standing, StandingFilter, Start,
        Subscriber, Subscribers, find_standing, list_standings, replay, retry, skip,
    },
    testing::{NOW, TestDb},
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::create;

foundation::battery! {
    every_event_reaches_every_subscriber_once_and_in_order,
    who_panics_waits_alone_and_goes_on_later,
    what_came_before_a_failure_in_its_batch_stays_done,
    who_gives_no_result_waits_like_who_fails,
    an_error_that_is_swallowed_commits_nothing,
    an_operator_retries_replays_and_skips,
    unknown_kinds_are_passed_over_and_newer_versions_waited_for,
    a_new_subscriber_starts_where_it_says,
    two_nodes_share_the_work,
    a_tenant_with_a_backlog_leaves_others_their_turn,
    a_fault_between_any_two_statements_loses_and_repeats_nothing,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Happened {
    pub(crate) number: i64,
}

impl Event for Happened {
    const KIND: &'static str = "happened";
}

/// What a newer daemon publishes.
#[derive(Serialize)]
struct HappenedAnew {
    number: String,
}

impl Event for HappenedAnew {
    const KIND: &'static str = "happened";
    const VERSION: i64 = 2;
}

/// What nobody wants.
#[derive(Serialize)]
struct Ignored;

impl Event for Ignored {
    const KIND: &'static str = "ignored";
}

/// What a reaction brings about. Twice the same is refused.
pub(crate) const EFFECT: Sql = dialect(
    "CREATE TABLE effect (id INTEGER PRIMARY KEY AUTOINCREMENT, subscriber TEXT NOT NULL, tenant_id BLOB NOT NULL, \
     sequence INTEGER NOT NULL, number INTEGER NOT NULL, UNIQUE (subscriber, tenant_id, sequence)) STRICT",
    "CREATE TABLE effect (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subscriber TEXT NOT NULL, \
     tenant_id UUID NOT NULL, sequence BIGINT NOT NULL, number BIGINT NOT NULL, UNIQUE (subscriber, tenant_id, sequence))",
);

/// What a subscriber does with an event beside its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Fails,
    Panics,
    Hangs,
    /// Takes a failed statement for nothing.
    Swallows,
}

type Moods = Arc<Mutex<Vec<(TenantId, i64, Mood)>>>;

/// Leaves an effect for each event, unless it is in another mood for it.
#[derive(Clone, Default)]
pub(crate) struct Recorder<const NUMBER: usize> {
    moods: Moods,
}

impl<const NUMBER: usize> Recorder<NUMBER> {
    /// In this mood for the event, until told otherwise.
    fn is(&self, tenant: TenantId, sequence: i64, mood: Mood) {
        let mut moods = self.moods.lock().unwrap();
        moods.retain(|(other, at, _)| (*other, *at) != (tenant, sequence));
        moods.push((tenant, sequence, mood));
    }

    fn mood(&self, envelope: &Envelope) -> Mood {
        let moods = self.moods.lock().unwrap();
        let found =
            moods.iter().find(|(tenant, at, _)| (*tenant, *at) == (envelope.tenant, envelope.sequence));
        found.map_or(Mood::Well, |(.., mood)| *mood)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("not today")]
struct NotToday;

impl<const NUMBER: usize> Subscriber for Recorder<NUMBER> {
    const NAME: &'static str = ["test.first", "test.second", "test.late"][NUMBER];
    const KINDS: &'static [Kind] = &[Kind::of::<Happened>()];
    const START: Start = if NUMBER == 2 { Start::Head } else { Start::Beginning };

    async fn handle(&self, tx: &mut Tx, scope: &Scope, envelope: &Envelope) -> Result<(), Failure> {
        let Some(event) = envelope.read::<Happened>()? else { panic!("it wants no {envelope:?}") };
        assert_eq!(scope.tenant(), envelope.tenant);
        tx.query("INSERT INTO effect (subscriber, tenant_id, sequence, number) VALUES ($1, $2, $3, $4)")
            .bind(Self::NAME)
            .bind(envelope.tenant)
            .bind(envelope.sequence)
            .bind(event.number)
            .execute_one()
            .await?;
        match self.mood(envelope) {
            Mood::Well => {}
            Mood::Fails => return Err(NotToday.into()),
            Mood::Panics => panic!("beyond repair"),
            Mood::Hangs => std::future::pending().await,
            Mood::Swallows => drop(tx.query("SELECT nothing FROM nowhere").execute().await),
        }
        Ok(())
    }
}

pub(crate) async fn publish(db: &Db, scope: &Scope, numbers: impl IntoIterator<Item = i64>) {
    for number in numbers {
        let mut tx = db.begin().await.unwrap();
        tx.publish(scope, &Happened { number });
        tx.commit().await.unwrap();
    }
}

pub(crate) async fn effects(db: &Db, subscriber: &str, tenant: TenantId) -> Vec<i64> {
    let mut conn = db.conn().await.unwrap();
    let rows: Vec<(i64,)> = conn
        .query("SELECT sequence FROM effect WHERE subscriber = $1 AND tenant_id = $2 ORDER BY id")
        .bind(subscriber)
        .bind(tenant)
        .fetch_all()
        .await
        .unwrap();
    rows.into_iter().map(|(sequence,)| sequence).collect()
}

async fn standing(db: &TestDb, subscriber: &str, tenant: TenantId) -> Standing {
    let mut conn = db.conn().await.unwrap();
    find_standing(&mut conn, &db.platform(), tenant, subscriber).await.unwrap().unwrap()
}

fn dispatcher(db: &Db, clock: &Clock, subscribers: Subscribers) -> Dispatcher {
    let settings = Settings { patience: Duration::from_millis(300), ..Settings::of(db) };
    Dispatcher::new(db.clone(), clock.clone(), subscribers, settings)
}

async fn every_event_reaches_every_subscriber_once_and_in_order(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, _hand) = Clock::mock(NOW);
    let (first, second) = (Recorder::<0>::default(), Recorder::<1>::default());
    let dispatcher = dispatcher(&db, &clock, Subscribers::new().with(first).with(second));
    let scopes = [db.scope(), db.scope(), db.scope()];
    for scope in &scopes {
        publish(&db, scope, 0..70).await;
        let mut tx = db.begin().await.unwrap();
        tx.publish(scope, &Ignored);
        tx.publish(scope, &Happened { number: 70 });
        for _ in 0..100 {
            tx.publish(scope, &Ignored);
        }
        tx.commit().await.unwrap();
    }
    assert!(dispatcher.settle().await.unwrap() >= 6);
    let wanted: Vec<i64> = (1..=70).chain([72]).collect();
    for scope in &scopes {
        for name in ["test.first", "test.second"] {
            assert_eq!(effects(&db, name, scope.tenant()).await, wanted);
            let standing = standing(&db, name, scope.tenant()).await;
            assert_eq!((standing.position, standing.lag(), standing.parked_since), (172, 0, None));
        }
    }
    assert_eq!(dispatcher.settle().await.unwrap(), 0, "nothing is left");
    let backlog = dispatcher.backlog().await.unwrap();
    assert!(backlog.len() == 2 && backlog.iter().all(|backlog| backlog.events == 0), "{backlog:?}");
}

async fn who_panics_waits_alone_and_goes_on_later(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, hand) = Clock::mock(NOW);
    let (first, second) = (Recorder::<0>::default(), Recorder::<1>::default());
    let subscribers = Subscribers::new().with(first.clone()).with(second);
    let dispatcher = dispatcher(&db, &clock, subscribers);
    let (ill, well) = (db.scope(), db.scope());
    first.is(ill.tenant(), 2, Mood::Panics);
    for round in 1..=3 {
        publish(&db, &ill, [round]).await;
        publish(&db, &well, [round]).await;
        // The one that panics is due each time, and is tried first or last as its id has it.
        hand.advance(Duration::from_secs(600));
        dispatcher.settle().await.unwrap();
        let all: Vec<i64> = (1..=round).collect();
        assert_eq!(effects(&db, "test.first", ill.tenant()).await, [1]);
        assert_eq!(effects(&db, "test.second", ill.tenant()).await, all, "the others of the tenant go on");
        assert_eq!(effects(&db, "test.first", well.tenant()).await, all, "and the other tenants");
    }
    let parked = standing(&db, "test.first", ill.tenant()).await;
    assert_eq!((parked.position, parked.lag(), parked.attempts), (1, 2, 2));
    assert!(parked.last_error.unwrap().contains("beyond repair"));
    assert_eq!(parked.parked_since, Some(NOW.saturating_add(Duration::from_secs(1_200))));
    assert!(parked.retry_at.unwrap() > clock.wall());
    let backlog = dispatcher.backlog().await.unwrap();
    let of = |name: &str| backlog.iter().find(|backlog| backlog.subscriber == name).unwrap();
    assert_eq!((of("test.first").parked, of("test.first").events, of("test.first").most), (1, 2, 2));
    assert_eq!((of("test.second").parked, of("test.second").events), (0, 0));

    // Not due yet: nothing happens, however often it is looked at.
    first.is(ill.tenant(), 2, Mood::Well);
    assert_eq!(dispatcher.settle().await.unwrap(), 0);
    hand.advance(Duration::from_secs(600));
    dispatcher.settle().await.unwrap();
    assert_eq!(effects(&db, "test.first", ill.tenant()).await, [1, 2, 3]);
    let standing = standing(&db, "test.first", ill.tenant()).await;
    assert_eq!((standing.attempts, standing.parked_since, standing.retry_at), (0, None, None));
}

async fn what_came_before_a_failure_in_its_batch_stays_done(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, _hand) = Clock::mock(NOW);
    let first = Recorder::<0>::default();
    let dispatcher = dispatcher(&db, &clock, Subscribers::new().with(first.clone()));
    let scope = db.scope();
    first.is(scope.tenant(), 7, Mood::Fails);
    publish(&db, &scope, 1..=20).await;
    dispatcher.settle().await.unwrap();
    assert_eq!(effects(&db, "test.first", scope.tenant()).await, [1, 2, 3, 4, 5, 6]);
    let parked = standing(&db, "test.first", scope.tenant()).await;
    assert_eq!((parked.position, parked.attempts, parked.last_error.as_deref()), (6, 1, Some("not today")));
}

async fn who_gives_no_result_waits_like_who_fails(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, _hand) = Clock::mock(NOW);
    let first = Recorder::<0>::default();
    let dispatcher = dispatcher(&db, &clock, Subscribers::new().with(first.clone()));
    let (slow, quick) = (db.scope(), db.scope());
    first.is(slow.tenant(), 1, Mood::Hangs);
    publish(&db, &slow, [1]).await;
    publish(&db, &quick, [1]).await;
    dispatcher.settle().await.unwrap();
    assert_eq!(effects(&db, "test.first", slow.tenant()).await, [0_i64; 0]);
    assert_eq!(effects(&db, "test.first", quick.tenant()).await, [1]);
    let error = standing(&db, "test.first", slow.tenant()).await.last_error.unwrap();
    assert!(error.contains("no result within"), "{error}");
}

async fn an_error_that_is_swallowed_commits_nothing(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, _hand) = Clock::mock(NOW);
    let first = Recorder::<0>::default();
    let dispatcher = dispatcher(&db, &clock, Subscribers::new().with(first.clone()));
    let scope = db.scope();
    first.is(scope.tenant(), 3, Mood::Swallows);
    publish(&db, &scope, 1..=5).await;
    dispatcher.settle().await.unwrap();
    assert_eq!(effects(&db, "test.first", scope.tenant()).await, [1, 2]);
    assert_eq!(standing(&db, "test.first", scope.tenant()).await.position, 2);
}

async fn an_operator_retries_replays_and_skips(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, hand) = Clock::mock(NOW);
    let first = Recorder::<0>::default();
    let dispatcher = dispatcher(&db, &clock, Subscribers::new().with(first.clone()));
    let scope = db.scope();
    let (tenant, platform) = (scope.tenant(), db.platform());
    first.is(tenant, 2, Mood::Fails);
    first.is(tenant, 4, Mood::Fails);
    publish(&db, &scope, 1..=5).await;
    dispatcher.settle().await.unwrap();

    // Retried at once, without waiting.
    first.is(tenant, 2, Mood::Well);
    let mut tx = db.begin().await.unwrap();
    retry(&mut tx, &platform, tenant, "test.first").await.unwrap();
    tx.commit().await.unwrap();
    dispatcher.settle().await.unwrap();
    assert_eq!(effects(&db, "test.first", tenant).await, [1, 2, 3]);

    // Only the event in front can be left out, so that two operators do not leave out two.
    let mut tx = db.begin().await.unwrap();
    let moved = skip(&mut tx, &platform, tenant, "test.first", 2).await.unwrap_err();
    assert!(matches!(moved, OperateError::Moved { next: 4 }), "{moved:?}");
    skip(&mut tx, &platform, tenant, "test.first", 4).await.unwrap();
    tx.commit().await.unwrap();
    dispatcher.settle().await.unwrap();
    assert_eq!(effects(&db, "test.first", tenant).await, [1, 2, 3, 5]);

    // Everything once more; the effects are gone as if somebody had lost them.
    let mut tx = db.begin().await.unwrap();
    tx.query("DELETE FROM effect").execute().await.unwrap();
    first.is(tenant, 4, Mood::Well);
    for from in [0, 6] {
        let refused = replay(&mut tx, &platform, tenant, "test.first", from).await.unwrap_err();
        assert!(matches!(refused, OperateError::NotKept { first: 1, last: 5 }), "{refused:?}");
    }
    replay(&mut tx, &platform, tenant, "test.first", 2).await.unwrap();
    let stranger = retry(&mut tx, &platform, tenant, "test.second").await.unwrap_err();
    assert!(matches!(stranger, OperateError::NotFound), "{stranger:?}");
    tx.commit().await.unwrap();
    hand.advance(Duration::from_millis(1));
    dispatcher.settle().await.unwrap();
    assert_eq!(effects(&db, "test.first", tenant).await, [2, 3, 4, 5]);

    // Looked at although there is nothing to do: it waits for nothing afterwards.
    let mut tx = db.begin().await.unwrap();
    retry(&mut tx, &platform, tenant, "test.first").await.unwrap();
    tx.commit().await.unwrap();
    dispatcher.settle().await.unwrap();
    assert_eq!(standing(&db, "test.first", tenant).await.retry_at, None);

    let mut conn = db.conn().await.unwrap();
    let page = PageRequest::new(None, None);
    let trail = audit::list(&mut conn, &scope, &Filter::default(), &page).await.unwrap();
    let acts: Vec<&str> = trail.rows.iter().map(|entry| entry.act.as_str()).collect();
    assert_eq!(acts, ["event.retry", "event.replay", "event.skip", "event.retry"]);
    let all = list_standings(&mut conn, &platform, &StandingFilter::default(), &page).await.unwrap();
    assert_eq!(all.rows.len(), 1);
    let filter = StandingFilter { parked: true, ..StandingFilter::default() };
    assert!(list_standings(&mut conn, &platform, &filter, &page).await.unwrap().rows.is_empty());
}

async fn unknown_kinds_are_passed_over_and_newer_versions_waited_for(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, hand) = Clock::mock(NOW);
    let dispatcher = dispatcher(&db, &clock, Subscribers::new().with(Recorder::<0>::default()));
    let scope = db.scope();
    let mut tx = db.begin().await.unwrap();
    tx.publish(&scope, &Ignored);
    tx.publish(&scope, &Happened { number: 1 });
    tx.publish(&scope, &HappenedAnew { number: "two".into() });
    tx.publish(&scope, &Happened { number: 3 });
    tx.commit().await.unwrap();
    for _ in 0..3 {
        dispatcher.settle().await.unwrap();
        hand.advance(Duration::from_secs(600));
    }
    assert_eq!(effects(&db, "test.first", scope.tenant()).await, [2]);
    let waits = standing(&db, "test.first", scope.tenant()).await;
    assert_eq!((waits.position, waits.retry_at, waits.attempts), (2, None, 1), "told once");
    assert!(waits.last_error.unwrap().contains("happened of version 2"));

    // The daemon that knows it takes it, without waiting for anything.
    struct Newest;
    impl Subscriber for Newest {
        const NAME: &'static str = Recorder::<0>::NAME;
        const KINDS: &'static [Kind] = &[Kind::of::<HappenedAnew>()];
        async fn handle(&self, tx: &mut Tx, _: &Scope, envelope: &Envelope) -> Result<(), Failure> {
            let text = "INSERT INTO effect (subscriber, tenant_id, sequence, number) VALUES ('test.first', $1, $2, 0)";
            Ok(tx.query(text).bind(envelope.tenant).bind(envelope.sequence).execute_one().await?)
        }
    }
    let newer = self::dispatcher(&db, &clock, Subscribers::new().with(Newest));
    newer.settle().await.unwrap();
    assert_eq!(effects(&db, "test.first", scope.tenant()).await, [2, 3, 4]);
}

async fn a_new_subscriber_starts_where_it_says(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, _hand) = Clock::mock(NOW);
    let old = db.scope();
    publish(&db, &old, 1..=3).await;
    let subscribers = Subscribers::new().with(Recorder::<0>::default()).with(Recorder::<2>::default());
    let dispatcher = dispatcher(&db, &clock, subscribers);
    dispatcher.settle().await.unwrap();
    publish(&db, &old, 4..=5).await;
    let young = db.scope();
    publish(&db, &young, 1..=2).await;
    dispatcher.settle().await.unwrap();
    assert_eq!(effects(&db, "test.first", old.tenant()).await, [1, 2, 3, 4, 5], "from the beginning");
    assert_eq!(effects(&db, "test.late", old.tenant()).await, [4, 5], "from the head");
    assert_eq!(effects(&db, "test.late", young.tenant()).await, [1, 2], "a stream that began later is whole");
}

/// Two nodes dispatch while others publish. The effect's key shows what is done twice, its order what is done too early.
async fn two_nodes_share_the_work(db: TestDb) {
    const EVENTS: i64 = 60;
    create(&db, &[EFFECT]).await;
    let other = db.open_again().await;
    let stop = CancellationToken::new();
    let scopes = [db.scope(), db.scope(), db.scope(), db.scope()];
    let mut tasks = tokio::task::JoinSet::new();
    for node in [(*db).clone(), other.clone()] {
        let subscribers = Subscribers::new().with(Recorder::<0>::default()).with(Recorder::<1>::default());
        let settings = Settings { workers: 1, ..Settings::of(&node) };
        let dispatcher = Dispatcher::new(node, Clock::system(), subscribers, settings);
        tasks.spawn(dispatcher.run(stop.clone()));
    }
    let mut publishers = tokio::task::JoinSet::new();
    for (at, scope) in scopes.clone().into_iter().enumerate() {
        let db = if at % 2 == 0 { (*db).clone() } else { other.clone() };
        publishers.spawn(async move { publish(&db, &scope, 1..=EVENTS).await });
    }
    publishers.join_all().await;
    // What one node was told and the other had locked is found by the look at all tenants.
    let all: Vec<i64> = (1..=EVENTS).collect();
    for scope in &scopes {
        for name in ["test.first", "test.second"] {
            while effects(&db, name, scope.tenant()).await.len() < all.len() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(effects(&db, name, scope.tenant()).await, all);
        }
    }
    stop.cancel();
    tasks.join_all().await;
    other.close().await;
}

async fn a_tenant_with_a_backlog_leaves_others_their_turn(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (mut busy, mut calm) = (db.scope(), db.scope());
    // Whose id is lower is looked at first.
    if busy.tenant() > calm.tenant() {
        std::mem::swap(&mut busy, &mut calm);
    }
    let mut tx = db.begin().await.unwrap();
    for number in 0..900 {
        tx.publish(&busy, &Happened { number });
    }
    tx.commit().await.unwrap();
    publish(&db, &calm, [1]).await;
    let stop = CancellationToken::new();
    let subscribers = Subscribers::new().with(Recorder::<0>::default());
    let settings = Settings { workers: 1, ..Settings::of(&db) };
    let dispatcher = Dispatcher::new((*db).clone(), Clock::system(), subscribers, settings);
    let running = tokio::spawn(dispatcher.run(stop.clone()));
    while effects(&db, "test.first", busy.tenant()).await.len() < 900 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    running.await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let (before,): (i64,) = conn
        .query("SELECT COUNT(*) FROM effect WHERE id < (SELECT MIN(id) FROM effect WHERE tenant_id = $1)")
        .bind(calm.tenant())
        .fetch_one()
        .await
        .unwrap();
    assert!(before <= 256, "{before} events of the busy tenant came first");
}

/// Publishes, dispatches and handles, with a fault at the first point, the second, and so on, until there are no more.
async fn a_fault_between_any_two_statements_loses_and_repeats_nothing(db: TestDb) {
    create(&db, &[EFFECT]).await;
    let (clock, hand) = Clock::mock(NOW);
    let mut points = 0;
    for point in 1.. {
        let scope = db.scope();
        // A dispatcher that has forgotten everything, as after a restart.
        let subscribers = || Subscribers::new().with(Recorder::<0>::default()).with(Recorder::<1>::default());
        let fresh = || dispatcher(&db, &clock, subscribers());
        db.faults().arm(point);
        let mut published = BTreeSet::new();
        for number in 1..=3 {
            let outcome = async {
                let mut tx = db.begin().await?;
                tx.publish(&scope, &Ignored);
                tx.publish(&scope, &Happened { number });
                tx.commit().await
            };
            if outcome.await.is_ok() {
                published.insert(number);
            }
        }
        let struck = fresh().settle().await;
        let done = db.faults().disarm();
        assert!(!done || struck.is_ok());
        // As long as any wait.
        hand.advance(Duration::from_secs(600));
        fresh().settle().await.unwrap();
        for name in ["test.first", "test.second"] {
            let mut conn = db.conn().await.unwrap();
            let rows: Vec<(i64,)> = conn
                .query("SELECT number FROM effect WHERE subscriber = $1 AND tenant_id = $2 ORDER BY id")
                .bind(name)
                .bind(scope.tenant())
                .fetch_all()
                .await
                .unwrap();
            let numbers: Vec<i64> = rows.into_iter().map(|(number,)| number).collect();
            let distinct: BTreeSet<i64> = numbers.iter().copied().collect();
            // A commit whose answer was lost may have happened; one that was answered has.
            assert!(distinct.is_superset(&published), "point {point}: {numbers:?} of {published:?}");
            assert!(
                distinct.len() - published.len() <= 1 && distinct.len() == numbers.len(),
                "point {point}: {numbers:?}"
            );
            assert!(numbers.is_sorted(), "point {point}: {numbers:?}");
            let standing = standing(&db, name, scope.tenant()).await;
            assert_eq!((standing.lag(), standing.parked_since), (0, None), "point {point}");
        }
        if done {
            points = point;
            break;
        }
    }
    assert!(points > 25, "only {points} points were tried");
}
