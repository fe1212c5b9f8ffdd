//! Who is claimed when: keys, lanes, priorities, tenants, pauses, kinds of newer nodes, and several nodes at once.

use std::collections::BTreeMap;

use foundation::job::pause::{self, Target};

use super::*;

foundation::battery! {
    one_job_for_a_key_while_it_is_live,
    a_lane_runs_as_many_as_it_may,
    urgent_jobs_go_first_and_bulk_is_not_forgotten,
    a_tenant_with_many_jobs_does_not_delay_another,
    many_lanes_of_a_tenant_take_turns,
    what_is_paused_is_stepped_over,
    a_long_ring_of_paused_tenants_comes_to_an_end,
    jobs_of_newer_nodes_are_left_alone,
    nodes_share_the_work_and_each_job_runs_once,
    what_runs_at_the_end_of_a_node_is_given_back,
}

async fn one_job_for_a_key_while_it_is_live(db: TestDb) {
    let world = World::new(db).await;
    let keyed = || Options { unique_key: Some("budi/2026-11".into()), ..Options::default() };
    let mut inserters = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let db = (*world.db).clone();
        inserters.spawn(async move {
            let mut tx = db.begin().await.unwrap();
            let id = job::enqueue(&mut tx, &scope(1), &Chore::effect("x"), keyed()).await.unwrap();
            tx.commit().await.unwrap();
            id
        });
    }
    let ids: Vec<JobId> = inserters.join_all().await.into_iter().flatten().collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(world.enqueue_with(&scope(2), &Chore::effect("x"), keyed()).await.is_some(), "of another tenant");
    assert!(world.enqueue_with(&scope(1), &Errand { name: "x".into() }, keyed()).await.is_some());
    world.workers().run_due().await.unwrap();
    assert_eq!(world.state(ids[0]).await, State::Done);
    let again = world.enqueue_with(&scope(1), &Chore::new("x", Act::Fatal), keyed()).await;
    assert!(again.is_some(), "the key is free once the job is done");
    world.workers().run_due().await.unwrap();
    assert_eq!(world.state(again.unwrap()).await, State::Dead);
    assert!(world.enqueue_with(&scope(1), &Chore::effect("x"), keyed()).await.is_some(), "or dead");
}

/// How many jobs hang now, in each lane.
async fn running(world: &World) -> BTreeMap<String, i64> {
    let mut conn = world.db.conn().await.unwrap();
    let rows: Vec<(String, i64)> = conn
        .query("SELECT lane, COUNT(*) FROM job WHERE state = 'running' GROUP BY lane")
        .fetch_all()
        .await
        .unwrap();
    rows.into_iter().collect()
}

/// Runs workers until so many jobs hang, and gives their task.
async fn hang(world: &World, mut workers: Workers, count: usize) -> tokio::task::JoinHandle<()> {
    let task = tokio::spawn(async move {
        workers.run_due().await.unwrap();
    });
    while world.hand.0.lock().unwrap().len() < count {
        tokio::task::yield_now().await;
    }
    task
}

async fn a_lane_runs_as_many_as_it_may(db: TestDb) {
    let world = World::new(db).await;
    let router = Lane::router(base::RouterId::from_uuid(uuid::Uuid::from_u128(9)));
    for number in 0..6 {
        for lane in [router.clone(), Lane::named("wa", 3)] {
            let options = Options { lane: Some(lane), ..Options::default() };
            let name = number.to_string();
            world.enqueue_with(&scope(1), &Chore::new(&name, Act::Hang), options).await.unwrap();
        }
    }
    // Two nodes look at the same lanes.
    let other = world.db.open_again().await;
    let one = hang(&world, world.workers_of((*world.db).clone(), "node-1", 40), 4).await;
    let mut two = world.workers_of(other.clone(), "node-2", 40);
    let two = tokio::spawn(async move { two.run_due().await });
    let expected = BTreeMap::from([(router.name().to_owned(), 1), ("wa".to_owned(), 3)]);
    assert_eq!(running(&world).await, expected);
    assert_eq!(two.await.unwrap().unwrap(), 0, "the lanes are full");
    one.abort();
    other.close().await;
}

async fn urgent_jobs_go_first_and_bulk_is_not_forgotten(db: TestDb) {
    let world = World::new(db).await;
    for (name, priority) in
        [("bulk", Priority::Bulk), ("normal", Priority::Normal), ("urgent", Priority::Urgent)]
    {
        for number in 0..12 {
            let options = Options { priority: Some(priority), ..Options::default() };
            let chore = Chore::effect(&format!("{name}{number:02}"));
            world.enqueue_with(&scope(1), &chore, options).await.unwrap();
        }
    }
    world.workers_of((*world.db).clone(), "node-1", 1).run_due().await.unwrap();
    let came = world.came();
    assert_eq!(came.len(), 36);
    // Now and then the order is turned round: after seven claims, or fewer where another test took from the same lane.
    let turned = came.iter().position(|name| name == "bulk00").unwrap();
    assert!((1..=7).contains(&turned), "{came:?}");
    assert!(came[..turned].iter().all(|name| name.starts_with("urgent")), "{came:?}");
    assert!(came.iter().position(|name| name == "normal00") < came.iter().position(|name| name == "bulk05"));
}

/// The stated bound: another tenant's job starts with the very next claim.
async fn a_tenant_with_many_jobs_does_not_delay_another(db: TestDb) {
    let world = World::new(db).await;
    for _ in 0..20 {
        let mut tx = world.db.begin().await.unwrap();
        let flood: Vec<Chore> = (0..500).map(|_| Chore::new("flood", Act::Discard)).collect();
        job::enqueue_all(&mut tx, &scope(1), &flood, &Options::default()).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut workers = world.workers();
    for round in 0..3 {
        let lift = world.enqueue(&scope(2 + round), &Chore::effect("lift")).await;
        let task = async {
            tokio::select! {
                runs = workers.run_due() => panic!("{runs:?} runs: the flood is over before it was looked at"),
                () = async {
                    while world.state(lift).await != State::Done {
                        tokio::task::yield_now().await;
                    }
                } => {}
            }
        };
        task.await;
        let came = world.came();
        let place = came.iter().position(|name| name == "lift").unwrap();
        assert!(place <= 8, "{place} jobs of the other tenant came before it");
    }
}

async fn many_lanes_of_a_tenant_take_turns(db: TestDb) {
    let world = World::new(db).await;
    for number in 0..100_u128 {
        let lane = Lane::router(base::RouterId::from_uuid(uuid::Uuid::from_u128(number)));
        for _ in 0..2 {
            let options = Options { lane: Some(lane.clone()), ..Options::default() };
            world.enqueue_with(&scope(1), &Chore::effect(lane.name()), options).await.unwrap();
        }
    }
    world.enqueue(&scope(2), &Chore::effect("small")).await;
    assert_eq!(world.workers().run_due().await.unwrap(), 201);
    let came = world.came();
    assert!(came.iter().position(|name| name == "small").unwrap() <= 8, "a hundred lanes are one tenant");
    assert!(world.effects().await.iter().all(|(name, times)| *times == if name == "small" { 1 } else { 2 }));
}

async fn what_is_paused_is_stepped_over(db: TestDb) {
    let world = World::new(db).await;
    let lane = Options { lane: Some(Lane::named("wa", 5)), ..Options::default() };
    let set = async |target: &Target, on: bool| {
        let mut tx = world.db.begin().await.unwrap();
        if on {
            pause::pause(&mut tx, &world.platform(), target, "the provider is down").await.unwrap();
        } else {
            assert!(pause::resume(&mut tx, &world.platform(), target).await.unwrap());
        }
        tx.commit().await.unwrap();
    };
    let targets = [
        Target { kind: Some("chore".into()), ..Target::default() },
        Target { lane: Some("wa".into()), ..Target::default() },
        Target { tenant: Some(scope(1).tenant()), ..Target::default() },
        Target { tenant: Some(scope(1).tenant()), kind: Some("chore".into()), lane: Some("wa".into()) },
    ];
    for target in targets {
        set(&target, true).await;
        let held = world.enqueue_with(&scope(1), &Chore::effect("held"), lane.clone()).await.unwrap();
        let errand = Errand { name: "free".into() };
        world.enqueue_with(&scope(2), &errand, Options::default()).await.unwrap();
        let mut workers = world.workers();
        assert_eq!(workers.run_due().await.unwrap(), 1, "{target:?}");
        assert_eq!(world.state(held).await, State::Available);
        set(&target, false).await;
        assert_eq!(workers.run_due().await.unwrap(), 1);
        assert_eq!(world.state(held).await, State::Done);
        assert_eq!(world.came(), ["free", "held"]);
    }
    // What runs goes on to its end.
    let everything = Target::default();
    world.enqueue(&scope(1), &Chore::new("hangs", Act::Hang)).await;
    let task = hang(&world, world.workers(), 1).await;
    set(&everything, true).await;
    let later = world.enqueue(&scope(1), &Chore::effect("later")).await;
    assert_eq!(world.workers().run_due().await.unwrap(), 0);
    assert_eq!(running(&world).await.values().sum::<i64>(), 1);
    assert_eq!(world.state(later).await, State::Available);
    task.abort();
}

/// More tenants than one claim looks at.
async fn a_long_ring_of_paused_tenants_comes_to_an_end(db: TestDb) {
    let world = World::new(db).await;
    for number in 1..=150 {
        world.enqueue(&scope(number), &Chore::effect(&number.to_string())).await;
    }
    let mut tx = world.db.begin().await.unwrap();
    let chores = Target { kind: Some("chore".into()), ..Target::default() };
    pause::pause(&mut tx, &world.platform(), &chores, "the provider is down").await.unwrap();
    tx.commit().await.unwrap();
    let mut workers = world.workers();
    assert_eq!(workers.run_due().await.unwrap(), 0);
    // One that is not paused is found wherever it stands.
    let options = Options { priority: Some(Priority::Normal), ..Options::default() };
    world.enqueue_with(&scope(149), &Errand { name: "free".into() }, options).await.unwrap();
    assert_eq!(workers.run_due().await.unwrap(), 1);
    assert_eq!(world.came(), ["free"]);
}

async fn jobs_of_newer_nodes_are_left_alone(db: TestDb) {
    let world = World::new(db).await;
    #[derive(Serialize, Deserialize)]
    struct Newer;
    impl Job for Newer {
        const KIND: &'static str = "a_newer_kind";
    }
    let newer = world.enqueue_with(&scope(1), &Newer, Options::default()).await.unwrap();
    let form = world.enqueue(&scope(1), &Chore::effect("of a newer form")).await;
    let mut tx = world.db.begin().await.unwrap();
    tx.query("UPDATE job SET version = 2 WHERE id = $1").bind(form).execute_one().await.unwrap();
    tx.commit().await.unwrap();
    let known = world.enqueue(&scope(1), &Chore::effect("known")).await;
    assert_eq!(world.workers().run_due().await.unwrap(), 1);
    assert_eq!(world.state(known).await, State::Done);
    for id in [newer, form] {
        let job = world.job(id).await;
        assert_eq!((job.state, job.attempt), (State::Available, 0));
    }
}

async fn nodes_share_the_work_and_each_job_runs_once(db: TestDb) {
    let world = World::new(db).await;
    for part in 0..3 {
        let mut tx = world.db.begin().await.unwrap();
        let chores: Vec<Chore> = (0..100).map(|number| Chore::effect(&format!("{part}/{number}"))).collect();
        job::enqueue_all(&mut tx, &scope(part), &chores, &Options::default()).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut nodes = tokio::task::JoinSet::new();
    for number in 1..=3 {
        let db = world.db.open_again().await;
        let mut workers = world.workers_of(db.clone(), &format!("node-{number}"), 4);
        nodes.spawn(async move {
            let runs = workers.run_due().await.unwrap();
            db.close().await;
            runs
        });
    }
    let runs = nodes.join_all().await;
    assert_eq!(runs.iter().sum::<usize>(), 300, "{runs:?}");
    let effects = world.effects().await;
    assert_eq!(effects.len(), 300);
    assert!(effects.iter().all(|(_, times)| *times == 1));
}

async fn what_runs_at_the_end_of_a_node_is_given_back(db: TestDb) {
    let world = World::new(db).await;
    let id = world.enqueue(&scope(1), &Chore::new("hangs", Act::Hang)).await;
    let shutdown = tokio_util::sync::CancellationToken::new();
    let task = tokio::spawn(world.workers().run(shutdown.clone()));
    while world.hand.0.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    task.await.unwrap();
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempt, job.runs), (State::Available, 0, 1), "the run does not count");
}
