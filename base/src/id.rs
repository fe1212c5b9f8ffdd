//! Identifiers: one type for each kind of thing, each a version 7 UUID, so that they sort by creation: by the millisecond, and
//! within one by the order in which this process made them.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use crate::Timestamp;

/// Declares an id type over a version 7 UUID.
macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        #[serde(transparent)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A fresh id made at `now`, behind all that this process made with the same `now`; the rest is random.
            #[must_use]
            pub fn generate(now: Timestamp) -> Self {
                Self(fresh(now))
            }

            /// An id read from elsewhere.
            #[must_use]
            pub const fn from_uuid(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// An id read from its 16 octets.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(uuid::Uuid::from_bytes(bytes))
            }

            /// The UUID itself.
            #[must_use]
            pub const fn as_uuid(self) -> uuid::Uuid {
                self.0
            }

            /// The 16 octets.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        crate::openapi::describe!($name: String, Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.parse().map(Self).map_err(|_| ParseIdError)
            }
        }
    )*};
}

id! {
    /// An internet service provider on this platform.
    TenantId;
    /// A router that asks RADIUS (a NAS).
    RouterId;
    /// A service profile that subscribers buy.
    PlanId;
    /// A person or company that pays; may hold several subscribers.
    CustomerId;
    /// One service with its own login on the network.
    SubscriberId;
    /// One time that a subscriber was online.
    SessionId;
    /// An invoice to a customer.
    EnduserInvoiceId;
    /// A time that a node of the map is out of order.
    OutageId;
    /// Somebody who works for a provider.
    EmployeeId;
    /// A technician's note of work at a node.
    TechnicianActivityId;
    /// A person who signs in to the panel.
    UserId;
    /// A role of a tenant's own making.
    RoleId;
    /// A signed-in browser.
    LoginSessionId;
    /// A program's bearer token.
    ApiTokenId;
    /// One database; journals and snapshots name the database that they belong to.
    DatabaseId;
    /// One journal folder.
    JournalId;
    /// What the platform sells to providers: a tenant's own plan.
    SaasPlanId;
    /// An add-on of the platform's catalogue.
    AddonId;
    /// An add-on that a tenant asked for or has.
    TenantAddonId;
    /// One line that a tenant owes the platform, before it stands on an invoice.
    SaasChargeId;
    /// An invoice of the platform to a tenant.
    SaasInvoiceId;
}

impl TenantId {
    /// The platform itself: the stream of what belongs to no tenant.
    pub const PLATFORM: Self = Self(uuid::Uuid::nil());
}

/// The text is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: a UUID such as 0192d3b0-0000-7000-8000-000000000000 is needed")]
pub struct ParseIdError;

fn fresh(now: Timestamp) -> uuid::Uuid {
    let number = MADE.fetch_add(1, Ordering::Relaxed) & COUNTER_MASK;
    let mut octets = [0; 10];
    // RFC 9562 §6.2, method 1: the counter in the 12 bits of rand_a and the first 30 of rand_b, whose upper two are the variant.
    octets[..2].copy_from_slice(&(number >> 30).to_be_bytes()[6..]);
    octets[2..6].copy_from_slice(&(number & 0x3fff_ffff).to_be_bytes()[4..]);
    fill(&mut octets[6..]);
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &octets).into_uuid()
}

/// How many ids this process has made, from a random number on. A transaction makes all its ids with one `now`, while others
/// make theirs with another: only a counter that never starts anew keeps each of them in order. The start leaves room for 10¹²
/// ids before the counter is full.
static MADE: LazyLock<AtomicU64> = LazyLock::new(|| {
    let mut start = [0; 8];
    fill(&mut start[3..]);
    AtomicU64::new(u64::from_be_bytes(start))
});

/// The counter has 42 bits.
const COUNTER_MASK: u64 = (1 << 42) - 1;

fn fill(octets: &mut [u8]) {
    // Without randomness no secret could be made either: the daemon refuses to start long before this.
    getrandom::fill(octets).expect("the operating system gives randomness");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_creation_and_differ() {
        let first = TenantId::generate(Timestamp::from_millis(1_000));
        let second = TenantId::generate(Timestamp::from_millis(1_001));
        assert!(first < second);
        assert_ne!(second, TenantId::generate(Timestamp::from_millis(1_001)));
        assert_eq!(second.as_uuid().get_version_num(), 7);
        assert_eq!(second.as_uuid().get_variant(), uuid::Variant::RFC4122);
        let (seconds, nanos) = second.as_uuid().get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1, 1_000_000));
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!("router-1".parse::<RouterId>(), Err(ParseIdError));
    }

    #[test]
    fn ids_of_one_moment_sort_by_creation_whatever_others_make_meanwhile() {
        let makers: Vec<_> = (0..4)
            .map(|maker| {
                std::thread::spawn(move || {
                    let now = Timestamp::from_millis(1_000 + maker % 2);
                    (0..1_000).map(|_| RouterId::generate(now)).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut all = std::collections::HashSet::new();
        for maker in makers {
            let made = maker.join().unwrap();
            assert!(made.is_sorted());
            all.extend(made);
        }
        assert_eq!(all.len(), 4_000);
    }
}
