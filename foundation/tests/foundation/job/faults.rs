//! A fault at every point of a job's way, on both databases: from the transaction that asks for it to its end it is done once in
//! effect.

use super::*;

foundation::battery! { a_job_is_done_once_wherever_its_way_is_cut }

/// Leaves `…/1`, then `…/2` with its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Deed {
    name: String,
}

impl Job for Deed {
    const KIND: &'static str = "deed";
    const MAX_ATTEMPTS: u32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some(self.name.clone())
    }
}

struct Doer;

impl Work<Deed> for Doer {
    async fn run(&self, deed: Deed, context: &JobContext) -> Result<(), JobError> {
        context.log("begins");
        if context.progress::<i64>()?.is_none() {
            let mut tx = context.begin().await?;
            leave(&mut tx, &format!("{}/1", deed.name)).await?;
            context.commit_with(tx, &1).await?;
        }
        let mut tx = context.begin().await?;
        leave(&mut tx, &format!("{}/2", deed.name)).await?;
        context.finish(tx).await
    }
}

async fn ask(world: &World, deed: &Deed) -> foundation::db::Result<()> {
    let mut tx = world.db.begin().await?;
    leave(&mut tx, &format!("{}/0", deed.name)).await?;
    job::enqueue(&mut tx, &scope(1), deed, Options::default()).await?;
    tx.commit().await
}

async fn times(world: &World, name: &str) -> i64 {
    let found = world.effects().await;
    found.iter().find(|(effect, _)| effect == name).map_or(0, |(_, times)| *times)
}

async fn a_job_is_done_once_wherever_its_way_is_cut(db: TestDb) {
    let world = World::new(db).await;
    let mut registry = Registry::new();
    registry.register::<Deed>(Doer).unwrap();
    let registry = Arc::new(registry);
    let workers = || {
        let settings = Settings { node: "node".into(), at_once: 1 };
        Workers::new((*world.db).clone(), Arc::clone(&registry), world.clock.clone(), settings)
    };
    let keeper = world.keeper(Vec::new(), Vec::new());
    let mut points = 0;
    for point in 1.. {
        let deed = Deed { name: format!("deed {point}") };
        world.db.faults().arm(point);
        let asked = ask(&world, &deed).await;
        // Errors are expected: a node that fails here is as one that died.
        let _outcome = workers().run_due().await;
        let is_over = world.db.faults().disarm();
        // As after a restart: who asked looks whether it was done, asks again if not, and the queue is rescued.
        if asked.is_err() && times(&world, &format!("{}/0", deed.name)).await == 0 {
            ask(&world, &deed).await.unwrap();
        }
        world.pass(Duration::from_secs(31)).await;
        keeper.rescue().await.unwrap();
        world.pass(Duration::from_secs(600)).await;
        workers().run_due().await.unwrap();
        for step in 0..3 {
            let name = format!("{}/{step}", deed.name);
            assert_eq!(times(&world, &name).await, 1, "{name}, with a fault at point {point}");
        }
        let mut conn = world.db.conn().await.unwrap();
        let states: Vec<(State,)> = conn
            .query("SELECT state FROM job WHERE unique_key = $1")
            .bind(&deed.name)
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(states, [(State::Done,)], "point {point}");
        if is_over {
            break;
        }
        points += 1;
    }
    assert!(points > 20, "only {points} points were met");
}
