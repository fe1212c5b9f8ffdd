//! What people may say of a subscriber, and what of it is accepted.

use std::net::Ipv4Addr;

use aaa::directory::entry;
use base::{MacAddress, PlanId, RouterId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    super::values::{AttributeText, Invalid, Ipv6Prefix, invalid::ensure, text},
    canonical_username,
};

/// Hardware addresses of one subscriber.
const MAX_MACS: usize = 8;
/// Framed-Route attributes of one subscriber.
const MAX_ROUTES: usize = 8;

base::text_enum! {
    /// On which kind of service may a subscriber log in?
    pub enum ServiceType {
        /// PPPoE and the other PPP services.
        Ppp = "ppp",
        /// Hotspot.
        Hotspot = "hotspot",
        /// Both.
        Any = "any",
    }
}

base::text_enum! {
    /// May the subscriber log in?
    pub enum Status {
        /// Yes.
        Active = "active",
        /// Not for now.
        Suspended = "suspended",
        /// No: the service is over.
        Ended = "ended",
    }
}

base::text_enum! {
    /// From which hardware may the subscriber log in?
    pub enum MacLock {
        /// From any.
        Off = "off",
        /// From any, once: the first is learnt, and the lock closes.
        Learn = "learn",
        /// From the listed addresses alone.
        Locked = "locked",
    }
}

/// What people may change of a subscriber.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubscriberSpec {
    /// Under what it logs in, unique in the tenant.
    pub username: String,
    /// What it has bought.
    #[serde(rename = "planId")]
    pub plan: PlanId,
    /// On which service it may log in.
    #[serde(default = "any_service")]
    pub service: ServiceType,
    /// Until when.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// From which hardware.
    #[serde(default = "no_lock")]
    pub mac_lock: MacLock,
    /// The addresses of a closed lock.
    #[serde(default)]
    pub macs: Vec<MacAddress>,
    /// On which router alone.
    #[serde(default, rename = "routerId")]
    pub router: Option<RouterId>,
    /// Framed-IP-Address, unique in the tenant.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub static_address: Option<Ipv4Addr>,
    /// Framed-IPv6-Prefix.
    #[serde(default)]
    pub ipv6_prefix: Option<Ipv6Prefix>,
    /// Delegated-IPv6-Prefix.
    #[serde(default)]
    pub delegated_ipv6_prefix: Option<Ipv6Prefix>,
    /// Framed-Route: `prefix [gateway [metric…]]` (RFC 2865 §5.22).
    #[serde(default)]
    pub routes: Vec<String>,
    /// In place of the plan's number of sessions at once; 0: as many as it likes.
    #[serde(default)]
    pub simultaneous: Option<u16>,
    /// Further attributes of the reply, in place of the plan's of the same type.
    #[serde(default)]
    pub attributes: Vec<AttributeText>,
}

const fn any_service() -> ServiceType {
    ServiceType::Any
}

const fn no_lock() -> MacLock {
    MacLock::Off
}

impl SubscriberSpec {
    /// A subscriber with everything as its plan has it.
    #[must_use]
    pub fn new(username: impl Into<String>, plan: PlanId) -> Self {
        Self {
            username: username.into(),
            plan,
            service: ServiceType::Any,
            expires_at: None,
            mac_lock: MacLock::Off,
            macs: Vec::new(),
            router: None,
            static_address: None,
            ipv6_prefix: None,
            delegated_ipv6_prefix: None,
            routes: Vec::new(),
            simultaneous: None,
            attributes: Vec::new(),
        }
    }

    /// Brings it into its stored form.
    ///
    /// # Errors
    /// The first value that cannot be accepted.
    pub fn validated(self) -> Result<Self, Invalid> {
        let mut macs = self.macs;
        macs.sort_unstable();
        macs.dedup();
        ensure(macs.len() <= MAX_MACS, "macs", "has more than 8 entries")?;
        ensure(
            (self.mac_lock == MacLock::Locked) != macs.is_empty(),
            "macs",
            "must be given for a closed lock, and for that alone",
        )?;
        if let Some(address) = self.static_address {
            // RouterOS takes these for "use the pool".
            ensure(
                !address.is_unspecified() && !address.is_loopback() && address.octets()[0] < 224,
                "staticAddress",
                "is no address of a subscriber",
            )?;
        }
        let sound = |prefix: Option<Ipv6Prefix>| prefix.is_none_or(|prefix| prefix.length() > 0);
        ensure(sound(self.ipv6_prefix), "ipv6Prefix", "must not be the whole internet")?;
        ensure(sound(self.delegated_ipv6_prefix), "delegatedIpv6Prefix", "must not be the whole internet")?;
        ensure(self.routes.len() <= MAX_ROUTES, "routes", "has more than 8 entries")?;
        let routes = self.routes.iter().map(|text| route(text)).collect::<Result<_, _>>()?;
        Ok(Self { username: canonical_username(&self.username)?, macs, routes, ..self })
    }
}

/// `prefix[/length] [gateway [metric…]]`, with single spaces.
fn route(text: &str) -> Result<String, Invalid> {
    let refused = || Invalid::new("routes", "has one that is not like \"192.168.50.0/24 10.0.0.1 1\"");
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (prefix, rest) = words.split_first().ok_or_else(refused)?;
    let (address, length) = prefix.split_once('/').unwrap_or((prefix, "32"));
    let bits = u32::from(address.parse::<Ipv4Addr>().map_err(|_| refused())?);
    let length: u32 = length.parse().ok().filter(|length| *length <= 32).ok_or_else(refused)?;
    if bits & u32::MAX.checked_shr(length).unwrap_or(0) != 0 {
        return Err(Invalid::new("routes", "has one with bits behind its length"));
    }
    if let Some((gateway, metrics)) = rest.split_first() {
        gateway.parse::<Ipv4Addr>().map_err(|_| refused())?;
        if metrics.len() > 5 || !metrics.iter().all(|metric| metric.parse::<u8>().is_ok()) {
            return Err(refused());
        }
    }
    let route = words.join(" ");
    if route.len() > text::MAX_ATTRIBUTE { Err(refused()) } else { Ok(route) }
}

impl From<ServiceType> for entry::ServiceType {
    fn from(service: ServiceType) -> Self {
        match service {
            ServiceType::Ppp => Self::Ppp,
            ServiceType::Hotspot => Self::Hotspot,
            ServiceType::Any => Self::Any,
        }
    }
}

impl From<Status> for entry::Standing {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Suspended => Self::Suspended,
            Status::Ended => Self::Ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> SubscriberSpec {
        SubscriberSpec::new("budi", PlanId::generate(Timestamp::EPOCH))
    }

    #[test]
    fn a_lock_and_its_addresses_belong_together() {
        let mac: MacAddress = "AA:BB:CC:DD:EE:FF".parse().unwrap();
        let locked = SubscriberSpec { mac_lock: MacLock::Locked, macs: vec![mac, mac], ..spec() };
        assert_eq!(locked.validated().unwrap().macs, [mac]);
        for broken in [
            SubscriberSpec { mac_lock: MacLock::Locked, ..spec() },
            SubscriberSpec { mac_lock: MacLock::Learn, macs: vec![mac], ..spec() },
            SubscriberSpec { macs: vec![mac], ..spec() },
        ] {
            assert_eq!(broken.validated().unwrap_err().field, "macs");
        }
    }

    #[test]
    fn addresses_that_mean_the_pool_are_refused() {
        for text in ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.254", "255.255.255.255"] {
            let broken = SubscriberSpec { static_address: Some(text.parse().unwrap()), ..spec() };
            assert_eq!(broken.validated().unwrap_err().field, "staticAddress", "{text}");
        }
        assert!(
            SubscriberSpec { static_address: Some("10.0.0.5".parse().unwrap()), ..spec() }
                .validated()
                .is_ok()
        );
    }

    #[test]
    fn routes_have_the_form_of_the_rfc() {
        // RFC 2865 §5.22
        for (text, stored) in [
            ("192.168.1.0/24 192.168.1.1 1", "192.168.1.0/24 192.168.1.1 1"),
            ("192.168.1.0/24  192.168.1.1 1 2 -", ""),
            ("10.1.2.3", "10.1.2.3"),
            (" 10.0.0.0/8   0.0.0.0 ", "10.0.0.0/8 0.0.0.0"),
            ("192.168.1.1/24", ""),
            ("0.0.0.0/0 10.0.0.1", "0.0.0.0/0 10.0.0.1"),
            ("home 10.0.0.1", ""),
            ("", ""),
        ] {
            match route(text) {
                Ok(route) => assert_eq!(route, stored, "{text}"),
                Err(_) => assert_eq!(stored, "", "{text}"),
            }
        }
    }
}
