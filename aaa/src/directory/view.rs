//! Reading a packed subscriber.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use base::{MacAddress, PlanId, RouterId, SecretBytes, SubscriberId, TenantId, Timestamp};

use super::{
    entry::{MacLock, OverlayReasons, Password, ServiceType, Standing, Subscriber},
    record::{Record, tag},
};

/// A borrowed subscriber. What each accessor means stands at the field of [`Subscriber`] with its name.
#[derive(Clone, Copy)]
pub struct SubscriberView<'a>(&'a Record<[u8]>);

/// How the password is checked, borrowed; see [`Password`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PasswordView<'a> {
    /// Against this clear text.
    Clear(&'a [u8]),
    /// The hardware address is all there is.
    HardwareAddress,
}

/// Which hardware addresses may log in, borrowed; see [`MacLock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacLockView<'a> {
    /// Any.
    Off,
    /// The first that does is to be locked.
    Learn,
    /// These alone.
    To(&'a [[u8; 6]]),
}

impl MacLockView<'_> {
    /// Whether a request from `address` may pass; `None` is a request that names none. One that is still to be learnt
    /// passes: the caller records it.
    #[must_use]
    pub fn allows(self, address: Option<MacAddress>) -> bool {
        match self {
            Self::Off | Self::Learn => true,
            Self::To(locked) => address.is_some_and(|address| locked.contains(&address.octets())),
        }
    }
}

impl<'a> SubscriberView<'a> {
    pub(super) const fn new(record: &'a Record<[u8]>) -> Self {
        Self(record)
    }

    /// Its id.
    #[must_use]
    pub const fn id(self) -> SubscriberId {
        self.0.header.id
    }

    /// Its tenant.
    #[must_use]
    pub const fn tenant(self) -> TenantId {
        self.0.header.tenant
    }

    /// Its plan.
    #[must_use]
    pub const fn plan(self) -> PlanId {
        self.0.header.plan
    }

    /// Its user name.
    #[must_use]
    pub fn username(self) -> &'a [u8] {
        self.0.tail.get(..usize::from(self.0.header.username_octets)).unwrap_or_default()
    }

    /// How its password is checked.
    #[must_use]
    pub fn password(self) -> PasswordView<'a> {
        self.item(tag::PASSWORD).map_or(PasswordView::HardwareAddress, PasswordView::Clear)
    }

    /// May it log in?
    #[must_use]
    pub const fn standing(self) -> Standing {
        self.0.header.standing
    }

    /// Until when.
    #[must_use]
    pub fn expires_at(self) -> Option<Timestamp> {
        self.array(tag::EXPIRES_AT).map(i64::from_be_bytes).map(Timestamp::from_millis)
    }

    /// Why it is isolated.
    #[must_use]
    pub const fn overlay(self) -> OverlayReasons {
        self.0.header.overlay
    }

    /// How often its overlay has changed.
    #[must_use]
    pub const fn overlay_generation(self) -> u32 {
        self.0.header.overlay_generation
    }

    /// On which service it may log in.
    #[must_use]
    pub const fn service(self) -> ServiceType {
        self.0.header.service
    }

    /// From which hardware.
    #[must_use]
    pub fn mac_lock(self) -> MacLockView<'a> {
        for (tag, value) in self.items() {
            match tag {
                tag::MAC_LEARN => return MacLockView::Learn,
                tag::MAC_LOCK => return MacLockView::To(value.as_chunks().0),
                _ => {}
            }
        }
        MacLockView::Off
    }

    /// On which router alone.
    #[must_use]
    pub fn router(self) -> Option<RouterId> {
        self.array(tag::ROUTER).map(RouterId::from_bytes)
    }

    /// Framed-IP-Address.
    #[must_use]
    pub fn static_address(self) -> Option<Ipv4Addr> {
        self.array::<4>(tag::ADDRESS).map(Ipv4Addr::from)
    }

    /// Framed-IPv6-Prefix and its length in bits.
    #[must_use]
    pub fn ipv6_prefix(self) -> Option<(Ipv6Addr, u8)> {
        self.prefix(tag::PREFIX)
    }

    /// Delegated-IPv6-Prefix and its length in bits.
    #[must_use]
    pub fn delegated_ipv6_prefix(self) -> Option<(Ipv6Addr, u8)> {
        self.prefix(tag::DELEGATED_PREFIX)
    }

    /// Framed-Route values.
    pub fn routes(self) -> impl Iterator<Item = &'a str> {
        self.items()
            .filter(|(tag, _)| *tag == tag::ROUTE)
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// How many sessions at once, in place of the plan's limit.
    #[must_use]
    pub fn simultaneous(self) -> Option<u16> {
        self.array(tag::SIMULTANEOUS).map(u16::from_be_bytes)
    }

    /// Further attributes, composed.
    #[must_use]
    pub fn attributes(self) -> &'a [u8] {
        self.item(tag::ATTRIBUTES).unwrap_or_default()
    }

    /// All of it in the form in which the feeder hands it over.
    #[must_use]
    pub fn unpack(self) -> Subscriber {
        Subscriber {
            id: self.id(),
            tenant: self.tenant(),
            plan: self.plan(),
            username: self.username().into(),
            password: match self.password() {
                PasswordView::Clear(octets) => Password::Clear(SecretBytes::new(octets.to_vec())),
                PasswordView::HardwareAddress => Password::HardwareAddress,
            },
            standing: self.standing(),
            expires_at: self.expires_at(),
            overlay: self.overlay(),
            overlay_generation: self.overlay_generation(),
            service: self.service(),
            mac_lock: match self.mac_lock() {
                MacLockView::Off => MacLock::Off,
                MacLockView::Learn => MacLock::Learn,
                MacLockView::To(locked) => {
                    MacLock::To(locked.iter().copied().map(MacAddress::from_octets).collect())
                }
            },
            router: self.router(),
            static_address: self.static_address(),
            ipv6_prefix: self.ipv6_prefix(),
            delegated_ipv6_prefix: self.delegated_ipv6_prefix(),
            routes: self.routes().map(Box::from).collect(),
            simultaneous: self.simultaneous(),
            attributes: self.attributes().into(),
        }
    }

    /// Its tail without the zero octets that fill the size class.
    pub(super) fn used_tail(self) -> &'a [u8] {
        let mut items = self.items();
        items.by_ref().for_each(drop);
        let used = self.0.tail.len() - items.rest.len();
        self.0.tail.get(..used).unwrap_or_default()
    }

    pub(super) const fn record(self) -> &'a Record<[u8]> {
        self.0
    }

    fn items(self) -> Items<'a> {
        let rest = self.0.tail.get(usize::from(self.0.header.username_octets)..).unwrap_or_default();
        Items { rest }
    }

    fn item(self, wanted: u8) -> Option<&'a [u8]> {
        self.items().find(|(tag, _)| *tag == wanted).map(|(_, value)| value)
    }

    fn array<const N: usize>(self, wanted: u8) -> Option<[u8; N]> {
        self.item(wanted)?.try_into().ok()
    }

    fn prefix(self, wanted: u8) -> Option<(Ipv6Addr, u8)> {
        let octets = self.array::<17>(wanted)?;
        let (address, &[bits]) = octets.split_first_chunk::<16>()? else { return None };
        Some((Ipv6Addr::from(*address), bits))
    }
}

impl fmt::Debug for SubscriberView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name of a person's login is no secret, but neither does it belong into every log line.
        f.debug_tuple("Subscriber").field(&self.id()).finish()
    }
}

impl fmt::Debug for PasswordView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear(_) => "Clear(***)",
            Self::HardwareAddress => "HardwareAddress",
        })
    }
}

/// Walks the tagged items up to the end mark or to what is no whole item.
struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Items<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[tag, high, low], rest) = self.rest.split_first_chunk::<3>()?;
        if tag == tag::END {
            return None;
        }
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        self.rest = rest;
        Some((tag, value))
    }
}

/// Whether `tail` is one that packing could have written, so that every accessor finds what it expects.
pub(super) fn check_tail(username_octets: u8, tail: &[u8]) -> bool {
    let Some(rest) = tail.get(usize::from(username_octets)..) else { return false };
    let mut items = Items { rest };
    let sound = items.by_ref().all(|(tag, value)| match tag {
        tag::PASSWORD | tag::ATTRIBUTES => true,
        tag::MAC_LEARN => value.is_empty(),
        tag::MAC_LOCK => value.len() % 6 == 0,
        tag::ROUTER => value.len() == 16,
        tag::ADDRESS => value.len() == 4,
        tag::PREFIX | tag::DELEGATED_PREFIX => value.len() == 17 && value[16] <= 128,
        tag::ROUTE => std::str::from_utf8(value).is_ok(),
        tag::SIMULTANEOUS => value.len() == 2,
        tag::EXPIRES_AT => value.len() == 8,
        _ => false,
    });
    sound && username_octets > 0 && items.rest.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::directory::{record::SubscriberHandle, testing};

    proptest! {
        #[test]
        fn what_is_packed_is_read_again(subscriber in testing::any_subscriber()) {
            let handle = SubscriberHandle::pack(&subscriber).unwrap();
            prop_assert_eq!(handle.view().unpack(), subscriber);
            let tail = handle.view().used_tail();
            let header = handle.view().record().header;
            prop_assert!(check_tail(header.username_octets, tail));
            let again = SubscriberHandle::from_parts(header, tail).unwrap();
            prop_assert_eq!(again.view().unpack(), handle.view().unpack());
            // Cut anywhere it is refused, or is a whole shorter one.
            for cut in 0..tail.len() {
                if check_tail(header.username_octets, &tail[..cut]) {
                    let shorter = SubscriberHandle::from_parts(header, &tail[..cut]).unwrap();
                    prop_assert_eq!(shorter.view().used_tail(), &tail[..cut]);
                }
            }
        }

        #[test]
        fn no_octets_make_a_view_panic(length in any::<u8>(), tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut header = SubscriberHandle::pack(&testing::subscriber(1, "a")).unwrap().view().record().header;
            header.username_octets = length;
            check_tail(length, &tail);
            let handle = SubscriberHandle::from_parts(header, &tail).unwrap();
            prop_assert_eq!(handle.view().unpack().id, header.id);
        }
    }

    #[test]
    fn a_lock_lets_its_own_hardware_pass() {
        let [own, other] = [1, 2].map(|octet| MacAddress::from_octets([octet; 6]));
        let locked = [own.octets()];
        for (lock, passes) in [
            (MacLockView::Off, [true, true, true]),
            (MacLockView::Learn, [true, true, true]),
            (MacLockView::To(&locked), [true, false, false]),
            (MacLockView::To(&[]), [false, false, false]),
        ] {
            assert_eq!(
                [Some(own), Some(other), None].map(|address| lock.allows(address)),
                passes,
                "{lock:?}"
            );
        }
    }
}
