//! A subscriber packed into one heap allocation, and the handle that shares it.
//!
//! A million of them must fit into a small machine, and a look-up may touch few cold cache lines; so what every
//! subscriber has stands in a header, and what only some have follows the user name as tagged items:
//!
//! ```text
//!  header (56) | user name | tag (1) length (2, BE) value | tag … | zero octets up to the size class
//! ```
//!
//! The tail holds the password and is wiped when the last handle is dropped.

use std::{fmt, sync::Arc};

use base::{PlanId, SubscriberId, TenantId};
use zeroize::Zeroize;

use super::{
    entry::{MacLock, OverlayReasons, Password, ServiceType, Standing, Subscriber},
    view::SubscriberView,
};

/// Longest user name: what fits into one attribute (RFC 2865 §5.1).
pub const MAX_USERNAME_OCTETS: usize = 253;

/// Most octets behind a record's header. A reply holds 4,096 in all (RFC 2865 §3), so that twice as much is ample.
pub const MAX_TAIL_OCTETS: usize = 8_192;

/// What stands at the start of an item of the tail. The numbers are part of the snapshot's format.
pub(super) mod tag {
    /// Nothing more follows.
    pub(in crate::directory) const END: u8 = 0;
    /// The clear-text password; without one the hardware address is all there is.
    pub(in crate::directory) const PASSWORD: u8 = 1;
    /// No octets: the first hardware address is to be learnt.
    pub(in crate::directory) const MAC_LEARN: u8 = 2;
    /// Six octets for each locked hardware address.
    pub(in crate::directory) const MAC_LOCK: u8 = 3;
    /// The id of the only router.
    pub(in crate::directory) const ROUTER: u8 = 4;
    /// The static IPv4 address.
    pub(in crate::directory) const ADDRESS: u8 = 5;
    /// Framed-IPv6-Prefix: the address, then its length in bits.
    pub(in crate::directory) const PREFIX: u8 = 6;
    /// Delegated-IPv6-Prefix, alike.
    pub(in crate::directory) const DELEGATED_PREFIX: u8 = 7;
    /// One Framed-Route; may repeat.
    pub(in crate::directory) const ROUTE: u8 = 8;
    /// Sessions at once, big-endian.
    pub(in crate::directory) const SIMULTANEOUS: u8 = 9;
    /// Composed attributes.
    pub(in crate::directory) const ATTRIBUTES: u8 = 10;
    /// Milliseconds since the epoch, big-endian.
    pub(in crate::directory) const EXPIRES_AT: u8 = 11;
}

/// A subscriber cannot be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The user name is empty or longer than [`MAX_USERNAME_OCTETS`].
    #[error("subscriber {0}: a user name has 1 to {MAX_USERNAME_OCTETS} octets")]
    Username(SubscriberId),
    /// User name, password, routes and attributes are longer than [`MAX_TAIL_OCTETS`].
    #[error("subscriber {0}: its name, password, routes and attributes exceed {MAX_TAIL_OCTETS} octets")]
    TooLong(SubscriberId),
}

/// What every subscriber has. Ordered and typed to leave no padding before the tail.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) id: SubscriberId,
    pub(super) tenant: TenantId,
    pub(super) plan: PlanId,
    pub(super) overlay_generation: u32,
    pub(super) overlay: OverlayReasons,
    pub(super) standing: Standing,
    pub(super) service: ServiceType,
    pub(super) username_octets: u8,
}

/// Header and tail in one allocation; a sized tail becomes a slice once it is behind an `Arc`.
pub(super) struct Record<T: Zeroize + ?Sized> {
    pub(super) header: Header,
    pub(super) tail: T,
}

impl<T: Zeroize + ?Sized> Drop for Record<T> {
    fn drop(&mut self) {
        self.tail.zeroize();
    }
}

/// A shared subscriber: cloned by counting, and unchanging. A change of the subscriber is another record.
#[derive(Clone)]
pub struct SubscriberHandle(Arc<Record<[u8]>>);

impl SubscriberHandle {
    /// Packs `subscriber`.
    ///
    /// # Errors
    /// When its user name or the whole is too long.
    pub fn pack(subscriber: &Subscriber) -> Result<Self, PackError> {
        let username_octets = match u8::try_from(subscriber.username.len()) {
            Ok(octets) if (1..=MAX_USERNAME_OCTETS).contains(&usize::from(octets)) => octets,
            _ => return Err(PackError::Username(subscriber.id)),
        };
        let header = Header {
            id: subscriber.id,
            tenant: subscriber.tenant,
            plan: subscriber.plan,
            overlay_generation: subscriber.overlay_generation,
            overlay: subscriber.overlay,
            standing: subscriber.standing,
            service: subscriber.service,
            username_octets,
        };
        let mut length = 0;
        compose_tail(subscriber, |part| length += part.len());
        Self::filled(header, length, |tail| {
            let mut at = 0;
            compose_tail(subscriber, |part| {
                if let Some(place) = tail.get_mut(at..at + part.len()) {
                    place.copy_from_slice(part);
                }
                at += part.len();
            });
        })
        .ok_or(PackError::TooLong(subscriber.id))
    }

    /// From a header and a tail that [`super::view::check_tail`] has approved. `None` when it is too long.
    pub(super) fn from_parts(header: Header, tail: &[u8]) -> Option<Self> {
        Self::filled(header, tail.len(), |place| place.copy_from_slice(tail))
    }

    /// Allocates a tail of at least `length` zero octets and lets `fill` write the first `length` of them.
    fn filled(header: Header, length: usize, fill: impl FnOnce(&mut [u8])) -> Option<Self> {
        let mut record = allocate(header, length)?;
        // Nobody else can have a handle yet, so both are always there.
        fill(Arc::get_mut(&mut record)?.tail.get_mut(..length)?);
        Some(Self(record))
    }

    /// Reads it.
    #[must_use]
    pub fn view(&self) -> SubscriberView<'_> {
        SubscriberView::new(&self.0)
    }

    /// The allocation itself, to tell two handles apart.
    pub(super) const fn shared(&self) -> &Arc<Record<[u8]>> {
        &self.0
    }

    /// Its id; also reads what stands last, so that all of a usual record is in the processor's cache.
    pub(super) fn fetch(&self) -> SubscriberId {
        std::hint::black_box(self.0.tail.last());
        self.0.header.id
    }

    /// Whether this is the subscriber that `tenant` knows as `username`.
    pub(super) fn is(&self, tenant: TenantId, username: &[u8]) -> bool {
        self.0.header.tenant == tenant
            && self.0.tail.get(..usize::from(self.0.header.username_octets)) == Some(username)
    }
}

impl fmt::Debug for SubscriberHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.view(), f)
    }
}

/// Hands the parts of the tail of `subscriber` to `put`, one after the other.
fn compose_tail(subscriber: &Subscriber, mut put: impl FnMut(&[u8])) {
    put(&subscriber.username);
    let mut item = |tag: u8, parts: &[&[u8]]| {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        // A longer one makes the whole too long, and the record is never allocated.
        let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        put(&[tag, high, low]);
        parts.iter().for_each(|part| put(part));
    };
    if let Password::Clear(password) = &subscriber.password {
        item(tag::PASSWORD, &[password.expose()]);
    }
    match &subscriber.mac_lock {
        MacLock::Off => {}
        MacLock::Learn => item(tag::MAC_LEARN, &[]),
        MacLock::To(addresses) => {
            let octets: Vec<u8> = addresses.iter().flat_map(|address| address.octets()).collect();
            item(tag::MAC_LOCK, &[&octets]);
        }
    }
    if let Some(expires_at) = subscriber.expires_at {
        item(tag::EXPIRES_AT, &[&expires_at.as_millis().to_be_bytes()]);
    }
    if let Some(router) = subscriber.router {
        item(tag::ROUTER, &[router.as_bytes()]);
    }
    if let Some(address) = subscriber.static_address {
        item(tag::ADDRESS, &[&address.octets()]);
    }
    if let Some((address, bits)) = subscriber.ipv6_prefix {
        item(tag::PREFIX, &[&address.octets(), &[bits]]);
    }
    if let Some((address, bits)) = subscriber.delegated_ipv6_prefix {
        item(tag::DELEGATED_PREFIX, &[&address.octets(), &[bits]]);
    }
    for route in &subscriber.routes {
        item(tag::ROUTE, &[route.as_bytes()]);
    }
    if let Some(sessions) = subscriber.simultaneous {
        item(tag::SIMULTANEOUS, &[&sessions.to_be_bytes()]);
    }
    if !subscriber.attributes.is_empty() {
        item(tag::ATTRIBUTES, &[&subscriber.attributes]);
    }
}

/// Allocates by size class: only an array can be made behind an `Arc` together with its header, and the classes step
/// by what the usual allocators round to anyway.
fn allocate(header: Header, length: usize) -> Option<Arc<Record<[u8]>>> {
    macro_rules! classes {
        ($($octets:literal)*) => {
            match length {
                $(length if length <= $octets => Some(Arc::new(Record { header, tail: [0; $octets] })),)*
                _ => None,
            }
        };
    }
    classes! {
        16 32 48 64 80 96 112 128 144 160 176 192 208 224 240 256 288 320 384 448 512 640 768 1024 1536 2048 4096 8192
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;
    use crate::directory::testing;

    /// Notes that it was wiped.
    struct Witness(Rc<Cell<bool>>);

    impl Zeroize for Witness {
        fn zeroize(&mut self) {
            self.0.set(true);
        }
    }

    #[test]
    fn the_tail_is_wiped_with_the_last_handle() {
        let wiped = Rc::new(Cell::new(false));
        let handle = SubscriberHandle::pack(&testing::subscriber(1, "a")).unwrap();
        let record = Rc::new(Record { header: handle.0.header, tail: Witness(Rc::clone(&wiped)) });
        let second = Rc::clone(&record);
        drop(record);
        assert!(!wiped.get());
        drop(second);
        assert!(wiped.get());
    }

    #[test]
    fn a_record_is_compact() {
        assert_eq!(size_of::<Header>(), 56);
        let mut subscriber = testing::subscriber(1, "12345678901234567890");
        subscriber.password = Password::Clear(base::SecretBytes::new(b"123456789012".to_vec()));
        let handle = SubscriberHandle::pack(&subscriber).unwrap();
        // With the two counters of an `Arc` and the allocator's word this fills 128 octets.
        assert_eq!(size_of_val(&*handle.0), 104);
    }

    #[test]
    fn names_and_totals_have_bounds() {
        let mut subscriber = testing::subscriber(1, "a");
        let id = subscriber.id;
        for (octets, fits) in [(0, false), (1, true), (253, true), (254, false), (300, false)] {
            subscriber.username = vec![b'x'; octets].into();
            assert_eq!(SubscriberHandle::pack(&subscriber).is_ok(), fits, "{octets}");
        }
        assert_eq!(SubscriberHandle::pack(&subscriber).unwrap_err(), PackError::Username(id));
        subscriber.username = (*b"a").into();
        let room = MAX_TAIL_OCTETS - 1 - 3 - "secret".len() - 3;
        for (octets, fits) in [(room, true), (room + 1, false), (100_000, false)] {
            subscriber.attributes = vec![1; octets].into();
            let packed = SubscriberHandle::pack(&subscriber);
            assert_eq!(
                packed.as_ref().map(|packed| packed.view().attributes().len()).ok(),
                fits.then_some(octets)
            );
            if !fits {
                assert_eq!(packed.unwrap_err(), PackError::TooLong(id));
            }
        }
    }

    #[test]
    fn a_handle_prints_no_secret() {
        let handle = SubscriberHandle::pack(&testing::subscriber(1, "a")).unwrap();
        assert!(!format!("{handle:?}").contains("secret"), "{handle:?}");
    }
}
