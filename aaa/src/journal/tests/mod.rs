//! Tests of the whole journal on a simulated disk, its writer turned by hand unless threads are the point.

mod basics;
mod damage;
mod failure;
mod power;
mod retention;
mod threads;

use std::{sync::Arc, time::Duration};

use base::{Clock, DatabaseId, MockClock, RouterId, TenantId, Timestamp};

use super::{
    config::Config,
    frame, handle,
    handle::Journal,
    reader::Batch,
    record::{Kind, Position, Record},
    recovery::OpenError,
    storage::{Storage, simulated::Disk},
    writer::{Turn, Writer},
};

const DATABASE: DatabaseId = DatabaseId::from_bytes([0xdb; 16]);

/// Payloads of tests are at most so long.
const PAYLOAD_LEN: usize = 300;

/// A journal on a simulated disk.
struct Fixture {
    disk: Disk,
    config: Config,
    hand: MockClock,
    clock: Clock,
    journal: Arc<Journal>,
    writer: Writer,
}

/// Small segments: a few groups fill one.
fn config() -> Config {
    Config {
        segment_octets: 24 * 1024,
        group_octets: frame::MAX_FRAME_LEN,
        total_octets: 1 << 20,
        keep_for: Duration::ZERO,
        keep_octets: u64::MAX,
        retry_every: Duration::from_millis(1),
        ..Config::new("unused", DATABASE)
    }
}

impl Fixture {
    fn new() -> Self {
        Self::on(Disk::new(), config()).unwrap()
    }

    fn on(disk: Disk, config: Config) -> Result<Self, OpenError> {
        let (clock, hand) = Clock::mock(Timestamp::from_millis(1_795_334_400_000));
        let (shared, writer) =
            handle::prepare(config.clone(), clock.clone(), Storage::Simulated(disk.clone()))?;
        let journal = Arc::new(Journal::without_thread(shared));
        Ok(Self { disk, config, hand, clock, journal, writer })
    }

    /// The journal after a kill of the process.
    fn after_kill(self) -> Self {
        Self::on(self.disk.after_kill(), self.config.clone()).unwrap()
    }

    /// The journal opened again on a disk that somebody changed.
    fn reopened(self) -> Result<Self, OpenError> {
        Self::on(self.disk.after_kill(), self.config.clone())
    }

    fn append(&self, seed: u64) -> Position {
        self.journal.append(&record(&payload(seed))).unwrap()
    }

    /// Appends records of these seeds and makes them durable as one group.
    fn commit(&mut self, seeds: impl IntoIterator<Item = u64>) {
        for seed in seeds {
            self.append(seed);
        }
        assert_eq!(self.writer.turn(), Turn::Committed);
    }

    /// The seeds of all durable records; each is checked octet by octet.
    fn seeds(&self) -> Vec<u64> {
        self.read().into_iter().map(|(_, seed)| seed).collect()
    }

    fn read(&self) -> Vec<(Position, u64)> {
        let Some(oldest) = self.journal.oldest() else { return Vec::new() };
        read_all(&mut self.journal.reader(oldest).unwrap())
    }

    /// The names of the segment files.
    fn segments(&self) -> Vec<String> {
        self.disk.list().unwrap().into_iter().filter(|name| name.ends_with(".segment")).collect()
    }
}

fn read_all(reader: &mut super::Reader) -> Vec<(Position, u64)> {
    let mut batch = Batch::new();
    let mut found = Vec::new();
    while reader.fill(&mut batch, 7).unwrap() > 0 {
        for stored in batch.iter() {
            let seed = seed_of(stored.record.payload);
            assert_eq!(stored.record, record(&payload(seed)));
            found.push((stored.position, seed));
        }
    }
    found
}

fn record(payload: &[u8]) -> Record<'_> {
    let seed = i64::try_from(seed_of(payload)).unwrap();
    Record {
        kind: Kind::ACCOUNTING,
        version: 1,
        received_at: Timestamp::from_millis(1_795_334_400_000 + seed),
        tenant: TenantId::from_bytes([1; 16]),
        router: RouterId::from_bytes([2; 16]),
        payload,
    }
}

/// A payload from which its seed can be told.
fn payload(seed: u64) -> Vec<u8> {
    let len = 8 + usize::try_from(seed.wrapping_mul(2_654_435_761) % (PAYLOAD_LEN as u64 - 8)).unwrap();
    seed.to_le_bytes().into_iter().cycle().take(len).collect()
}

fn seed_of(payload: &[u8]) -> u64 {
    u64::from_le_bytes(*payload.first_chunk().unwrap())
}
