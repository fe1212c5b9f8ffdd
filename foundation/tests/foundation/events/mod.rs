//! The dispatcher: every event reaches every subscriber, in order, with one effect; who fails waits alone.

mod delivering;
mod failing;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use base::{Clock, Scope, TenantId, page::PageRequest};
use foundation::{
    Db, Tx,
    audit::{self, Filter},
    db::{Sql, dialect},
    event::{
        Dispatcher, Envelope, Event, Failure, Kind, OperateError, Settings, Standing, StandingFilter, Start,
        Subscriber, Subscribers, find_standing, list_standings, replay, retry, skip,
    },
    testing::{NOW, TestDb},
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::create;

#[derive(Serialize, Deserialize)]
pub(crate) struct Happened {
    pub(crate) number: i64,
}

impl Event for Happened {
    const KIND: &'static str = "happened";
}

/// What a newer daemon publishes.
#[derive(Serialize)]
struct HappenedAnew {
    number: String,
}

impl Event for HappenedAnew {
    const KIND: &'static str = "happened";
    const VERSION: i64 = 2;
}

/// What nobody wants.
#[derive(Serialize)]
struct Ignored;

impl Event for Ignored {
    const KIND: &'static str = "ignored";
}

/// What a reaction brings about. Twice the same is refused.
pub(crate) const EFFECT: Sql = dialect(
    "CREATE TABLE effect (id INTEGER PRIMARY KEY AUTOINCREMENT, subscriber TEXT NOT NULL, tenant_id BLOB NOT NULL, \
     sequence INTEGER NOT NULL, number INTEGER NOT NULL, UNIQUE (subscriber, tenant_id, sequence)) STRICT",
    "CREATE TABLE effect (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subscriber TEXT NOT NULL, \
     tenant_id UUID NOT NULL, sequence BIGINT NOT NULL, number BIGINT NOT NULL, UNIQUE (subscriber, tenant_id, sequence))",
);

/// What a subscriber does with an event beside its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Fails,
    Panics,
    Hangs,
    /// Takes a failed statement for nothing.
    Swallows,
}

type Moods = Arc<Mutex<Vec<(TenantId, i64, Mood)>>>;

/// Leaves an effect for each event, unless it is in another mood for it.
#[derive(Clone, Default)]
pub(crate) struct Recorder<const NUMBER: usize> {
    moods: Moods,
}

impl<const NUMBER: usize> Recorder<NUMBER> {
    /// In this mood for the event, until told otherwise.
    fn is(&self, tenant: TenantId, sequence: i64, mood: Mood) {
        let mut moods = self.moods.lock().unwrap();
        moods.retain(|(other, at, _)| (*other, *at) != (tenant, sequence));
        moods.push((tenant, sequence, mood));
    }

    fn mood(&self, envelope: &Envelope) -> Mood {
        let moods = self.moods.lock().unwrap();
        let found =
            moods.iter().find(|(tenant, at, _)| (*tenant, *at) == (envelope.tenant, envelope.sequence));
        found.map_or(Mood::Well, |(.., mood)| *mood)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("not today")]
struct NotToday;

impl<const NUMBER: usize> Subscriber for Recorder<NUMBER> {
    const NAME: &'static str = ["test.first", "test.second", "test.late"][NUMBER];
    const KINDS: &'static [Kind] = &[Kind::of::<Happened>()];
    const START: Start = if NUMBER == 2 { Start::Head } else { Start::Beginning };

    async fn handle(&self, tx: &mut Tx, scope: &Scope, envelope: &Envelope) -> Result<(), Failure> {
        let Some(event) = envelope.read::<Happened>()? else { panic!("it wants no {envelope:?}") };
        assert_eq!(scope.tenant(), envelope.tenant);
        tx.query("INSERT INTO effect (subscriber, tenant_id, sequence, number) VALUES ($1, $2, $3, $4)")
            .bind(Self::NAME)
            .bind(envelope.tenant)
            .bind(envelope.sequence)
            .bind(event.number)
            .execute_one()
            .await?;
        match self.mood(envelope) {
            Mood::Well => {}
            Mood::Fails => return Err(NotToday.into()),
            Mood::Panics => panic!("beyond repair"),
            Mood::Hangs => std::future::pending().await,
            Mood::Swallows => drop(tx.query("SELECT nothing FROM nowhere").execute().await),
        }
        Ok(())
    }
}

pub(crate) async fn publish(db: &Db, scope: &Scope, numbers: impl IntoIterator<Item = i64>) {
    for number in numbers {
        let mut tx = db.begin().await.unwrap();
        tx.publish(scope, &Happened { number });
        tx.commit().await.unwrap();
    }
}

pub(crate) async fn effects(db: &Db, subscriber: &str, tenant: TenantId) -> Vec<i64> {
    let mut conn = db.conn().await.unwrap();
    let rows: Vec<(i64,)> = conn
        .query("SELECT sequence FROM effect WHERE subscriber = $1 AND tenant_id = $2 ORDER BY id")
        .bind(subscriber)
        .bind(tenant)
        .fetch_all()
        .await
        .unwrap();
    rows.into_iter().map(|(sequence,)| sequence).collect()
}

async fn standing(db: &TestDb, subscriber: &str, tenant: TenantId) -> Standing {
    let mut conn = db.conn().await.unwrap();
    find_standing(&mut conn, &db.platform(), tenant, subscriber).await.unwrap().unwrap()
}

fn dispatcher(db: &Db, clock: &Clock, subscribers: Subscribers) -> Dispatcher {
    let settings = Settings { patience: Duration::from_millis(300), ..Settings::of(db) };
    Dispatcher::new(db.clone(), clock.clone(), subscribers, settings)
}
