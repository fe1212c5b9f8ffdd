//! Each event reaches each subscriber, in order, whoever else is there.

use super::*;

foundation::battery! {
    every_event_reaches_every_subscriber_once_and_in_order,
    unknown_kinds_are_passed_over_and_newer_versions_waited_for,
    a_new_subscriber_starts_where_it_says,
    two_nodes_share_the_work,
    a_tenant_with_a_backlog_leaves_others_their_turn,
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
