//! Events: `listing` as a list · `streaming` as a live stream · `leaks` what a stream never carries, and when it ends ·
//! `stuck` what the super admin does about a subscriber that is stuck · `disconnects` a reaction, with faults.

mod disconnects;
mod leaks;
mod listing;
mod streaming;
mod stuck;

use axum::body::{Body, BodyDataStream};
use base::Scope;
use foundation::event::Event;
use futures_util::TryStreamExt as _;
use serde::Serialize;
use serde_json::Value;

use crate::harness::Rig;

#[derive(Serialize)]
struct Happened {
    number: i64,
}

impl Event for Happened {
    const KIND: &'static str = "happened";
}

async fn publish(rig: &Rig, scope: &Scope, numbers: impl IntoIterator<Item = i64>) {
    let mut tx = rig.db.begin().await.unwrap();
    for number in numbers {
        tx.publish(scope, &Happened { number });
    }
    tx.commit().await.unwrap();
}

/// A frame of a stream.
#[derive(Debug, PartialEq)]
struct Frame {
    id: Option<String>,
    event: String,
    data: Value,
}

struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    #[track_caller]
    fn of(response: http::Response<Body>) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next frame, without the signs of life; `None` at the end.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            while let Some((frame, rest)) = self.text.split_once("\n\n") {
                let mut lines = frame.lines().filter(|line| !line.starts_with(':')).peekable();
                let mut found = Frame { id: None, event: String::new(), data: Value::Null };
                let is_frame = lines.peek().is_some();
                for line in lines {
                    match line.split_once(": ").unwrap() {
                        ("id", id) => found.id = Some(id.to_owned()),
                        ("event", event) => found.event = event.to_owned(),
                        ("data", data) => found.data = serde_json::from_str(data).unwrap(),
                        other => panic!("{other:?}"),
                    }
                }
                self.text = rest.to_owned();
                if is_frame {
                    return Some(found);
                }
            }
            let octets = self.body.try_next().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&octets).unwrap());
        }
    }

    async fn numbers(&mut self, count: usize) -> Vec<i64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let frame = self.next().await.unwrap();
            assert_eq!(frame.event, "happened");
            numbers.push(frame.data["body"]["number"].as_i64().unwrap());
        }
        numbers
    }

    async fn end(&mut self) -> String {
        let frame = self.next().await.unwrap();
        assert_eq!(frame.event, "end", "{frame:?}");
        assert_eq!(self.next().await, None);
        frame.data["reason"].as_str().unwrap().to_owned()
    }
}
