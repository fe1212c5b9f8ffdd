//! One shard of the table: the sessions and reservations of the owners that hash to it.

use base::{MacAddress, RouterId, SessionId};
use hashbrown::HashTable;

use super::{
    event::AccountingEvent,
    identity::{Relation, relate},
    limits::RESERVATIONS_PER_SHARD,
    session::{Owner, Session},
};

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// Sessions and reservations behind one lock.
#[derive(Debug, Default)]
pub(super) struct Shard {
    slots: Slots,
    by_session: HashTable<u32>,
    /// The newest session of each owner.
    by_owner: HashTable<u32>,
    reservations: HashTable<Reservation>,
}

/// A place held for an Accept until its Start comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reservation {
    pub(super) owner: Owner,
    pub(super) session: SessionId,
    pub(super) device: Device,
    /// The limit that it was granted under.
    pub(super) limit: u16,
    /// Monotonic seconds.
    pub(super) expires: u32,
}

/// What tells two devices of a subscriber apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) mac: Option<MacAddress>,
    pub(super) router: RouterId,
    pub(super) nas_port: Option<u32>,
}

impl Device {
    /// The same hardware address, wherever; or, where one of them is unknown, the same port of the same router.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self.mac, other.mac) {
            (Some(one), Some(two)) => one == two,
            _ => self.router == other.router && self.nas_port.is_some() && self.nas_port == other.nas_port,
        }
    }
}

impl Session {
    pub(super) fn device(&self) -> Device {
        Device { mac: self.mac, router: self.router.id(), nas_port: self.nas_port }
    }
}

impl Shard {
    /// The session in a slot.
    pub(super) fn get(&self, slot: u32) -> Option<&Session> {
        self.slots.get(slot)
    }

    /// The session in a slot, to be changed.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Session> {
        self.slots.get_mut(slot)
    }

    /// How many slots there are, used or free.
    pub(super) const fn slots(&self) -> u32 {
        self.slots.used
    }

    /// The slot of a session.
    pub(super) fn find(&self, session: SessionId) -> Option<u32> {
        let is_it = |slot: &u32| self.get(*slot).is_some_and(|known| known.id == session);
        self.by_session.find(hash_session(session), is_it).copied()
    }

    /// The slots of an owner's sessions, newest first.
    pub(super) fn of_owner(&self, owner: Owner) -> impl Iterator<Item = u32> {
        let mut next = self.newest(owner);
        std::iter::from_fn(move || {
            let slot = next?;
            let session = self.get(slot)?;
            next = (session.older != NONE).then_some(session.older);
            Some(slot)
        })
    }

    /// The slot of an owner's session that `event` belongs to, by name.
    pub(super) fn find_named(&self, owner: Owner, name: u64, event: &AccountingEvent<'_>) -> Option<u32> {
        self.of_owner(owner).find(|slot| {
            self.get(*slot).is_some_and(|session| {
                session.name == name && relate(&session.known(), event) == Relation::Same
            })
        })
    }

    /// Adds a session.
    pub(super) fn insert(&mut self, mut session: Session) -> u32 {
        let owner = session.owner;
        let id = session.id;
        let older = self.newest(owner);
        session.older = older.unwrap_or(NONE);
        session.newer = NONE;
        let slot = self.slots.insert(session);
        let Self { slots, by_session, by_owner, .. } = self;
        by_session
            .insert_unique(hash_session(id), slot, |slot| hash_of(slots, *slot, |s| hash_session(s.id)));
        match older {
            Some(older) => {
                if let Some(session) = slots.get_mut(older) {
                    session.newer = slot;
                }
                if let Some(head) = by_owner.find_mut(owner.hash(), |head| *head == older) {
                    *head = slot;
                }
            }
            None => {
                by_owner.insert_unique(owner.hash(), slot, |slot| hash_of(slots, *slot, |s| s.owner.hash()));
            }
        }
        slot
    }

    /// Takes a session out.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Session> {
        let session = self.slots.remove(slot)?;
        if let Ok(entry) = self.by_session.find_entry(hash_session(session.id), |known| *known == slot) {
            entry.remove();
        }
        if let Some(newer) = self.get_mut(session.newer) {
            newer.older = session.older;
        } else if let Ok(entry) = self.by_owner.find_entry(session.owner.hash(), |head| *head == slot) {
            // The newest of its owner: the next one heads the list.
            if session.older == NONE {
                entry.remove();
            } else {
                *entry.into_mut() = session.older;
            }
        }
        if let Some(older) = self.get_mut(session.older) {
            older.newer = session.newer;
        }
        Some(session)
    }

    /// The reservations of an owner that still hold at `now`.
    pub(super) fn reservations(&self, owner: Owner, now: u32) -> impl Iterator<Item = &Reservation> {
        self.reservations
            .iter_hash(owner.hash())
            .filter(move |reservation| reservation.owner == owner && reservation.expires > now)
    }

    /// Adds a reservation in place of those of the same device; false when there is no room.
    pub(super) fn reserve(&mut self, now: u32, reservation: Reservation) -> bool {
        let hash = reservation.owner.hash();
        let is_its = |known: &Reservation| {
            known.owner == reservation.owner && known.device.is_same(&reservation.device)
        };
        match self.reservations.iter_hash(hash).filter(|known| is_its(known)).count() {
            0 => {}
            // The usual case of a device that asks again: nothing moves in the table.
            1 => {
                if let Some(known) = self.reservations.find_mut(hash, is_its) {
                    *known = reservation;
                    return true;
                }
            }
            _ => {
                self.release(reservation.owner, is_its);
            }
        }
        if self.reservations.len() >= RESERVATIONS_PER_SHARD {
            self.expire_reservations(now);
        }
        let room = self.reservations.len() < RESERVATIONS_PER_SHARD;
        if room {
            self.reservations.insert_unique(hash, reservation, |known| known.owner.hash());
        }
        room
    }

    /// Removes the reservations of an owner that `is_it` knows; the last removed one comes back.
    pub(super) fn release(
        &mut self,
        owner: Owner,
        is_it: impl Fn(&Reservation) -> bool,
    ) -> Option<Reservation> {
        let mut released = None;
        while let Ok(entry) =
            self.reservations.find_entry(owner.hash(), |known| known.owner == owner && is_it(known))
        {
            released = Some(entry.remove().0);
        }
        released
    }

    /// Removes the reservations whose time is over.
    pub(super) fn expire_reservations(&mut self, now: u32) {
        self.reservations.retain(|reservation| reservation.expires > now);
    }

    fn newest(&self, owner: Owner) -> Option<u32> {
        let is_it = |slot: &u32| self.get(*slot).is_some_and(|session| session.owner == owner);
        self.by_owner.find(owner.hash(), is_it).copied()
    }
}

/// A hash of a session's id: its random octets.
fn hash_session(session: SessionId) -> u64 {
    Owner { key: *session.as_bytes(), is_subscriber: true }.hash()
}

fn hash_of(slots: &Slots, slot: u32, hash: impl Fn(&Session) -> u64) -> u64 {
    slots.get(slot).map_or(0, hash)
}

/// Sessions in chunks that never move: a growing vector would copy them, and leave holes of every size in the heap.
#[derive(Debug, Default)]
struct Slots {
    chunks: Vec<Box<[Option<Session>; CHUNK]>>,
    free: Vec<u32>,
    /// Slots that were ever used; those behind them are empty.
    used: u32,
}

/// Sessions of a chunk: some 6 kB. A quarter of a million sessions fill the first of each shard.
const CHUNK: usize = 32;

impl Slots {
    fn get(&self, slot: u32) -> Option<&Session> {
        let (chunk, place) = position(slot);
        self.chunks.get(chunk)?.get(place)?.as_ref()
    }

    fn get_mut(&mut self, slot: u32) -> Option<&mut Session> {
        self.place(slot)?.as_mut()
    }

    fn insert(&mut self, session: Session) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = self.used;
            self.used += 1;
            if position(slot).0 == self.chunks.len() {
                self.chunks.push(Box::new([const { None }; CHUNK]));
            }
            slot
        });
        if let Some(place) = self.place(slot) {
            *place = Some(session);
        }
        slot
    }

    fn remove(&mut self, slot: u32) -> Option<Session> {
        let session = self.place(slot)?.take()?;
        self.free.push(slot);
        Some(session)
    }

    fn place(&mut self, slot: u32) -> Option<&mut Option<Session>> {
        let (chunk, place) = position(slot);
        self.chunks.get_mut(chunk)?.get_mut(place)
    }
}

/// The chunk of a slot, and its place there. Every platform that this runs on has at least 32 bits.
const fn position(slot: u32) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}
