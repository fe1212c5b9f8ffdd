//! One job's life: into the queue with its transaction, through failures, to its end.

use super::*;

foundation::battery! {
    a_job_comes_with_its_transaction_and_goes_with_it,
    a_job_is_done_once_and_logs_what_it_did,
    a_failed_job_comes_back_until_it_is_dead_and_somebody_is_told,
    a_panic_is_a_failure_like_any_other,
    a_snooze_for_a_day_costs_no_attempt,
    a_job_may_end_itself,
    a_job_of_many_steps_goes_on_where_it_was,
    a_dead_node_s_job_is_rescued,
    what_a_killed_node_left_is_rescued_when_it_starts_again,
    an_exhausted_job_is_dead_when_it_is_rescued,
    who_lost_the_lease_cannot_finish_the_job,
    repeated_deaths_are_told_once_an_hour,
    old_jobs_are_forgotten_with_their_logs,
}

async fn a_job_comes_with_its_transaction_and_goes_with_it(db: TestDb) {
    let world = World::new(db).await;
    let mut tx = world.db.begin().await.unwrap();
    job::enqueue(&mut tx, &scope(1), &Chore::effect("never"), Options::default()).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(world.workers().run_due().await.unwrap(), 0);
    let id = world.enqueue(&scope(1), &Chore::effect("once")).await;
    assert_eq!(world.state(id).await, State::Available);
    assert_eq!(world.workers().run_due().await.unwrap(), 1);
    assert_eq!(world.effects().await, [("once".to_owned(), 1)]);
    // Many at once.
    let mut tx = world.db.begin().await.unwrap();
    let many: Vec<Chore> = (0..300).map(|number| Chore::effect(&format!("m{number}"))).collect();
    assert_eq!(job::enqueue_all(&mut tx, &scope(1), &many, &Options::default()).await.unwrap(), 300);
    tx.commit().await.unwrap();
    assert_eq!(world.workers().run_due().await.unwrap(), 300);
    assert_eq!(world.effects().await.len(), 301);
}

async fn a_job_is_done_once_and_logs_what_it_did(db: TestDb) {
    let world = World::new(db).await;
    let later = Some(NOW.saturating_add(Duration::from_secs(3_650 * 24 * 3_600)));
    let options = Options { run_at: later, ..Options::default() };
    let id = world.enqueue_with(&scope(1), &Chore::effect("x"), options).await.unwrap();
    let mut workers = world.workers();
    assert_eq!(workers.run_due().await.unwrap(), 0, "it is asked for later");
    assert_eq!(world.state(id).await, State::Scheduled);
    world.pass(Duration::from_secs(3_651 * 24 * 3_600)).await;
    assert_eq!(workers.run_due().await.unwrap(), 1);
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempt, job.runs, job.node.as_deref()), (State::Done, 1, 1, Some("node-1")));
    assert!(job.finished_at.is_some() && job.last_error.is_none());
    let log = world.log(id).await;
    assert_eq!(log, [(1, "x begins".to_owned()), (1, "in two lines".to_owned())]);
    assert_eq!(workers.run_due().await.unwrap(), 0);
    assert_eq!(world.effects().await, [("x".to_owned(), 1)]);
}

async fn a_failed_job_comes_back_until_it_is_dead_and_somebody_is_told(db: TestDb) {
    let world = World::new(db).await;
    let id = world.enqueue(&scope(7), &Chore::new("x", Act::Fail)).await;
    let mut workers = world.workers();
    for (attempt, least) in [(1, 10), (2, 15)] {
        assert_eq!(workers.run_due().await.unwrap(), 1);
        let job = world.job(id).await;
        assert_eq!((job.state, job.attempt), (State::Scheduled, attempt));
        assert_eq!(job.last_error.as_deref(), Some("the line is dead"));
        let wait = job.run_at.since(job.started_at.unwrap());
        let (least, most) = (Duration::from_secs(least), Duration::from_millis(least * 1_250 + 5_000));
        assert!(wait >= least && wait < most, "{wait:?}: the wait stands in the row");
        assert_eq!(workers.run_due().await.unwrap(), 0, "not before its time");
        world.pass(Duration::from_secs(30)).await;
    }
    assert_eq!(workers.run_due().await.unwrap(), 1);
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempt), (State::Dead, 3));
    world.pass(Duration::from_secs(3_600)).await;
    assert_eq!(workers.run_due().await.unwrap(), 0);
    let log = world.log(id).await;
    let last = |run| log.iter().rfind(|(of, _)| *of == run).unwrap().1.clone();
    assert!(last(1).contains("attempt 1 of 3 failed; again in 1"), "{}", last(1));
    assert!(
        last(3).contains("attempt 3 of 3 failed, and it was the last one: the line is dead"),
        "{}",
        last(3)
    );
    let mut conn = world.db.conn().await.unwrap();
    let told = foundation::event::events_after(&mut conn, TenantId::PLATFORM, 0, 10).await.unwrap();
    let [told] = told.try_into().unwrap();
    assert_eq!(told.kind, "job_failed");
    let failed: job::JobFailed = serde_json::from_value(told.body).unwrap();
    assert_eq!((failed.job, failed.tenant, failed.attempts), (id, scope(7).tenant(), 3));
    assert_eq!((failed.kind.as_str(), failed.error.as_str()), ("chore", "the line is dead"));
}

async fn a_panic_is_a_failure_like_any_other(db: TestDb) {
    let world = World::new(db).await;
    let id = world.enqueue(&scope(1), &Chore::new("x", Act::Panic)).await;
    let other = world.enqueue(&scope(1), &Chore::effect("y")).await;
    assert_eq!(world.workers().run_due().await.unwrap(), 2);
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempt), (State::Scheduled, 1));
    assert_eq!(job.last_error.as_deref(), Some("it panicked: no such subscriber"));
    assert_eq!(world.state(other).await, State::Done);
}

async fn a_snooze_for_a_day_costs_no_attempt(db: TestDb) {
    let world = World::new(db).await;
    let id = world.enqueue(&scope(1), &Chore::new("x", Act::Snooze)).await;
    let mut workers = world.workers();
    for run in 1..=5 {
        assert_eq!(workers.run_due().await.unwrap(), 1);
        let job = world.job(id).await;
        assert_eq!((job.state, job.attempt, job.snoozes, job.runs), (State::Scheduled, 0, run, run));
        world.pass(Duration::from_secs(24 * 3_600 - 60)).await;
        assert_eq!(workers.run_due().await.unwrap(), 0, "a day is not over");
        world.pass(Duration::from_secs(60)).await;
    }
}

async fn a_job_may_end_itself(db: TestDb) {
    let world = World::new(db).await;
    let gone = world.enqueue(&scope(1), &Chore::new("x", Act::Discard)).await;
    let broken = world.enqueue(&scope(1), &Chore::new("y", Act::Fatal)).await;
    assert_eq!(world.workers().run_due().await.unwrap(), 2);
    assert_eq!(world.state(gone).await, State::Discarded);
    let job = world.job(broken).await;
    assert_eq!((job.state, job.attempt), (State::Dead, 1));
    // Arguments that cannot be read are for good, too.
    let mut tx = world.db.begin().await.unwrap();
    let odd =
        job::enqueue(&mut tx, &scope(1), &Chore::effect("z"), Options::default()).await.unwrap().unwrap();
    tx.query("UPDATE job SET args = $2 WHERE id = $1")
        .bind(odd)
        .bind(foundation::db::Json(serde_json::json!([1])))
        .execute_one()
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.workers().run_due().await.unwrap();
    assert_eq!(world.state(odd).await, State::Dead);
}

async fn a_job_of_many_steps_goes_on_where_it_was(db: TestDb) {
    let world = World::new(db).await;
    let id = world.enqueue(&scope(1), &Chore::new("x", Act::Steps { count: 5, fails_before: 3 })).await;
    let mut workers = world.workers();
    assert_eq!(workers.run_due().await.unwrap(), 1);
    let job = world.job(id).await;
    assert_eq!(job.progress.map(|progress| progress.0), Some(serde_json::json!(3)));
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(workers.run_due().await.unwrap(), 1);
    assert_eq!(world.state(id).await, State::Done);
    let each_once: Vec<_> = (0..5).map(|step: i64| (step.to_string(), 1)).collect();
    assert_eq!(world.effects().await, each_once);
}

/// Claims everything that is due as a node that dies at once.
async fn claim_and_die(world: &World) {
    let mut tx = world.db.begin().await.unwrap();
    let now = job::database_time(&mut tx).await.unwrap();
    tx.query(
        "UPDATE job SET state = 'running', attempt = attempt + 1, lease_token = lease_token + 1, node = 'ghost', \
         lease_until = $1, started_at = $1 WHERE state = 'available'",
    )
    .bind(now.saturating_add(Duration::from_secs(30)))
    .execute()
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

async fn a_dead_node_s_job_is_rescued(db: TestDb) {
    let world = World::new(db).await;
    let keeper = world.keeper(Vec::new(), Vec::new());
    let id = world.enqueue(&scope(1), &Chore::effect("x")).await;
    claim_and_die(&world).await;
    assert_eq!(keeper.rescue().await.unwrap(), 0, "the lease holds");
    assert_eq!(world.workers().run_due().await.unwrap(), 0);
    world.pass(Duration::from_secs(31)).await;
    assert_eq!(keeper.rescue().await.unwrap(), 1);
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempt), (State::Scheduled, 1), "the run counts");
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(world.workers().run_due().await.unwrap(), 1);
    assert_eq!(world.state(id).await, State::Done);
    assert_eq!(world.effects().await, [("x".to_owned(), 1)]);
    let log = world.log(id).await;
    assert!(log.iter().any(|(run, text)| *run == 1 && text.contains("the node ghost ended")), "{log:?}");
}

async fn what_a_killed_node_left_is_rescued_when_it_starts_again(db: TestDb) {
    let world = World::new(db).await;
    let id = world.enqueue(&scope(1), &Chore::effect("x")).await;
    claim_and_die(&world).await;
    let start = async |node: &str| {
        let stop = tokio_util::sync::CancellationToken::new();
        let workers = world.workers_of((*world.db).clone(), node, 8);
        let running = tokio::spawn(workers.run(stop.clone()));
        // What comes after the rescue tells that it is over.
        let after = world.enqueue(&scope(2), &Chore::effect(node)).await;
        while world.state(after).await != State::Done {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        running.await.unwrap();
    };
    start("node-2").await;
    let lease = world.job(id).await;
    assert_eq!((lease.state, lease.attempt), (State::Running, 1), "another node knows nothing of it");
    start("ghost").await;
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempt), (State::Scheduled, 1), "at once, and the run counts");
    let log = world.log(id).await;
    assert!(log.iter().any(|(run, text)| *run == 1 && text.contains("ghost ended in the middle")), "{log:?}");
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(world.workers().run_due().await.unwrap(), 1);
    let done = world.job(id).await;
    assert_eq!((done.state, done.runs), (State::Done, 2), "a run of its own, with a token of its own");
    assert_eq!(world.effects().await.iter().filter(|(name, _)| name == "x").count(), 1);
}

async fn an_exhausted_job_is_dead_when_it_is_rescued(db: TestDb) {
    let world = World::new(db).await;
    let keeper = world.keeper(Vec::new(), Vec::new());
    let id = world.enqueue(&scope(1), &Chore::effect("kills its node")).await;
    for _ in 0..3 {
        claim_and_die(&world).await;
        world.pass(Duration::from_secs(60)).await;
        assert_eq!(keeper.rescue().await.unwrap(), 1);
        world.pass(Duration::from_secs(60)).await;
        let mut tx = world.db.begin().await.unwrap();
        tx.query("UPDATE job SET state = 'available' WHERE state = 'scheduled'").execute().await.unwrap();
        tx.commit().await.unwrap();
    }
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempt), (State::Dead, 3));
    assert_eq!(world.workers().run_due().await.unwrap(), 0);
    assert_eq!(world.effects().await, []);
}

async fn who_lost_the_lease_cannot_finish_the_job(db: TestDb) {
    let world = World::new(db).await;
    // This one runs until it is told to go on, while another node takes the job over.
    let (go, gone_on) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    struct Slow(Arc<tokio::sync::Notify>, Arc<tokio::sync::Notify>);
    impl Work<Chore> for Slow {
        async fn run(&self, chore: Chore, context: &JobContext) -> Result<(), JobError> {
            let mut tx = context.begin().await?;
            if chore.name == "reads" {
                tx.rollback().await?;
                self.1.notify_one();
                self.0.notified().await;
                tx = context.begin().await?;
            }
            leave(&mut tx, &chore.name).await?;
            let finished = context.finish(tx).await;
            assert!(matches!(finished, Err(JobError::LeaseLost)), "{finished:?}");
            finished
        }
    }
    let mut registry = Registry::new();
    registry.register::<Chore>(Slow(Arc::clone(&go), Arc::clone(&gone_on))).unwrap();
    let settings = Settings { node: "slow".into(), at_once: 2 };
    let mut slow = Workers::new((*world.db).clone(), Arc::new(registry), world.clock.clone(), settings);
    let id = world.enqueue(&scope(1), &Chore::effect("reads")).await;
    let slow = tokio::spawn(async move { slow.run_due().await.unwrap() });
    gone_on.notified().await;
    world.pass(Duration::from_secs(31)).await;
    world.keeper(Vec::new(), Vec::new()).rescue().await.unwrap();
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(world.workers().run_due().await.unwrap(), 1);
    let done = world.job(id).await;
    assert_eq!((done.state, done.runs, done.node.as_deref()), (State::Done, 2, Some("node-1")));
    go.notify_one();
    assert_eq!(slow.await.unwrap(), 1);
    assert_eq!(world.effects().await, [("reads".to_owned(), 1)], "the effect of the run that finished");
    assert_eq!(world.job(id).await, done);
}

async fn repeated_deaths_are_told_once_an_hour(db: TestDb) {
    let world = World::new(db).await;
    let mut workers = world.workers();
    let told = async || {
        let mut conn = world.db.conn().await.unwrap();
        let events = foundation::event::events_after(&mut conn, TenantId::PLATFORM, 0, 10).await.unwrap();
        let body = |body| serde_json::from_value::<job::JobFailed>(body).unwrap().suppressed;
        events.into_iter().map(|event| body(event.body)).collect::<Vec<_>>()
    };
    for _ in 0..5 {
        world.enqueue(&scope(1), &Chore::new("x", Act::Fatal)).await;
        workers.run_due().await.unwrap();
    }
    assert_eq!(told().await, [0]);
    world.enqueue(&scope(2), &Chore::new("x", Act::Fatal)).await;
    workers.run_due().await.unwrap();
    assert_eq!(told().await, [0, 0], "another tenant's is another failure");
    world.pass(Duration::from_secs(3_601)).await;
    world.enqueue(&scope(1), &Chore::new("x", Act::Fatal)).await;
    workers.run_due().await.unwrap();
    assert_eq!(told().await, [0, 0, 4]);
}

async fn old_jobs_are_forgotten_with_their_logs(db: TestDb) {
    let world = World::new(db).await;
    let keeper = world.keeper(Vec::new(), Vec::new());
    let mut tx = world.db.begin().await.unwrap();
    let many: Vec<Chore> = (0..450).map(|number| Chore::effect(&format!("m{number}"))).collect();
    job::enqueue_all(&mut tx, &scope(1), &many, &Options::default()).await.unwrap();
    tx.commit().await.unwrap();
    let dead = world.enqueue(&scope(1), &Chore::new("x", Act::Fatal)).await;
    world.workers().run_due().await.unwrap();
    let waiting = world.enqueue(&scope(1), &Chore::effect("y")).await;
    world.pass(Duration::from_secs(2 * 24 * 3_600)).await;
    assert_eq!(keeper.sweep().await.unwrap(), 0);
    world.pass(Duration::from_secs(2 * 24 * 3_600)).await;
    assert_eq!(keeper.sweep().await.unwrap(), 450);
    world.pass(Duration::from_secs(60 * 24 * 3_600)).await;
    assert_eq!(world.state(dead).await, State::Dead);
    assert_eq!(keeper.sweep().await.unwrap(), 1);
    assert_eq!(world.state(waiting).await, State::Available, "what waits is never forgotten");
    let mut conn = world.db.conn().await.unwrap();
    let (lines,): (i64,) = conn.query("SELECT COUNT(*) FROM job_log").fetch_one().await.unwrap();
    assert_eq!(lines, 0);
}
