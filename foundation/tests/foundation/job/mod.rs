//! The job queue on both databases. Time passes by moving the rows into the past: the queue's clock is the database's.

mod claiming;
mod faults;
mod life;
mod nodes;
mod people;
mod scheduling;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base::{Clock, Platform, Scope, TenantId};
use foundation::{
    Db,
    db::Sql,
    job::{
        self, Backoff, Job, JobContext, JobError, JobId, Keeper, Lane, Options, Priority, Registry,
        Retention, Settings, State, Work, Workers,
        manage::{self, Found},
    },
    testing::{NOW, TestDb},
};
use serde::{Deserialize, Serialize};

/// What jobs leave behind: a row for each, with how often they did.
const EFFECT: &str = "CREATE TABLE effect (name TEXT NOT NULL PRIMARY KEY, times BIGINT NOT NULL)";

/// What a job of the tests does.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Act {
    /// Leaves its effect, and is finished with it.
    Effect,
    Fail,
    Panic,
    Snooze,
    Discard,
    Fatal,
    /// Waits for ever.
    Hang,
    /// Leaves `0`, `1`, … up to this, a step each; fails once before the step that `fails_before` names.
    Steps {
        count: i64,
        fails_before: i64,
    },
}

/// A job of the tests.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Chore {
    name: String,
    act: Act,
    lane: Option<(String, u32)>,
}

impl Chore {
    fn new(name: &str, act: Act) -> Self {
        Self { name: name.to_owned(), act, lane: None }
    }

    fn effect(name: &str) -> Self {
        Self::new(name, Act::Effect)
    }
}

impl Job for Chore {
    const KIND: &'static str = "chore";
    const MAX_ATTEMPTS: u32 = 3;
    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(15) };
}

/// The same under another name.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Errand {
    name: String,
}

impl Job for Errand {
    const KIND: &'static str = "errand";
    const PRIORITY: Priority = Priority::Bulk;
}

/// Does them, and notes the order in which they came.
#[derive(Clone, Debug, Default)]
struct Hand(Arc<Mutex<Vec<String>>>);

impl Work<Chore> for Hand {
    async fn run(&self, chore: Chore, context: &JobContext) -> Result<(), JobError> {
        self.0.lock().unwrap().push(chore.name.clone());
        context.log(format!("{} begins\nin two lines", chore.name));
        match chore.act {
            Act::Effect => {
                let mut tx = context.begin().await?;
                leave(&mut tx, &chore.name).await?;
                context.finish(tx).await
            }
            Act::Fail => Err(std::io::Error::other("the line is dead").into()),
            Act::Panic => panic!("no such subscriber"),
            Act::Snooze => Err(JobError::snooze(Duration::from_secs(24 * 3_600), "the router is offline")),
            Act::Discard => Err(JobError::discard("the subscriber is gone")),
            Act::Fatal => Err(JobError::fatal("the form is unknown")),
            Act::Hang => std::future::pending().await,
            Act::Steps { count, fails_before } => {
                let first: i64 = context.progress()?.unwrap_or(0);
                for step in first..count {
                    if step == fails_before && context.attempt() == 1 {
                        return Err(std::io::Error::other("in the middle").into());
                    }
                    let mut tx = context.begin_bulk().await?;
                    leave(&mut tx, &step.to_string()).await?;
                    context.commit_with(tx, &(step + 1)).await?;
                }
                Ok(())
            }
        }
    }
}

impl Work<Errand> for Hand {
    async fn run(&self, errand: Errand, _context: &JobContext) -> Result<(), JobError> {
        self.0.lock().unwrap().push(errand.name);
        Ok(())
    }
}

async fn leave(tx: &mut foundation::Tx, name: &str) -> foundation::db::Result<()> {
    tx.query(
        "INSERT INTO effect (name, times) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET times = effect.times + 1",
    )
    .bind(name)
    .execute_one()
    .await
}

/// A database with the table of effects, and a hand.
struct World {
    db: TestDb,
    hand: Hand,
    clock: Clock,
}

impl World {
    async fn new(db: TestDb) -> Self {
        crate::create(&db, &[Sql::from(EFFECT)]).await;
        Self { db, hand: Hand::default(), clock: Clock::system() }
    }

    fn registry(&self) -> Arc<Registry> {
        let mut registry = Registry::new();
        registry.register::<Chore>(self.hand.clone()).unwrap();
        registry.register::<Errand>(self.hand.clone()).unwrap();
        Arc::new(registry)
    }

    fn workers(&self) -> Workers {
        self.workers_of((*self.db).clone(), "node-1", 8)
    }

    fn workers_of(&self, db: Db, node: &str, at_once: usize) -> Workers {
        let settings = Settings { node: node.to_owned(), at_once };
        Workers::new(db, self.registry(), self.clock.clone(), settings)
    }

    fn keeper(&self, schedules: Vec<job::Schedule>, tenants: Vec<(TenantId, String)>) -> Keeper {
        self.keeper_of((*self.db).clone(), schedules, tenants)
    }

    fn keeper_of(&self, db: Db, schedules: Vec<job::Schedule>, tenants: Vec<(TenantId, String)>) -> Keeper {
        let zones = move |_| std::future::ready(Ok(tenants.clone()));
        Keeper::new(db, self.registry(), self.clock.clone(), schedules, Retention::default(), zones)
    }

    fn platform(&self) -> Platform {
        self.db.platform()
    }

    async fn enqueue(&self, scope: &Scope, chore: &Chore) -> JobId {
        self.enqueue_with(scope, chore, Options::default()).await.unwrap()
    }

    async fn enqueue_with(&self, scope: &Scope, chore: &impl Job, options: Options) -> Option<JobId> {
        let mut tx = self.db.begin().await.unwrap();
        let id = job::enqueue(&mut tx, scope, chore, options).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn job(&self, id: JobId) -> Found {
        manage::find(&mut self.db.conn().await.unwrap(), id).await.unwrap().unwrap()
    }

    async fn state(&self, id: JobId) -> State {
        self.job(id).await.state
    }

    async fn log(&self, id: JobId) -> Vec<(i64, String)> {
        let lines = manage::log_of(&mut self.db.conn().await.unwrap(), id).await.unwrap();
        lines.into_iter().map(|line| (line.run, line.text)).collect()
    }

    /// Lets time pass for every job and schedule.
    async fn pass(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        let mut tx = self.db.begin().await.unwrap();
        for shift in [
            "UPDATE job SET run_at = run_at - $1, lease_until = lease_until - $1, finished_at = finished_at - $1",
            "UPDATE job_schedule SET next_at = next_at - $1",
            "UPDATE job_notice SET told_at = told_at - $1",
        ] {
            tx.query(shift).bind(millis).execute().await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// What was left behind, in order of names.
    async fn effects(&self) -> Vec<(String, i64)> {
        let mut conn = self.db.conn().await.unwrap();
        conn.query("SELECT name, times FROM effect ORDER BY name").fetch_all().await.unwrap()
    }

    /// What came, in the order in which it did; from now on a fresh list.
    fn came(&self) -> Vec<String> {
        std::mem::take(&mut *self.hand.0.lock().unwrap())
    }
}

/// A tenant whose id is the `number`th.
fn scope(number: u128) -> Scope {
    Platform::system("test", NOW).within(TenantId::from_uuid(uuid::Uuid::from_u128(number)))
}
