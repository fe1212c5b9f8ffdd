//! First uses: a hardware address learnt at a login, from the Accept until the directory knows it.
//!
//! The Accept that learns an address is sent only once a record of it is in the journal. Between that moment and the day
//! that the database has applied it, the address holds here, in memory: a second device must not slip in. While the
//! directory still says "learn", each further Accept of the same device is recorded again, which changes nothing.

use std::{collections::HashMap, time::Duration};

use base::{MacAddress, SessionId, SubscriberId};
use parking_lot::Mutex;

/// The version of a first-use record's payload.
pub const FIRST_USE_VERSION: u16 = 1;

/// Octets of the payload.
pub const FIRST_USE_OCTETS: usize = 16 + 6 + 16;

/// What the journal keeps of a first use.
///
/// ```text
///  0            16        22           38
/// +------------+---------+------------+
/// | subscriber | MAC (6) | session    |
/// +------------+---------+------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstUse {
    /// Who logged in.
    pub subscriber: SubscriberId,
    /// The hardware address that is theirs from now on. The first record of a subscriber counts.
    pub mac: MacAddress,
    /// The session of that Accept.
    pub session: SessionId,
}

impl FirstUse {
    /// The payload of its record.
    #[must_use]
    pub fn compose(&self) -> [u8; FIRST_USE_OCTETS] {
        let mut payload = [0; FIRST_USE_OCTETS];
        let mac = self.mac.octets();
        let parts: [&[u8]; 3] = [self.subscriber.as_bytes(), &mac, self.session.as_bytes()];
        for (place, octet) in payload.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *octet;
        }
        payload
    }

    /// Parses the payload of a record of [`FIRST_USE_VERSION`]; `None` when it is none.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let payload: &[u8; FIRST_USE_OCTETS] = payload.try_into().ok()?;
        let (subscriber, rest) = payload.split_first_chunk()?;
        let (mac, session) = rest.split_first_chunk()?;
        Some(Self {
            subscriber: SubscriberId::from_bytes(*subscriber),
            mac: MacAddress::from_octets(*mac),
            session: SessionId::from_bytes(session.try_into().ok()?),
        })
    }
}

/// Locks, so that first uses of different subscribers do not wait for one another.
const SHARDS: usize = 64;

/// Most first uses that wait for the directory: a quarter of a million new devices while the database is down. Beyond it
/// requests are left unanswered and counted.
const MOST: usize = 262_144;

/// How long an address holds whose record never reached the journal: the router asks again within seconds, and another
/// device must not be shut out for longer.
const UNRECORDED: Duration = Duration::from_secs(60);

/// Whose login it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// This device's: record it.
    Ours,
    /// Another's was first.
    Taken,
    /// There is no room.
    Full,
}

/// The first uses that the directory does not know yet.
#[derive(Debug)]
pub(super) struct FirstUses {
    shards: Box<[Mutex<HashMap<SubscriberId, Pending>>]>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    mac: MacAddress,
    at: Duration,
    is_recorded: bool,
}

impl FirstUses {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Claims the login for a device.
    pub(super) fn hold(&self, now: Duration, subscriber: SubscriberId, mac: MacAddress) -> Hold {
        let lapsed = |known: &Pending| !known.is_recorded && now.saturating_sub(known.at) >= UNRECORDED;
        let mut shard = self.shard(subscriber).lock();
        let known = shard.get(&subscriber);
        match known {
            Some(known) if known.mac == mac => return Hold::Ours,
            Some(known) if !lapsed(known) => return Hold::Taken,
            _ => {}
        }
        if known.is_none() && shard.len() >= MOST / SHARDS {
            shard.retain(|_, known| !lapsed(known));
            if shard.len() >= MOST / SHARDS {
                return Hold::Full;
            }
        }
        shard.insert(subscriber, Pending { mac, at: now, is_recorded: false });
        Hold::Ours
    }

    /// Its record is in the journal: from now on it holds until the directory knows it.
    pub(super) fn recorded(&self, first: &FirstUse) {
        let mut shard = self.shard(first.subscriber).lock();
        shard
            .entry(first.subscriber)
            .and_modify(|known| known.is_recorded |= known.mac == first.mac)
            .or_insert(Pending { mac: first.mac, at: Duration::ZERO, is_recorded: true });
    }

    /// The directory knows better by now.
    pub(super) fn settle(&self, subscriber: SubscriberId) {
        self.shard(subscriber).lock().remove(&subscriber);
    }

    /// The directory knows better by now of all but those that `is_learning` names.
    pub(super) fn settle_all(&self, is_learning: impl Fn(SubscriberId) -> bool) {
        for shard in &self.shards {
            shard.lock().retain(|subscriber, _| is_learning(*subscriber));
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    fn shard(&self, subscriber: SubscriberId) -> &Mutex<HashMap<SubscriberId, Pending>> {
        let last = subscriber.as_bytes()[15];
        &self.shards[usize::from(last) % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    const A: MacAddress = MacAddress::from_octets([1; 6]);
    const B: MacAddress = MacAddress::from_octets([2; 6]);

    #[test]
    fn the_first_device_holds_until_settled_once_it_is_recorded() {
        let uses = FirstUses::new();
        let subscriber = SubscriberId::generate(Timestamp::EPOCH);
        let session = SessionId::generate(Timestamp::EPOCH);
        let start = Duration::from_secs(10);
        assert_eq!(uses.hold(start, subscriber, A), Hold::Ours);
        assert_eq!(uses.hold(start, subscriber, B), Hold::Taken);
        assert_eq!(uses.hold(start + UNRECORDED, subscriber, B), Hold::Ours, "the first was never recorded");
        uses.recorded(&FirstUse { subscriber, mac: B, session });
        assert_eq!(uses.hold(start + 10 * UNRECORDED, subscriber, A), Hold::Taken);
        assert_eq!(uses.hold(start + 10 * UNRECORDED, subscriber, B), Hold::Ours);
        uses.settle(subscriber);
        assert_eq!(uses.len(), 0);
        uses.recorded(&FirstUse { subscriber, mac: A, session });
        assert_eq!(uses.hold(start, subscriber, B), Hold::Taken, "read back from the journal");
    }

    #[test]
    fn records_round_trip() {
        let first = FirstUse {
            subscriber: SubscriberId::generate(Timestamp::EPOCH),
            mac: A,
            session: SessionId::generate(Timestamp::EPOCH),
        };
        assert_eq!(FirstUse::parse(&first.compose()), Some(first));
        assert_eq!(FirstUse::parse(&first.compose()[1..]), None);
    }
}
