//! Nodes as processes of their own on one database, three on PostgreSQL; one is killed with SIGKILL, and no job is lost or done
//! twice. SQLite has one node at a time: it is killed, and started anew.

use std::process::{Child, Command, Stdio};

use foundation::db::Config;

use super::*;

foundation::battery! { a_killed_node_loses_no_job }

/// Where a process of its own finds the database and its name.
const URL: &str = "TEST_JOB_NODE_URL";
const NAME: &str = "TEST_JOB_NODE_NAME";

/// Takes its time, then leaves its effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Task {
    name: String,
}

impl Job for Task {
    const KIND: &'static str = "task";
    const MAX_ATTEMPTS: u32 = 5;
}

struct Patient;

impl Work<Task> for Patient {
    async fn run(&self, task: Task, context: &JobContext) -> Result<(), JobError> {
        // Long enough to be killed in the middle.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let mut tx = context.begin().await?;
        leave(&mut tx, &task.name).await?;
        context.finish(tx).await
    }
}

/// Not a test of its own: the process that [`a_killed_node_loses_no_job`] starts three times.
#[test]
fn a_node_of_its_own() {
    let (Ok(url), Ok(name)) = (std::env::var(URL), std::env::var(NAME)) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::open(&Config::new(url.parse().unwrap())).await.unwrap();
        let mut registry = Registry::new();
        registry.register::<Task>(Patient).unwrap();
        let settings = Settings { node: name, at_once: 8 };
        let workers = Workers::new(db, Arc::new(registry), Clock::system(), settings);
        workers.run(tokio_util::sync::CancellationToken::new()).await;
    });
}

fn start(url: &str, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["job::nodes::a_node_of_its_own", "--exact", "--test-threads=1"])
        .env(URL, url)
        .env(NAME, name)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn count(world: &World, what: &'static str) -> i64 {
    let mut conn = world.db.conn().await.unwrap();
    let (count,) = conn.query(what).fetch_one().await.unwrap();
    count
}

/// Waits for what other processes do.
async fn until(world: &World, what: &'static str, reached: impl Fn(i64) -> bool) {
    while !reached(count(world, what).await) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const DONE: &str = "SELECT COUNT(*) FROM job WHERE state = 'done'";
const TASKS: i64 = 600;

async fn a_killed_node_loses_no_job(db: TestDb) {
    let world = World::new(db).await;
    for tenant in 0..3 {
        let tasks: Vec<Task> =
            (0..TASKS / 3).map(|number| Task { name: format!("{tenant}/{number}") }).collect();
        let mut tx = world.db.begin().await.unwrap();
        job::enqueue_all(&mut tx, &scope(tenant + 1), &tasks, &Options::default()).await.unwrap();
        tx.commit().await.unwrap();
    }
    let url = world.db.config().url.clear_text();
    let others = if world.db.is_sqlite() { &["node-1 again"][..] } else { &["node-2", "node-3"][..] };
    let mut killed = start(&url, "node-1");
    let mut nodes: Vec<Child> = Vec::new();
    if !world.db.is_sqlite() {
        nodes.extend(others.iter().map(|name| start(&url, name)));
    }
    until(&world, "SELECT COUNT(*) FROM job WHERE node = 'node-1' AND state = 'done'", |count| count >= 3)
        .await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let orphans = count(&world, "SELECT COUNT(*) FROM job WHERE node = 'node-1' AND state = 'running'").await;
    if nodes.is_empty() {
        nodes.extend(others.iter().map(|name| start(&url, name)));
    }
    until(&world, DONE, |done| done == TASKS - orphans).await;
    // Nothing else runs any more: the leases that are over now are those of the node that was killed.
    world.pass(Duration::from_secs(31)).await;
    let rescued = world.keeper(Vec::new(), Vec::new()).rescue().await.unwrap();
    assert_eq!(i64::try_from(rescued).unwrap(), orphans);
    world.pass(Duration::from_secs(60)).await;
    until(&world, DONE, |done| done == TASKS).await;
    for node in &mut nodes {
        node.kill().unwrap();
        node.wait().unwrap();
    }
    let effects = world.effects().await;
    assert_eq!(effects.len(), usize::try_from(TASKS).unwrap());
    assert!(effects.iter().all(|(_, times)| *times == 1), "{effects:?}");
    let shared = count(&world, "SELECT COUNT(DISTINCT node) FROM job").await;
    assert!(shared >= 2, "{shared} nodes worked");
}
