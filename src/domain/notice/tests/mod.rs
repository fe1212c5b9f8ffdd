//! Notices, from the death of a job to a receiver that is really there, on both databases.

mod mail;
mod webhook;

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::IntoResponse as _,
    routing::post,
};
use base::{Clock, DatabaseId, SecretBytes, SecretString, TenantId, Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use foundation::{
    event::{self, Dispatcher, Subscribers},
    job::{
        self, Job, JobContext, JobError, JobFailed, JobId, Options, Registry, Settings, Work, Workers, manage,
    },
    testing::{NOW, TestDb},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;

use super::{Channels, Notice, TellSuperAdmin, Webhook, jobs};

foundation::battery! {
    a_dying_job_is_delivered_once_an_hour,
    a_notice_arrives_when_its_receiver_is_back,
    the_death_of_a_delivery_is_not_delivered,
    a_channel_that_is_gone_is_done_without,
}

const KEY: &[u8] = b"a key of 24 octets at least";
const PATH: &str = "/a-path-that-nobody-guesses";
const INSTALLATION: DatabaseId = DatabaseId::from_bytes([7; 16]);

/// Dies at its first run.
#[derive(Debug, Serialize, Deserialize)]
struct Doomed {}

impl Job for Doomed {
    const KIND: &'static str = "doomed";
}

struct Death;

impl Work<Doomed> for Death {
    async fn run(&self, _: Doomed, _: &JobContext) -> Result<(), JobError> {
        Err(JobError::fatal("the form is unknown"))
    }
}

/// All that the process logs from now on, other crates' included.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn capture() -> Self {
        static LOG: LazyLock<Log> = LazyLock::new(|| {
            let log = Log::default();
            let writer = log.clone();
            let format = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
            format.with_writer(move || writer.clone()).init();
            log
        });
        LOG.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// A daemon's queue and its reactions.
struct World {
    db: TestDb,
    workers: Workers,
    dispatcher: Dispatcher,
}

impl World {
    async fn new(db: TestDb, channels: Channels) -> Self {
        let channels = Arc::new(channels);
        let (clock, _hand) = Clock::mock(NOW);
        let mut registry = Registry::new();
        registry.register::<Doomed>(Death).unwrap();
        jobs::register(&mut registry, &channels).unwrap();
        let settings = Settings { node: "node-1".into(), at_once: 4 };
        let workers = Workers::new((*db).clone(), Arc::new(registry), clock.clone(), settings);
        let subscribers = Subscribers::new().with(TellSuperAdmin { channels, installation: INSTALLATION });
        let dispatcher = Dispatcher::new((*db).clone(), clock, subscribers, event::Settings::of(&db));
        dispatcher.register().await.unwrap();
        Self { db, workers, dispatcher }
    }

    /// A job dies, and all that follows happens.
    async fn die(&mut self) {
        let mut tx = self.db.begin().await.unwrap();
        job::enqueue(&mut tx, &self.db.platform(), &Doomed {}, Options::default()).await.unwrap();
        tx.commit().await.unwrap();
        self.go_on().await;
    }

    async fn go_on(&mut self) {
        self.workers.run_due().await.unwrap();
        self.dispatcher.settle().await.unwrap();
        self.workers.run_due().await.unwrap();
        self.dispatcher.settle().await.unwrap();
    }

    async fn pass(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        let mut tx = self.db.begin().await.unwrap();
        for shift in ["UPDATE job SET run_at = run_at - $1", "UPDATE job_notice SET told_at = told_at - $1"] {
            tx.query(shift).bind(millis).execute().await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// The deliveries there are: state, runs and last error.
    async fn deliveries(&self) -> Vec<manage::Found> {
        let mut conn = self.db.conn().await.unwrap();
        let ids: Vec<(JobId,)> = conn
            .query("SELECT id FROM job WHERE kind IN ('notice_webhook_job', 'notice_mail_job') ORDER BY id")
            .fetch_all()
            .await
            .unwrap();
        let mut found = Vec::new();
        for (id,) in ids {
            found.push(manage::find(&mut conn, id).await.unwrap().unwrap());
        }
        found
    }

    /// All that the queue wrote down for people.
    async fn words(&self) -> String {
        let mut words = format!("{:?}", self.deliveries().await);
        let mut conn = self.db.conn().await.unwrap();
        for job in self.deliveries().await {
            words.push_str(&format!("{:?}", manage::log_of(&mut conn, job.id).await.unwrap()));
        }
        words
    }
}

/// What a receiver got.
#[derive(Clone, Debug)]
struct Got {
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// As a receiver verifies it: signature, then age.
    fn verified(&self) -> Value {
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
        mac.update(self.header("webhook-id").as_bytes());
        mac.update(b".");
        mac.update(self.header("webhook-timestamp").as_bytes());
        mac.update(b".");
        mac.update(&self.body);
        let signature = self.header("webhook-signature").strip_prefix("v1,").unwrap();
        mac.verify_slice(&STANDARD.decode(signature).unwrap()).unwrap();
        assert_eq!(self.header("webhook-timestamp"), (NOW.as_millis() / 1_000).to_string());
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An HTTP server that answers with one status after the other, then with 200.
#[derive(Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    location: Option<String>,
}

impl Receiver {
    async fn start(self, answers: &[StatusCode]) -> Webhook {
        self.answers.lock().unwrap().extend(answers);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
        let take = |State(receiver): State<Self>, headers: HeaderMap, body: Bytes| async move {
            receiver.got.lock().unwrap().push(Got { headers, body });
            let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(StatusCode::OK);
            let location = receiver.location.unwrap_or_default();
            (status, [(LOCATION, location)], "thank you").into_response()
        };
        let router = Router::new().route(PATH, post(take)).with_state(self);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        webhook(&url)
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

fn webhook(url: &str) -> Webhook {
    Webhook { url: SecretString::new(url.to_owned()), key: SecretBytes::new(KEY.to_vec()) }
}

fn by_webhook(webhook: Webhook) -> Channels {
    Channels { webhook: Some(webhook), mail: None }
}

fn notice() -> Notice {
    let failed = JobFailed {
        job: JobId(5),
        kind: "doomed".to_owned(),
        tenant: TenantId::PLATFORM,
        attempts: 12,
        error: "no route to host".to_owned(),
        suppressed: 3,
    };
    Notice::of(INSTALLATION, 9, NOW, failed)
}

async fn a_dying_job_is_delivered_once_an_hour(db: TestDb) {
    let receiver = Receiver::default();
    let mut world = World::new(db, by_webhook(receiver.clone().start(&[]).await)).await;
    for _ in 0..3 {
        world.die().await;
    }
    let got = receiver.got();
    assert_eq!(got.len(), 1, "{got:?}");
    let first = got[0].verified();
    assert_eq!(
        (first["type"].as_str(), first["data"]["kind"].as_str()),
        (Some("job_failed"), Some("doomed"))
    );
    assert_eq!(first["data"]["error"], "the form is unknown");
    assert_eq!(first["data"]["installation"], INSTALLATION.to_string());
    assert_eq!((&first["data"]["attempts"], &first["data"]["suppressed"]), (&1.into(), &0.into()));
    world.pass(Duration::from_secs(3_601)).await;
    for _ in 0..3 {
        world.die().await;
    }
    let got = receiver.got();
    assert_eq!(got.len(), 2, "{got:?}");
    assert_eq!(got[1].verified()["data"]["suppressed"], 2, "those that were not told");
    assert_ne!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    assert!(world.deliveries().await.iter().all(|job| job.state == job::State::Done));
}

async fn a_notice_arrives_when_its_receiver_is_back(db: TestDb) {
    let receiver = Receiver::default();
    let answers = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::INTERNAL_SERVER_ERROR];
    let log = Log::capture();
    let channels = by_webhook(receiver.clone().start(&answers).await);
    let printed = format!("{channels:?}");
    let mut world = World::new(db, channels).await;
    world.die().await;
    for attempts in 1..=2 {
        let job = &world.deliveries().await[0];
        assert_eq!((job.state, job.attempt), (job::State::Scheduled, attempts));
        assert!(job.last_error.as_deref().unwrap().starts_with("the receiver answered 50"), "{job:?}");
        assert_eq!(world.workers.run_due().await.unwrap(), 0, "not before its time");
        world.pass(Duration::from_secs(60)).await;
        world.go_on().await;
    }
    assert_eq!(world.deliveries().await[0].state, job::State::Done);
    let got = receiver.got();
    assert_eq!(got.len(), 3);
    for again in &got {
        again.verified();
        assert_eq!(again.header("webhook-id"), got[0].header("webhook-id"), "the same notice");
        assert_eq!(again.body, got[0].body);
    }
    let words = printed + &world.words().await + &log.text();
    assert!(words.contains("a job is dead") && words.contains("starting new connection"), "{words}");
    for secret in ["nobody-guesses", "a key of", &STANDARD.encode(KEY), &format!("{KEY:?}")] {
        assert!(!words.contains(secret), "{secret}: {words}");
    }
}

async fn the_death_of_a_delivery_is_not_delivered(db: TestDb) {
    // Nobody listens on the first port.
    let mut world = World::new(db, by_webhook(webhook(&format!("http://127.0.0.1:1{PATH}")))).await;
    world.die().await;
    let mut tx = world.db.begin().await.unwrap();
    let last = tx.query("UPDATE job SET attempt = max_attempts - 1 WHERE kind = 'notice_webhook_job'");
    last.execute_one().await.unwrap();
    tx.commit().await.unwrap();
    world.pass(Duration::from_secs(60)).await;
    world.go_on().await;
    world.go_on().await;
    let deliveries = world.deliveries().await;
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    assert_eq!(deliveries[0].state, job::State::Dead);
    assert!(deliveries[0].last_error.as_deref().unwrap().starts_with("the receiver cannot be reached"));
    let mut conn = world.db.conn().await.unwrap();
    let told = event::events_after(&mut conn, TenantId::PLATFORM, 0, 10).await.unwrap();
    let kinds: Vec<String> = told.iter().map(|event| event.body["kind"].to_string()).collect();
    assert_eq!(kinds, ["\"doomed\"", "\"notice_webhook_job\""], "it is told as an event");
    let words = world.words().await;
    assert!(!words.contains("nobody-guesses"), "{words}");
}

async fn a_channel_that_is_gone_is_done_without(db: TestDb) {
    let world = World::new(db, by_webhook(webhook("http://127.0.0.1:1/"))).await;
    let mut tx = world.db.begin().await.unwrap();
    let both = (jobs::NoticeWebhook { notice: notice() }, jobs::NoticeMail { notice: notice() });
    job::enqueue(&mut tx, &world.db.platform(), &both.0, Options::default()).await.unwrap();
    job::enqueue(&mut tx, &world.db.platform(), &both.1, Options::default()).await.unwrap();
    tx.commit().await.unwrap();
    // After a restart without any channel.
    let mut world = World::new(world.db, Channels::default()).await;
    world.die().await;
    let deliveries = world.deliveries().await;
    assert_eq!(deliveries.len(), 2, "no new one: {deliveries:?}");
    assert!(deliveries.iter().all(|job| job.state == job::State::Discarded), "{deliveries:?}");
}

#[test]
fn a_notice_reads_as_it_is_documented() {
    let json: Value = serde_json::from_slice(&notice().json().unwrap()).unwrap();
    let documented = include_str!("../../../../docs/jobs.md");
    let documented = documented.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(json, serde_json::from_str::<Value>(documented).unwrap(), "{json:#}");
    assert_eq!(notice().id, "notice_07070707070707070707070707070707_9");
    assert!(Timestamp::from_millis(0) < notice().at && !notice().text().is_empty());
}
