//! Tests of the duplicate cache: the rules of RFC 5080 §2.2.2 one by one, then against a naive model.

use core::net::SocketAddr;
use core::time::Duration;

use proptest::prelude::*;

use super::table::Table;
use super::{HashSecret, Key, Limits, ReplayCache, Slot, Verdict};
use crate::code::Code;

const PEER: &str = "192.0.2.1:58632";
const LOCAL: &str = "198.51.100.1:1812";

fn cache(limits: Limits) -> ReplayCache {
    ReplayCache::new(limits, HashSecret::new([7; 16]))
}

fn key_of(peer: &str, local: &str, code: Code, identifier: u8, authenticator: u8) -> Key {
    let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
    Key::new(parse(peer), parse(local), code, identifier, [authenticator; 16])
}

fn key(identifier: u8, authenticator: u8) -> Key {
    key_of(PEER, LOCAL, Code::ACCESS_REQUEST, identifier, authenticator)
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn new(verdict: Verdict<'_>) -> Slot {
    match verdict {
        Verdict::New(slot) => slot,
        other => panic!("expected a new request, got {other:?}"),
    }
}

/// RFC 5080 §2.2.2: a duplicate within the lifetime gets the identical reply; the counter rises.
#[test]
fn duplicate_gets_the_same_reply() {
    let mut cache = cache(Limits::default());
    let slot = new(cache.check(at(0), &key(1, 1)));
    assert!(cache.answer(at(1), slot, b"accept"));
    assert_eq!(cache.check(at(300), &key(1, 1)), Verdict::Reply(b"accept"));
    assert_eq!(cache.check(at(5_000), &key(1, 1)), Verdict::Reply(b"accept"));
    assert_eq!(cache.counters().replayed, 2);
    assert_eq!(cache.counters().new, 1);
}

/// RFC 5080 §2.2.2: the lifetime runs from the reply, and then the same packet is a new request.
#[test]
fn entry_ends_with_its_lifetime() {
    let mut cache = cache(Limits::default());
    let slot = new(cache.check(at(0), &key(1, 1)));
    assert!(cache.answer(at(1_000), slot, b"accept"));
    assert_eq!(cache.check(at(5_999), &key(1, 1)), Verdict::Reply(b"accept"));
    new(cache.check(at(6_000), &key(1, 1)));
    assert_eq!(cache.counters().expired, 1);
}

/// RFC 5080 §2.2.2: a duplicate of a request in progress is silently discarded.
#[test]
fn duplicate_in_progress_is_dropped() {
    let mut cache = cache(Limits::default());
    new(cache.check(at(0), &key(1, 1)));
    assert_eq!(cache.check(at(300), &key(1, 1)), Verdict::InProgress);
    assert_eq!(cache.check(at(29_999), &key(1, 1)), Verdict::InProgress);
    assert_eq!(cache.counters().in_progress, 2);
}

/// A handler that loses its slot blocks the key for a bounded time only.
#[test]
fn lost_slot_frees_itself() {
    let mut cache = cache(Limits::default());
    let lost = new(cache.check(at(0), &key(1, 1)));
    new(cache.check(at(30_000), &key(1, 1)));
    assert!(!cache.answer(at(30_001), lost, b"late"));
    assert_eq!(cache.check(at(30_002), &key(1, 1)), Verdict::InProgress);
}

/// RFC 5080 §2.2.2: the same flow with another authenticator purges the old entry, and the new request is served; the old
/// handler's reply does not end up under the new key.
#[test]
fn new_authenticator_supersedes() {
    let mut cache = cache(Limits::default());
    let old = new(cache.check(at(0), &key(1, 1)));
    let young = new(cache.check(at(10), &key(1, 2)));
    assert!(!cache.answer(at(20), old, b"old"));
    assert!(!cache.forget(old));
    assert_eq!(cache.check(at(30), &key(1, 2)), Verdict::InProgress);
    assert!(cache.answer(at(40), young, b"young"));
    assert_eq!(cache.check(at(50), &key(1, 2)), Verdict::Reply(b"young"));
    assert_eq!(cache.len(), 1);
    let third = new(cache.check(at(60), &key(1, 1)));
    assert!(cache.forget(third));
    assert_eq!(cache.counters().superseded, 2);
}

/// RFC 5080 §2.2.2: every part of the key tells requests apart.
#[test]
fn every_part_of_the_key_counts() {
    let mut cache = cache(Limits::default());
    let code = Code::ACCESS_REQUEST;
    for other in [
        key_of(PEER, LOCAL, code, 1, 1),
        key_of("192.0.2.2:58632", LOCAL, code, 1, 1),
        key_of("192.0.2.1:58633", LOCAL, code, 1, 1),
        key_of(PEER, "198.51.100.1:1813", code, 1, 1),
        key_of(PEER, "198.51.100.2:1812", code, 1, 1),
        key_of(PEER, LOCAL, Code::STATUS_SERVER, 1, 1),
        key_of(PEER, LOCAL, code, 2, 1),
        key_of("[c000:201::]:58632", LOCAL, code, 1, 1),
        key_of("[fe80::1%1]:1", "[fe80::2]:1812", code, 1, 1),
        key_of("[fe80::1%2]:1", "[fe80::2]:1812", code, 1, 1),
    ] {
        new(cache.check(at(0), &other));
    }
    assert_eq!(cache.len(), 10);
}

/// The flow label of IPv6 may differ between copies of one packet.
#[test]
fn flow_label_is_no_part_of_the_key() {
    let with = |label| {
        let peer = core::net::SocketAddrV6::new("2001:db8::1".parse().unwrap(), 1645, label, 0);
        Key::new(peer.into(), LOCAL.parse().unwrap(), Code::ACCESS_REQUEST, 1, [1; 16])
    };
    assert_eq!(with(0), with(0x12345));
}

/// A discarded or failed request leaves nothing behind: its next copy is served.
#[test]
fn forgotten_request_is_new_again() {
    let mut cache = cache(Limits::default());
    let slot = new(cache.check(at(0), &key(1, 1)));
    assert!(cache.forget(slot));
    assert!(cache.is_empty());
    new(cache.check(at(1), &key(1, 1)));
}

/// A full cache gives up the oldest answered entry first, and counts it.
#[test]
fn oldest_answered_entry_makes_room() {
    let mut cache = cache(Limits { slots: 3, ..Limits::default() });
    let parked = new(cache.check(at(0), &key(0, 1)));
    for identifier in 1..=2 {
        let slot = new(cache.check(at(1), &key(identifier, 1)));
        cache.answer(at(1), slot, &[identifier]);
    }
    new(cache.check(at(2), &key(3, 1)));
    assert_eq!(cache.counters().evicted, 1);
    assert_eq!(cache.check(at(3), &key(0, 1)), Verdict::InProgress);
    assert_eq!(cache.check(at(3), &key(2, 1)), Verdict::Reply(&[2]));
    assert!(cache.answer(at(4), parked, b"late"));
    assert_eq!(cache.len(), 3);
}

/// Without answered entries the oldest request in progress makes room; its slot is dead then.
#[test]
fn oldest_request_in_progress_makes_room_last() {
    let mut cache = cache(Limits { slots: 2, ..Limits::default() });
    let first = new(cache.check(at(0), &key(0, 1)));
    new(cache.check(at(0), &key(1, 1)));
    new(cache.check(at(0), &key(2, 1)));
    assert_eq!(cache.counters().evicted_in_progress, 1);
    assert!(!cache.answer(at(1), first, b"gone"));
    assert_eq!(cache.check(at(1), &key(1, 1)), Verdict::InProgress);
}

/// The octets of replies are bounded too; a reply longer than all of them is refused and its request forgotten.
#[test]
fn octets_are_bounded() {
    let mut cache = cache(Limits { octets: 100, ..Limits::default() });
    for identifier in 0..3 {
        let slot = new(cache.check(at(0), &key(identifier, 1)));
        assert!(cache.answer(at(0), slot, &[identifier; 40]));
    }
    assert_eq!(cache.counters().evicted_for_octets, 1);
    assert_eq!(cache.check(at(1), &key(1, 1)), Verdict::Reply(&[1; 40]));
    assert_eq!(cache.check(at(1), &key(2, 1)), Verdict::Reply(&[2; 40]));
    let slot = new(cache.check(at(1), &key(9, 1)));
    assert!(!cache.answer(at(1), slot, &[9; 101]));
    assert_eq!(cache.counters().oversized, 1);
    new(cache.check(at(1), &key(9, 1)));
    let slot = new(cache.check(at(1), &key(8, 1)));
    assert!(cache.answer(at(1), slot, &[8; 100]));
    assert_eq!(cache.check(at(1), &key(8, 1)), Verdict::Reply(&[8; 100]));
}

/// After an idle period the backlog of dead entries goes away a few at a time and never costs a live one its place.
#[test]
fn backlog_of_expired_entries_makes_room_first() {
    let mut cache = cache(Limits { slots: 64, ..Limits::default() });
    for identifier in 0..64 {
        let slot = new(cache.check(at(0), &key(identifier, 1)));
        cache.answer(at(0), slot, b"x");
    }
    for identifier in 0..64 {
        new(cache.check(at(10_000), &key(identifier, 2)));
    }
    let counters = cache.counters();
    assert_eq!((counters.evicted, counters.evicted_in_progress, counters.expired), (0, 0, 64));
    assert_eq!(counters.superseded, 0);
}

/// No allocation after warm-up: nothing that was reserved at the start grows, whatever passes through.
#[test]
fn storage_is_reserved_at_the_start() {
    let mut cache = cache(Limits { slots: 100, octets: 5_000, ..Limits::default() });
    let reserved = cache.reserved();
    for round in 0..50_u8 {
        for identifier in 0..=255 {
            let slot = new(cache.check(at(u64::from(round)), &key(identifier, round)));
            if !identifier.is_multiple_of(3) {
                cache.answer(at(u64::from(round)), slot, &[identifier; 60]);
            }
        }
    }
    assert_eq!(cache.reserved(), reserved);
}

#[test]
fn secret_is_not_printed() {
    assert_eq!(format!("{:?}", HashSecret::new([9; 16])), "HashSecret(..)");
}

#[derive(Clone, Debug)]
enum Step {
    Check { identifier: u8, authenticator: u8 },
    Answer { claim: prop::sample::Index, length: usize },
    Forget { claim: prop::sample::Index },
    Pass { milliseconds: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..12_u8, 0..2_u8)
            .prop_map(|(identifier, authenticator)| Step::Check { identifier, authenticator }),
        4 => (any::<prop::sample::Index>(), 0..40_usize)
            .prop_map(|(claim, length)| Step::Answer { claim, length }),
        1 => any::<prop::sample::Index>().prop_map(|claim| Step::Forget { claim }),
        2 => (0..4_000_u64).prop_map(|milliseconds| Step::Pass { milliseconds }),
    ];
    prop::collection::vec(step, 1..400)
}

/// The cache as one would write it without caring for speed: a list in order of age.
struct Model {
    limits: Limits,
    entries: Vec<ModelEntry>,
    serial: u64,
}

struct ModelEntry {
    serial: u64,
    identifier: u8,
    authenticator: u8,
    expires: Duration,
    reply: Option<Vec<u8>>,
}

#[derive(Debug, PartialEq)]
enum ModelVerdict {
    New(u64),
    InProgress,
    Reply(Vec<u8>),
}

impl Model {
    fn check(&mut self, now: Duration, identifier: u8, authenticator: u8) -> ModelVerdict {
        self.entries.retain(|entry| entry.expires > now);
        if let Some(place) = self.entries.iter().position(|entry| entry.identifier == identifier) {
            let entry = &self.entries[place];
            if entry.authenticator == authenticator {
                return entry.reply.clone().map_or(ModelVerdict::InProgress, ModelVerdict::Reply);
            }
            self.entries.remove(place);
        }
        if self.entries.len() == self.limits.slots {
            let oldest = self.entries.iter().position(|entry| entry.reply.is_some()).unwrap_or(0);
            self.entries.remove(oldest);
        }
        self.serial += 1;
        self.entries.push(ModelEntry {
            serial: self.serial,
            identifier,
            authenticator,
            expires: now + self.limits.in_progress,
            reply: None,
        });
        ModelVerdict::New(self.serial)
    }

    fn take(&mut self, serial: u64) -> Option<ModelEntry> {
        let place = self.entries.iter().position(|entry| entry.serial == serial && entry.reply.is_none())?;
        Some(self.entries.remove(place))
    }

    fn answer(&mut self, now: Duration, serial: u64, reply: &[u8]) -> bool {
        let Some(mut entry) = self.take(serial) else { return false };
        entry.reply = Some(reply.to_vec());
        entry.expires = now + self.limits.lifetime;
        self.entries.push(entry);
        true
    }
}

proptest! {
    /// With room for all replies the cache and the naive model never disagree.
    #[test]
    fn agrees_with_the_naive_model(steps in steps(), slots in 1..10_usize) {
        let limits = Limits { slots, octets: 1 << 20, lifetime: at(5_000), in_progress: at(7_000) };
        let mut cache = cache(limits);
        let mut model = Model { limits, entries: Vec::new(), serial: 0 };
        let mut claims: Vec<(Slot, u64)> = Vec::new();
        let mut now = at(0);
        for step in steps {
            match step {
                Step::Check { identifier, authenticator } => {
                    let expected = model.check(now, identifier, authenticator);
                    let actual = match cache.check(now, &key(identifier, authenticator)) {
                        Verdict::New(slot) => {
                            claims.push((slot, model.serial));
                            ModelVerdict::New(model.serial)
                        }
                        Verdict::InProgress => ModelVerdict::InProgress,
                        Verdict::Reply(reply) => ModelVerdict::Reply(reply.to_vec()),
                    };
                    prop_assert_eq!(actual, expected);
                }
                Step::Answer { claim, length } if !claims.is_empty() => {
                    let (slot, serial) = claims[claim.index(claims.len())];
                    let reply = serial.to_be_bytes().repeat(length);
                    prop_assert_eq!(cache.answer(now, slot, &reply), model.answer(now, serial, &reply));
                }
                Step::Forget { claim } if !claims.is_empty() => {
                    let (slot, serial) = claims[claim.index(claims.len())];
                    prop_assert_eq!(cache.forget(slot), model.take(serial).is_some());
                }
                Step::Answer { .. } | Step::Forget { .. } => {}
                Step::Pass { milliseconds } => {
                    now += at(milliseconds);
                    // Both forget eagerly here, so that a slot out of time is dead in both.
                    model.entries.retain(|entry| entry.expires > now);
                    for _ in 0..=slots {
                        cache.expire(now);
                    }
                    prop_assert_eq!(cache.len(), model.entries.len());
                }
            }
        }
        let counters = cache.counters();
        let ended = counters.superseded
            + counters.expired
            + counters.forgotten
            + counters.evicted
            + counters.evicted_in_progress
            + counters.evicted_for_octets
            + counters.oversized;
        prop_assert_eq!(counters.new, ended + cache.len() as u64);
    }

    /// However short the room for replies, what is replayed is what was answered, and the last answer is always kept.
    #[test]
    fn kept_replies_are_never_mixed_up(
        lengths in prop::collection::vec((0..16_u8, 0..60_usize), 1..300),
        octets in 60..200_usize,
    ) {
        let mut cache = cache(Limits { octets, slots: 8, ..Limits::default() });
        let mut answers: [Option<(u8, Vec<u8>)>; 16] = [const { None }; 16];
        for (turn, (identifier, length)) in lengths.into_iter().enumerate() {
            let authenticator = u8::try_from(turn % 256).unwrap();
            let slot = new(cache.check(at(0), &key(identifier, authenticator)));
            let reply = vec![authenticator ^ identifier; length];
            prop_assert!(cache.answer(at(0), slot, &reply));
            answers[usize::from(identifier)] = Some((authenticator, reply.clone()));
            prop_assert_eq!(cache.check(at(0), &key(identifier, authenticator)), Verdict::Reply(&reply));
            for (other, answer) in answers.iter().enumerate() {
                let Some((authenticator, reply)) = answer else { continue };
                let index = cache.find(&key(u8::try_from(other).unwrap(), *authenticator));
                if let Some(kept) = index {
                    prop_assert_eq!(kept, reply.as_slice());
                }
            }
        }
    }

    /// The table finds what was added and not what was removed, with hashes that collide as often as they can.
    #[test]
    fn table_agrees_with_a_list(steps in prop::collection::vec((0..4_u64, 0..16_u32), 1..300)) {
        let mut table = Table::with_slots(16);
        let mut list: Vec<(u64, u32)> = Vec::new();
        for (home, index) in steps {
            let hash = (home << 62) | (home << 32) | u64::from(index);
            if let Some(place) = list.iter().position(|entry| entry.1 == index) {
                let (hash, index) = list.remove(place);
                table.remove(hash, index);
            } else {
                list.push((hash, index));
                table.insert(hash, index);
            }
            for candidate in 0..16 {
                let there = list.iter().any(|entry| entry.1 == candidate);
                let found = list
                    .iter()
                    .filter(|entry| entry.1 == candidate)
                    .find_map(|entry| table.find(entry.0, |index| index == candidate));
                prop_assert_eq!(found.is_some(), there);
                let elsewhere = (0..4_u64).find_map(|home| {
                    table.find((home << 62) | (home << 32), |index| index == candidate)
                });
                prop_assert_eq!(elsewhere.is_some(), there);
            }
        }
    }
}

impl ReplayCache {
    /// How much is reserved: table cells, slab entries, reply octets.
    fn reserved(&self) -> (usize, usize, usize) {
        (self.table.reserved(), self.slab.reserved(), self.replies.reserved())
    }

    /// The kept reply of a request, without judging it.
    fn find(&self, key: &Key) -> Option<&[u8]> {
        let index = self.table.find(key.hash(&self.secret), |index| self.slab.entry(index).key == *key)?;
        match self.slab.entry(index).state {
            super::State::Answered(span) => Some(self.replies.read(span)),
            super::State::InProgress | super::State::Free => None,
        }
    }
}
