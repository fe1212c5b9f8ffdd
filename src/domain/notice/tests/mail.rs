//! Mail, to a relay that is really there.

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::{super::Mail, *};

foundation::battery! {
    a_notice_is_mailed_when_the_relay_is_back,
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
