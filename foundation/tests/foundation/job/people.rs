//! What people see of the queue, and what they do with single jobs.

use base::page::PageRequest;
use foundation::job::{
    health::{self, By},
    manage::{ChangeError, Filter},
};

use super::*;

foundation::battery! {
    the_health_view_tells_kinds_lanes_and_tenants_apart,
    a_dead_job_is_replayed,
    a_job_is_discarded_even_while_it_runs,
    a_waiting_job_is_retried_at_once,
    lists_are_filtered_and_paged,
}

async fn the_health_view_tells_kinds_lanes_and_tenants_apart(db: TestDb) {
    let world = World::new(db).await;
    let router = Lane::router(base::RouterId::from_uuid(uuid::Uuid::from_u128(9)));
    let on_router = Options { lane: Some(router.clone()), ..Options::default() };
    world.enqueue_with(&scope(1), &Chore::effect("oldest"), on_router.clone()).await.unwrap();
    world.pass(Duration::from_secs(600)).await;
    world.enqueue_with(&scope(1), &Chore::effect("newer"), on_router).await.unwrap();
    world.enqueue_with(&scope(2), &Errand { name: "other".into() }, Options::default()).await.unwrap();
    world.pass(Duration::from_secs(60)).await;
    world.enqueue(&scope(2), &Chore::effect("newest")).await;
    let read = async |filter: health::Filter| {
        health::read(&mut world.db.conn().await.unwrap(), &filter).await.unwrap()
    };
    let about =
        |age: Option<Duration>, seconds: u64| age.is_some_and(|age| age.as_secs().abs_diff(seconds) <= 20);
    let report = read(health::Filter::default()).await;
    let all = report.by(By::All);
    assert_eq!(all.len(), 3);
    let oldest = &all[0];
    assert_eq!((oldest.lane.as_deref(), oldest.kind.as_deref()), (Some(router.name()), Some("chore")));
    assert_eq!((oldest.available, oldest.depth()), (2, 2));
    assert!(about(oldest.oldest_age(report.at), 660), "{:?}", oldest.oldest_age(report.at));
    let kinds = report.by(By::Kind);
    let chores = kinds.iter().find(|part| part.kind.as_deref() == Some("chore")).unwrap();
    assert_eq!(chores.available, 3);
    let tenants = report.by(By::Tenant);
    let two = tenants.iter().find(|part| part.tenant == Some(scope(2).tenant())).unwrap();
    assert_eq!(two.available, 2);
    assert!(about(two.oldest_age(report.at), 60));
    let only = read(health::Filter { tenant: Some(scope(2).tenant()), ..health::Filter::default() }).await;
    assert_eq!(only.total().available, 2);
    let only = read(health::Filter { lane: Some(router.name().into()), ..health::Filter::default() }).await;
    assert_eq!(only.total().available, 2);

    world.enqueue(&scope(1), &Chore::new("f", Act::Fail)).await;
    world.enqueue(&scope(1), &Chore::new("d", Act::Fatal)).await;
    world.enqueue(&scope(1), &Chore::new("s", Act::Snooze)).await;
    world.workers().run_due().await.unwrap();
    let total = read(health::Filter::default()).await.total();
    assert_eq!((total.available, total.scheduled, total.failed, total.dead, total.running), (0, 2, 1, 1, 0));
    assert_eq!(total.done_lately, 4);
    assert_eq!(total.last_error.unwrap().1, "the form is unknown");
    assert_eq!(total.oldest, None);
}

async fn a_dead_job_is_replayed(db: TestDb) {
    let world = World::new(db).await;
    let keyed = || Options { unique_key: Some("k".into()), ..Options::default() };
    let id = world.enqueue_with(&scope(1), &Chore::new("x", Act::Fatal), keyed()).await.unwrap();
    let mut workers = world.workers();
    workers.run_due().await.unwrap();
    let replay = async |id| {
        let mut tx = world.db.begin().await.unwrap();
        let replayed = manage::replay(&mut tx, &world.platform(), id).await?;
        tx.commit().await.unwrap();
        Ok::<Found, ChangeError>(replayed)
    };
    // Whose key is taken meanwhile waits for the other one.
    let other = world.enqueue_with(&scope(1), &Chore::effect("y"), keyed()).await.unwrap();
    assert!(matches!(replay(id).await, Err(ChangeError::Live)));
    workers.run_due().await.unwrap();
    assert!(matches!(replay(other).await, Err(ChangeError::State(State::Done))));
    let back = replay(id).await.unwrap();
    assert_eq!((back.state, back.attempt, back.runs), (State::Available, 0, 1));
    assert_eq!(workers.run_due().await.unwrap(), 1);
    assert_eq!(world.state(id).await, State::Dead);
    assert!(matches!(replay(JobId(99_999)).await, Err(ChangeError::NotFound)));
    let log = world.log(id).await;
    assert!(log.iter().any(|(_, text)| text == "brought back by system:test"), "{log:?}");
    let mut conn = world.db.conn().await.unwrap();
    let (platform, request) = (world.platform(), PageRequest::new(None, None));
    let replays = foundation::audit::Filter { act: Some("job.replay".into()), ..Default::default() };
    let trail = foundation::audit::list(&mut conn, &platform, &replays, &request).await.unwrap();
    assert_eq!(trail.rows.len(), 1);
}

async fn a_job_is_discarded_even_while_it_runs(db: TestDb) {
    let world = World::new(db).await;
    let discard = async |id| {
        let mut tx = world.db.begin().await.unwrap();
        manage::discard(&mut tx, &world.platform(), id).await.unwrap();
        tx.commit().await.unwrap();
    };
    let waiting = world.enqueue(&scope(1), &Chore::effect("x")).await;
    discard(waiting).await;
    assert_eq!(world.workers().run_due().await.unwrap(), 0);
    let (go, here) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    struct Late(Arc<tokio::sync::Notify>, Arc<tokio::sync::Notify>);
    impl Work<Chore> for Late {
        async fn run(&self, chore: Chore, context: &JobContext) -> Result<(), JobError> {
            self.1.notify_one();
            self.0.notified().await;
            let mut tx = context.begin().await?;
            leave(&mut tx, &chore.name).await?;
            context.commit(tx).await
        }
    }
    let mut registry = Registry::new();
    registry.register::<Chore>(Late(Arc::clone(&go), Arc::clone(&here))).unwrap();
    let settings = Settings { node: "late".into(), at_once: 1 };
    let mut late = Workers::new((*world.db).clone(), Arc::new(registry), world.clock.clone(), settings);
    let id = world.enqueue(&scope(1), &Chore::effect("y")).await;
    let late = tokio::spawn(async move { late.run_due().await });
    here.notified().await;
    discard(id).await;
    go.notify_one();
    late.await.unwrap().unwrap();
    assert_eq!(world.state(id).await, State::Discarded);
    assert_eq!(world.effects().await, [], "what was not committed by then does not happen");
}

async fn a_waiting_job_is_retried_at_once(db: TestDb) {
    let world = World::new(db).await;
    let id = world.enqueue(&scope(1), &Chore::new("x", Act::Fail)).await;
    let mut workers = world.workers();
    workers.run_due().await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    manage::retry(&mut tx, &world.platform(), id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(workers.run_due().await.unwrap(), 1);
    assert_eq!(world.job(id).await.attempt, 2);
}

async fn lists_are_filtered_and_paged(db: TestDb) {
    let world = World::new(db).await;
    for number in 0..5 {
        world.enqueue(&scope(1), &Chore::effect(&number.to_string())).await;
    }
    let dead = world.enqueue(&scope(2), &Chore::new("x", Act::Fatal)).await;
    world.workers().run_due().await.unwrap();
    let mut conn = world.db.conn().await.unwrap();
    let filter = Filter { tenant: Some(scope(1).tenant()), state: Some(State::Done), ..Filter::default() };
    let first = manage::list(&mut conn, &filter, &PageRequest::new(Some(3), None)).await.unwrap();
    assert_eq!(first.rows.len(), 3);
    let rest = manage::list(&mut conn, &filter, &PageRequest::new(Some(3), first.next)).await.unwrap();
    assert_eq!((rest.rows.len(), rest.next), (2, None));
    assert!(rest.rows[0].id < first.rows[2].id);
    let filter = Filter { kind: Some("chore".into()), state: Some(State::Dead), ..Filter::default() };
    let found = manage::list(&mut conn, &filter, &PageRequest::new(None, None)).await.unwrap();
    assert_eq!(found.rows.iter().map(|job| job.id).collect::<Vec<_>>(), [dead]);
    let odd = manage::list(&mut conn, &Filter::default(), &PageRequest::new(None, Some("x".into()))).await;
    assert!(matches!(odd, Err(manage::ListError::Cursor)));
}
