//! Replies that wait: for their record to be durable, or for a reject's delay to pass. Nothing here blocks a worker;
//! each wake-up releases what is due.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use radius::replay::Slot;

use super::socket::End;
use crate::journal::Position;

/// Replies that one worker may have waiting. At 50 ms of group commit that is more than a million requests a second;
/// beyond it a request is left unanswered and counted, and its NAS asks again.
pub(super) const MAX_PARKED: usize = 65_536;

/// How long a reply may wait for its record. RouterOS gives up after 3.3 s at the latest and others after 30 s; an
/// answer to nobody is not worth its memory, and the record is kept whether or not the answer is sent.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Emptied buffers kept for reuse, so that a steady load allocates nothing.
const SPARE_BUFFERS: usize = 4_096;

/// A reply, ready to be sent.
#[derive(Debug)]
pub(super) struct Reply {
    /// Which of the worker's sockets sends it.
    pub(super) socket: usize,
    /// To whom, from where.
    pub(super) end: End,
    /// Its entry in the duplicate cache.
    pub(super) slot: Slot,
    /// Its octets.
    pub(super) bytes: Vec<u8>,
}

/// What became of a parked reply.
#[derive(Debug)]
pub(super) enum Release {
    /// It is due: send it.
    Due(Reply),
    /// Its record did not become durable in time: forget it.
    Expired(Reply),
}

/// The waiting replies of one worker.
#[derive(Debug, Default)]
pub(super) struct Parked {
    /// In the order of their positions, for one worker appends in order.
    durable: VecDeque<(Position, Duration, Reply)>,
    delayed: BinaryHeap<Delayed>,
    /// Breaks ties between equal deadlines: first parked, first sent.
    serial: u64,
    spare: Vec<Vec<u8>>,
}

impl Parked {
    /// Whether no further reply may wait.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= MAX_PARKED
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.durable.len() + self.delayed.len()
    }

    /// A buffer holding a copy of `bytes`.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Gives a buffer back.
    pub(super) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Holds `reply` until everything up to `position` is durable.
    pub(super) fn until_durable(&mut self, now: Duration, position: Position, reply: Reply) {
        self.durable.push_back((position, now + PATIENCE, reply));
    }

    /// Holds `reply` until `at`.
    pub(super) fn until(&mut self, at: Duration, reply: Reply) {
        self.serial += 1;
        self.delayed.push(Delayed { at, serial: self.serial, reply });
    }

    /// When the next reply is due or given up, unless its record becomes durable before.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let delayed = self.delayed.peek().map(|delayed| delayed.at);
        let patience = self.durable.front().map(|(_, until, _)| *until);
        [delayed, patience].into_iter().flatten().min()
    }

    /// The next reply whose wait is over.
    pub(super) fn release(&mut self, now: Duration, durable: Position) -> Option<Release> {
        if let Some((position, until, _)) = self.durable.front() {
            let (is_durable, is_late) = (*position <= durable, *until <= now);
            if is_durable || is_late {
                let (_, _, reply) = self.durable.pop_front()?;
                return Some(if is_durable { Release::Due(reply) } else { Release::Expired(reply) });
            }
        }
        if self.delayed.peek()?.at <= now {
            return self.delayed.pop().map(|delayed| Release::Due(delayed.reply));
        }
        None
    }
}

#[derive(Debug)]
struct Delayed {
    at: Duration,
    serial: u64,
    reply: Reply,
}

impl Ord for Delayed {
    /// The earliest is the greatest: `BinaryHeap` gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.serial).cmp(&(self.at, self.serial))
    }
}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Delayed {}
