//! Notices, from the death of a job to a receiver that is really there, on both databases.

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
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{Channels, Mail, Notice, TellSuperAdmin, Webhook, WebhookError, jobs};

foundation::battery! {
    a_dying_job_is_delivered_once_an_hour,
    a_notice_arrives_when_its_receiver_is_back,
    a_notice_is_mailed_when_the_relay_is_back,
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

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::default();
    let target = elsewhere.clone().start(&[]).await;
    let redirecting = Receiver { location: Some(target.url.expose().to_owned()), ..Receiver::default() };
    for status in [StatusCode::FOUND, StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT] {
        let webhook = redirecting.clone().start(&[status]).await;
        let error = webhook.send(&notice(), NOW).await.unwrap_err();
        assert!(matches!(error, WebhookError::Refused(found) if found == status), "{error:?}");
    }
    assert!(elsewhere.got().is_empty());
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = webhook(&format!("http://{}", listener.local_addr().unwrap()));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4_096];
        let _octets = stream.read(&mut request).await.unwrap();
        let mut written = 0_u64;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 65_536]).await.is_ok() {
            written += 65_536;
        }
        written
    });
    assert_eq!(webhook.send(&notice(), NOW).await.unwrap(), "200 OK");
    // What lies in the buffers of the system when the connection is closed, and no more.
    assert!(server.await.unwrap() < 64 << 20);
}

/// A client that spoke plainly would begin with `P`.
#[tokio::test]
async fn an_https_receiver_is_spoken_to_under_tls() {
    const HANDSHAKE: u8 = 22;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = webhook(&format!("https://{}{PATH}", listener.local_addr().unwrap()));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap()
    });
    let error = webhook.send(&notice(), NOW).await.unwrap_err();
    assert!(matches!(error, WebhookError::Unreachable(_)), "{error:?}");
    assert_eq!(server.await.unwrap(), HANDSHAKE);
    assert!(!format!("{error:?}").contains("nobody-guesses"), "{error:?}");
}

/// A mail relay: of each connection, whether it is served.
struct Relay {
    /// What clients said, a line each.
    heard: Arc<Mutex<Vec<String>>>,
    address: String,
}

impl Relay {
    async fn start(served: &'static [bool]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let ears = Arc::clone(&heard);
        tokio::spawn(async move {
            for is_served in served {
                let (stream, _) = listener.accept().await.unwrap();
                if *is_served {
                    converse(stream, &ears).await;
                }
            }
        });
        Self { heard, address }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn mail(&self, options: &str) -> Mail {
        Mail {
            relay: SecretString::new(format!("smtp://isp:hunter2@{}{options}", self.address)),
            from: "rrnetd <isp@example.net>".parse().unwrap(),
            to: vec!["noc@example.net".parse().unwrap(), "Rima <rima@example.net>".parse().unwrap()],
        }
    }
}

/// RFC 5321, as far as a client that behaves needs it.
async fn converse(stream: TcpStream, heard: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 relay.test ESMTP\r\n").await.unwrap();
    let mut is_data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_owned();
        heard.lock().unwrap().push(line.clone());
        let answer = match line.split(' ').next().unwrap() {
            "." => {
                is_data = false;
                "250 2.0.0 taken\r\n"
            }
            _ if is_data => continue,
            "EHLO" => "250-relay.test\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 2.7.0 welcome\r\n",
            "MAIL" | "RCPT" => "250 2.1.0 ok\r\n",
            "DATA" => {
                is_data = true;
                "354 go on\r\n"
            }
            "QUIT" => "221 2.0.0 bye\r\n",
            _ => "500 5.5.1 what?\r\n",
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn a_notice_is_mailed_when_the_relay_is_back(db: TestDb) {
    let log = Log::capture();
    let relay = Relay::start(&[false, false, true]).await;
    let channels = Channels { webhook: None, mail: Some(relay.mail("")) };
    let printed = format!("{channels:?}");
    let mut world = World::new(db, channels).await;
    world.die().await;
    for attempts in 1..=2 {
        let job = &world.deliveries().await[0];
        assert_eq!((job.state, job.attempt), (job::State::Scheduled, attempts), "{job:?}");
        world.pass(Duration::from_secs(60)).await;
        world.go_on().await;
    }
    let deliveries = world.deliveries().await;
    assert_eq!((deliveries.len(), deliveries[0].state), (1, job::State::Done), "{deliveries:?}");
    let heard = relay.heard();
    let login = format!("AUTH PLAIN {}", STANDARD.encode("\0isp\0hunter2"));
    let id = Notice::of(INSTALLATION, 1, NOW, notice().failed).id;
    for expected in [
        login.as_str(),
        "MAIL FROM:<isp@example.net>",
        "RCPT TO:<noc@example.net>",
        "RCPT TO:<rima@example.net>",
        "Subject: rrnetd: a job is dead: doomed",
        "Auto-Submitted: auto-generated",
        "Error:   the form is unknown",
        &format!("Message-ID: <{id}@rrnetd.invalid>"),
    ] {
        assert_eq!(heard.iter().filter(|line| *line == expected).count(), 1, "{expected}: {heard:#?}");
    }
    let words = printed + &world.words().await + &log.text();
    assert!(words.contains("a job is dead"), "{words}");
    assert!(!words.contains("hunter2") && !words.contains(&login), "{words}");
}

#[tokio::test]
async fn a_password_is_not_sent_to_a_relay_without_starttls() {
    let relay = Relay::start(&[true]).await;
    let error = relay.mail("?tls=required").send(&notice()).await.unwrap_err();
    let heard = relay.heard();
    assert!(heard.iter().any(|line| line.starts_with("EHLO")), "{heard:?}");
    assert!(!heard.iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")), "{heard:?}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_notice_reads_as_it_is_documented() {
    let json: Value = serde_json::from_slice(&notice().json().unwrap()).unwrap();
    let documented = include_str!("../../../docs/jobs.md");
    let documented = documented.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(json, serde_json::from_str::<Value>(documented).unwrap(), "{json:#}");
    assert_eq!(notice().id, "notice_07070707070707070707070707070707_9");
    assert!(Timestamp::from_millis(0) < notice().at && !notice().text().is_empty());
}
