//! Who fails waits alone, and what an operator does about it.

use super::*;

foundation::battery! {
    who_panics_waits_alone_and_goes_on_later,
    what_came_before_a_failure_in_its_batch_stays_done,
    who_gives_no_result_waits_like_who_fails,
    an_error_that_is_swallowed_commits_nothing,
    an_operator_retries_replays_and_skips,
    a_fault_between_any_two_statements_loses_and_repeats_nothing,
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
