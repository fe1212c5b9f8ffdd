//! One live session: packed in the table, and as it is shown to others.

use std::{net::Ipv4Addr, sync::Arc};

use base::{MacAddress, RouterId, SessionId, SubscriberId, TenantId, Timestamp};

use super::{
    event::AccountingEvent,
    identifiers::{ACCT_SESSION_ID, StoredIdentifiers, USER_NAME},
    identity::Known,
    router::{Path, RouterState, Series},
    rules::{Progress, Usage},
};

/// Whose session it is: a subscriber's id, or a hash of a user name that the directory does not know (a router may account
/// for users of its own).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) key: [u8; 16],
    pub(super) is_subscriber: bool,
}

impl Owner {
    pub(super) const fn subscriber(id: SubscriberId) -> Self {
        Self { key: *id.as_bytes(), is_subscriber: true }
    }

    /// A hash for tables and shards: ids are random already, and nobody outside chooses them. Both halves of the product are
    /// folded, so that all bits of an id reach all bits of its hash.
    pub(super) fn hash(&self) -> u64 {
        let (high, low) = self.key.split_at(8);
        let word = |octets: &[u8]| u64::from_le_bytes(octets.try_into().unwrap_or_default());
        let mixed = word(low) ^ word(high).rotate_left(29);
        let product = u128::from(mixed) * 0x9e37_79b9_7f4a_7c15;
        let [lower, upper] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
        u64::try_from(lower ^ upper).unwrap_or(0)
    }
}

/// A session in the table: under 200 octets, and one allocation.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) owner: Owner,
    pub(super) router: Arc<RouterState>,
    pub(super) progress: Progress,
    pub(super) identifiers: StoredIdentifiers,
    /// Hash of router and Acct-Session-Id.
    pub(super) name: u64,
    /// When the last packet came, in whole seconds of the monotonic clock.
    pub(super) heard: u32,
    /// Seconds between interims that were asked for; 0 when none were.
    pub(super) interval: u32,
    pub(super) overlay_generation: Option<u32>,
    pub(super) framed_address: Option<Ipv4Addr>,
    pub(super) nas_port: Option<u32>,
    pub(super) mac: Option<MacAddress>,
    pub(super) series: Series,
    pub(super) from_cookie: bool,
    /// Other sessions of the same owner in this shard, as a list.
    pub(super) older: u32,
    pub(super) newer: u32,
}

const _: () =
    assert!(size_of::<Option<Session>>() <= 200, "a million of them must fit beside their directory");

impl Session {
    /// Takes what one more packet tells beside its progress.
    pub(super) fn note(&mut self, heard: u32, event: &AccountingEvent<'_>) {
        self.heard = self.heard.max(heard);
        self.identifiers.update(&event.identifiers);
        self.framed_address = event.framed_address.or(self.framed_address);
        self.nas_port = event.nas_port.or(self.nas_port);
        self.mac = event.mac.or(self.mac);
    }

    pub(super) fn session_id(&self) -> &[u8] {
        self.identifiers.find(ACCT_SESSION_ID).unwrap_or_default()
    }

    pub(super) fn known(&self) -> Known<'_> {
        Known {
            session: self.id,
            from_cookie: self.from_cookie,
            started: self.progress.started,
            username: self.identifiers.find(USER_NAME).unwrap_or_default(),
            nas_port: self.nas_port,
        }
    }

    pub(super) fn view(&self) -> LiveSession {
        LiveSession {
            id: self.id,
            tenant: self.router.tenant(),
            router: self.router.id(),
            subscriber: self.owner.is_subscriber.then(|| SubscriberId::from_bytes(self.owner.key)),
            started: self.progress.started,
            updated: self.progress.updated,
            session_time: self.progress.session_time,
            usage: self.progress.usage,
            overlay_generation: self.overlay_generation,
            framed_address: self.framed_address,
            nas_port: self.nas_port,
            mac: self.mac,
            interim_interval: self.interval,
            identifiers: self.identifiers.clone(),
            path: self.router.path(),
        }
    }
}

/// A live session as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// Its id.
    pub id: SessionId,
    /// Whose router it is on.
    pub tenant: TenantId,
    /// The router.
    pub router: RouterId,
    /// The subscriber; `None` when the user name is not in the directory.
    pub subscriber: Option<SubscriberId>,
    /// When it started.
    pub started: Timestamp,
    /// When its newest event happened.
    pub updated: Timestamp,
    /// Acct-Session-Time of its newest packet, seconds.
    pub session_time: u32,
    /// Traffic since it started.
    pub usage: Usage,
    /// The overlay generation in its Class: which state of isolation the session was accepted with. `None` when the
    /// router does not return Class.
    pub overlay_generation: Option<u32>,
    /// Framed-IP-Address.
    pub framed_address: Option<Ipv4Addr>,
    /// NAS-Port.
    pub nas_port: Option<u32>,
    /// Calling-Station-Id as a hardware address.
    pub mac: Option<MacAddress>,
    /// Seconds between its interims, as asked for in the Accept; 0 when none were.
    pub interim_interval: u32,
    /// The attributes that name it to its router.
    pub identifiers: StoredIdentifiers,
    /// The way to its router.
    pub path: Option<Path>,
}

/// A session that the table has closed by inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedSession {
    /// Its id.
    pub id: SessionId,
    /// Whose router it was on.
    pub tenant: TenantId,
    /// The router.
    pub router: RouterId,
    /// The subscriber, if known.
    pub subscriber: Option<SubscriberId>,
    /// Its progress, with the end.
    pub progress: Progress,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::live::{limits::SHARDS, table::shard_of};

    /// The tables within a shard look at the lowest bits and the seven highest: they must differ there, whatever differs in an id.
    #[test]
    fn a_shard_spreads_its_own() {
        for place in [0, 3, 8, 12] {
            let hashes: Vec<u64> = (0..100_000_u32)
                .map(|number| {
                    let mut octets = [0x5a; 16];
                    octets[place..place + 4].copy_from_slice(&number.to_be_bytes());
                    Owner::subscriber(SubscriberId::from_bytes(octets)).hash()
                })
                .collect();
            let shards: HashSet<usize> = hashes.iter().map(|hash| shard_of(*hash)).collect();
            assert_eq!(shards.len(), SHARDS, "octets from {place} on");
            let here: Vec<u64> = hashes.into_iter().filter(|hash| shard_of(*hash) == 7).collect();
            let tags: HashSet<u64> = here.iter().map(|hash| hash >> 57).collect();
            let buckets: HashSet<u64> = here.iter().map(|hash| hash & 127).collect();
            assert!(here.len() > 50 && tags.len() > 30 && buckets.len() > 30, "{place}: {}", here.len());
        }
    }
}
