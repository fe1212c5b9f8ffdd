//! Simultaneous use: an Accept holds a place under the subscriber's lock, so that of many requests at once no more are
//! accepted than the limit allows.

use std::{
    hint::black_box,
    sync::{Arc, atomic::Ordering},
};

use base::{MacAddress, Now, SessionId, SubscriberId};

use super::{
    limits::RESERVATION_LIFETIME,
    router::RouterState,
    session::Owner,
    shard::{Device, Reservation},
    table::{Live, seconds, shard_of},
};

/// A request to be online once more.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a> {
    /// Who.
    pub subscriber: SubscriberId,
    /// How many sessions at once it may have, at least 1.
    pub limit: u16,
    /// Where it logs in.
    pub router: &'a Arc<RouterState>,
    /// The device.
    pub mac: Option<MacAddress>,
    /// The port that the device is on.
    pub nas_port: Option<u32>,
    /// The id of the session to come.
    pub session: SessionId,
}

/// Whether there is a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// Yes; it is held until the Start comes, or for [`RESERVATION_LIFETIME`].
    Granted,
    /// No: other devices have them all.
    Full,
    /// The table of reservations is full.
    Overload,
}

/// How many devices are told apart while counting; beyond it each session counts for itself.
const DEVICES: usize = 16;

impl Live {
    /// Reserves a place. Sessions and reservations of the same device do not count: it has lost its old session, or asks
    /// again, and the new one replaces the old. Void and silent sessions do not count either.
    pub fn reserve(&self, now: Now, admission: &Admission<'_>) -> Admitted {
        let heard = seconds(now);
        let owner = Owner::subscriber(admission.subscriber);
        let device =
            Device { mac: admission.mac, router: admission.router.id(), nas_port: admission.nas_port };
        let mut shard = self.shards[shard_of(owner.hash())].lock();
        let sessions = shard
            .of_owner(owner)
            .filter_map(|slot| shard.get(slot))
            .filter(|session| session.over(heard).is_none())
            .map(super::session::Session::device);
        let held = shard.reservations(owner, heard).map(|held| held.device);
        if count_others(sessions.chain(held), &device, admission.limit) >= usize::from(admission.limit) {
            return Admitted::Full;
        }
        let lifetime = u32::try_from(RESERVATION_LIFETIME.as_secs()).unwrap_or(u32::MAX);
        let reservation = Reservation {
            owner,
            session: admission.session,
            device,
            limit: admission.limit,
            expires: heard.saturating_add(lifetime),
        };
        if shard.reserve(heard, reservation) {
            Admitted::Granted
        } else {
            self.refused_reservations.fetch_add(1, Ordering::Relaxed);
            Admitted::Overload
        }
    }

    /// Brings what [`reserve`](Self::reserve) will read of these subscribers into the processor's cache, one kind after the other,
    /// so that their waits for memory overlap. A hint: a shard that somebody holds is left out.
    pub fn fetch<const COUNT: usize>(&self, subscribers: [Option<SubscriberId>; COUNT]) {
        let held = subscribers.map(|subscriber| {
            let owner = Owner::subscriber(subscriber?);
            Some((owner, self.shards[shard_of(owner.hash())].try_lock()?))
        });
        let held = || held.iter().flatten();
        let heard = held().filter_map(|(owner, shard)| {
            let newest = shard.of_owner(*owner).next()?;
            shard.get(newest).map(|session| session.heard)
        });
        black_box(heard.fold(0, |seen, heard| seen ^ heard));
        let expires = held().filter_map(|(owner, shard)| shard.reservations(*owner, 0).next());
        black_box(expires.fold(0, |seen, reservation| seen ^ reservation.expires));
    }

    /// Gives a place back whose Accept was not sent after all.
    pub fn release(&self, subscriber: SubscriberId, session: SessionId) {
        let owner = Owner::subscriber(subscriber);
        self.shards[shard_of(owner.hash())].lock().release(owner, |held| held.session == session);
    }
}

/// How many devices other than `device` there are, counted no further than `limit`.
fn count_others(devices: impl Iterator<Item = Device>, device: &Device, limit: u16) -> usize {
    // Most have no other device: the table is made when the first one shows.
    let mut distinct = None;
    let mut count = 0;
    for other in devices.filter(|other| !other.is_same(device)) {
        let distinct = distinct.get_or_insert([const { None }; DEVICES]);
        if distinct.iter().flatten().any(|known: &Device| known.is_same(&other)) {
            continue;
        }
        if let Some(place) = distinct.get_mut(count) {
            *place = Some(other);
        }
        count += 1;
        if count >= usize::from(limit) {
            break;
        }
    }
    count
}
