//! What people may say of a router, and what of it is accepted.

use std::{net::IpAddr, time::Duration};

use aaa::directory::entry;
use serde::{Deserialize, Serialize};

use super::super::values::{Invalid, invalid::ensure, text};

/// Source addresses of one router: more than its uplinks ever are.
const MAX_ADDRESSES: usize = 16;
/// RouterOS gives up after three times 300 ms.
const MAX_REJECT_DELAY_MS: u16 = 1_000;
/// Slow enough to spoil guessing, fast enough for the router's patience.
const DEFAULT_REJECT_DELAY_MS: u16 = 200;
/// Below it are other services, at which nobody is to aim our packets; routers listen at 3799 or 1700.
const MIN_DYNAUTH_PORT: u16 = 1_024;
/// Where RouterOS listens for CoA once told to; our script sets it.
const DEFAULT_DYNAUTH_PORT: u16 = 3_799;

base::text_enum! {
    /// Must an Access-Request of the router carry a Message-Authenticator?
    pub enum MessageAuthenticator {
        /// Yes. RouterOS sends one from 7.15 and 6.49.17 on.
        Required = "required",
        /// No: for older routers, whose requests and replies can then be forged by somebody on the way.
        Off = "off",
    }
}

base::text_enum! {
    /// Whose traffic does Acct-Input-Octets of the router count?
    pub enum OctetDirection {
        /// The subscriber's upload (RFC 2866 §5.3).
        InputIsUpload = "input_is_upload",
        /// The subscriber's download, as some versions report it.
        InputIsDownload = "input_is_download",
    }
}

base::text_enum! {
    /// How is a live session of the router changed?
    pub enum ChangeWay {
        /// By CoA, and by Disconnect when that is refused or brings no change.
        CoaThenDisconnect = "coa_then_disconnect",
        /// By Disconnect: the re-dial picks the new state up.
        Disconnect = "disconnect",
        /// Not at all: the change is in force from the next login.
        None = "none",
    }
}

/// What is wanted of a router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouterSpec {
    /// Its name, unique in the tenant.
    pub name: String,
    /// Where its packets come from. Routers behind one NAT may share an address when their secrets differ; with another
    /// tenant's when both sign (`messageAuthenticator` required) and the secret that comes later was made here.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpAddr>,
    /// Must its requests carry a Message-Authenticator?
    #[serde(default = "defaults::message_authenticator")]
    pub message_authenticator: MessageAuthenticator,
    /// How long a reject waits, 0 to 1,000 ms.
    #[serde(default = "defaults::reject_delay_ms")]
    pub reject_delay_ms: u16,
    /// Direction of its octet counters.
    #[serde(default = "defaults::octets")]
    pub octets: OctetDirection,
    /// How its live sessions are changed.
    #[serde(default = "defaults::change_way")]
    pub change_way: ChangeWay,
    /// Where it listens for CoA, when that is not where its packets come from: its address in a tunnel. Loopback only where all
    /// of its addresses are.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub dynauth_address: Option<IpAddr>,
    /// The port of the same, 1,024 to 65,535.
    #[serde(default = "defaults::dynauth_port")]
    pub dynauth_port: u16,
    /// Do CoA requests carry an Event-Timestamp (RFC 5176 §3)?
    #[serde(default)]
    pub dynauth_event_timestamp: bool,
    /// Where it stands, in words.
    #[serde(default)]
    pub location: String,
}

/// What holds while nothing else is said.
mod defaults {
    use super::{ChangeWay, MessageAuthenticator, OctetDirection};

    pub(super) const fn message_authenticator() -> MessageAuthenticator {
        MessageAuthenticator::Required
    }
    pub(super) const fn reject_delay_ms() -> u16 {
        super::DEFAULT_REJECT_DELAY_MS
    }
    pub(super) const fn octets() -> OctetDirection {
        OctetDirection::InputIsUpload
    }
    pub(super) const fn change_way() -> ChangeWay {
        ChangeWay::CoaThenDisconnect
    }
    pub(super) const fn dynauth_port() -> u16 {
        super::DEFAULT_DYNAUTH_PORT
    }
}

impl RouterSpec {
    /// A router with the usual settings.
    #[must_use]
    pub fn new(name: impl Into<String>, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self {
            name: name.into(),
            addresses: addresses.into_iter().collect(),
            message_authenticator: defaults::message_authenticator(),
            reject_delay_ms: defaults::reject_delay_ms(),
            octets: defaults::octets(),
            change_way: defaults::change_way(),
            dynauth_address: None,
            dynauth_port: defaults::dynauth_port(),
            dynauth_event_timestamp: false,
            location: String::new(),
        }
    }

    /// Brings it into its stored form: addresses sorted and without repetition, IPv4 as IPv4.
    ///
    /// # Errors
    /// The first value that cannot be accepted.
    pub fn validated(self) -> Result<Self, Invalid> {
        let mut addresses: Vec<IpAddr> = self.addresses.iter().map(IpAddr::to_canonical).collect();
        addresses.sort_unstable();
        addresses.dedup();
        ensure(!addresses.is_empty(), "addresses", "must not be empty")?;
        ensure(addresses.len() <= MAX_ADDRESSES, "addresses", "has more than 16 entries")?;
        ensure(addresses.iter().all(is_host), "addresses", "has one that no router can send from")?;
        ensure(
            self.reject_delay_ms <= MAX_REJECT_DELAY_MS,
            "rejectDelayMs",
            "must be at most 1000: the router would not wait for the answer",
        )?;
        let dynauth_address = self.dynauth_address.map(|address| address.to_canonical());
        ensure(dynauth_address.as_ref().is_none_or(is_host), "dynauthAddress", "is no address of a router")?;
        // Who asks from elsewhere does not listen on this machine: a tenant could aim our packets at its services.
        let is_here = |address: &IpAddr| address.is_loopback();
        ensure(
            addresses.iter().all(is_here) || !addresses.iter().chain(dynauth_address.as_ref()).any(is_here),
            if addresses.iter().any(is_here) { "addresses" } else { "dynauthAddress" },
            "may be loopback only for a router on this machine, with no other address",
        )?;
        ensure(self.dynauth_port >= MIN_DYNAUTH_PORT, "dynauthPort", "must be 1024 to 65535")?;
        Ok(Self {
            name: text::required("name", &self.name, text::MAX_NAME)?,
            addresses,
            dynauth_address,
            location: text::optional("location", &self.location, text::MAX_NOTE)?,
            ..self
        })
    }
}

/// Whether a router may be there. Link-local ones are neighbours of this machine (a cloud's metadata service is one), at
/// which no tenant is to aim; loopback is for routers on the machine itself.
fn is_host(address: &IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !address.is_unspecified()
        && !address.is_multicast()
        && !is_link_local
        && *address != IpAddr::from([255, 255, 255, 255])
}

impl From<MessageAuthenticator> for entry::MessageAuthenticatorPolicy {
    fn from(policy: MessageAuthenticator) -> Self {
        match policy {
            MessageAuthenticator::Required => Self::Required,
            MessageAuthenticator::Off => Self::Off,
        }
    }
}

impl From<OctetDirection> for entry::OctetDirection {
    fn from(direction: OctetDirection) -> Self {
        match direction {
            OctetDirection::InputIsUpload => Self::InputIsUpload,
            OctetDirection::InputIsDownload => Self::InputIsDownload,
        }
    }
}

impl From<ChangeWay> for entry::ChangeWay {
    fn from(way: ChangeWay) -> Self {
        match way {
            ChangeWay::CoaThenDisconnect => Self::CoaThenDisconnect,
            ChangeWay::Disconnect => Self::Disconnect,
            ChangeWay::None => Self::None,
        }
    }
}

/// The reject's delay as the directory holds it.
pub(super) fn reject_delay(spec: &RouterSpec) -> Duration {
    Duration::from_millis(spec.reject_delay_ms.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_brought_into_one_form() {
        let addresses = ["::ffff:192.0.2.1", "192.0.2.1", "2001:db8::1"].map(|text| text.parse().unwrap());
        let spec = RouterSpec::new(" Core ", addresses).validated().unwrap();
        let expected: [IpAddr; 2] = ["192.0.2.1", "2001:db8::1"].map(|text| text.parse().unwrap());
        assert_eq!((spec.name.as_str(), spec.addresses.as_slice()), ("Core", expected.as_slice()));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let good = RouterSpec::new("core", ["192.0.2.1".parse().unwrap()]);
        let refused = |spec: RouterSpec| spec.validated().unwrap_err().field;
        for address in [
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
            "169.254.169.254",
            "fe80::1",
            "febf::1",
            "::ffff:0.0.0.0",
            "::ffff:169.254.169.254",
            "::ffff:224.0.0.1",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(refused(RouterSpec::new("x", [address])), "addresses", "{address}");
            let spec = RouterSpec { dynauth_address: Some(address), ..good.clone() };
            assert_eq!(refused(spec), "dynauthAddress", "{address}");
        }
        for address in ["127.0.0.1", "::1", "10.8.0.2", "169.253.0.1", "fec0::1"] {
            let address: IpAddr = address.parse().unwrap();
            let spec = RouterSpec { dynauth_address: Some(address), ..RouterSpec::new("x", [address]) };
            assert!(spec.validated().is_ok(), "{address}");
        }
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        for here in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            let aimed = RouterSpec { dynauth_address: Some(at(here)), ..good.clone() };
            assert_eq!(refused(aimed), "dynauthAddress", "{here}");
            assert_eq!(refused(RouterSpec::new("x", [at(here), at("192.0.2.1")])), "addresses", "{here}");
        }
        let behind =
            RouterSpec { dynauth_address: Some(at("10.8.0.2")), ..RouterSpec::new("x", [at("127.0.0.1")]) };
        assert!(behind.validated().is_ok());
        assert_eq!(refused(RouterSpec::new("x", [])), "addresses");
        assert_eq!(refused(RouterSpec { reject_delay_ms: 1_001, ..good.clone() }), "rejectDelayMs");
        for port in [0, 53, 1_023] {
            assert_eq!(refused(RouterSpec { dynauth_port: port, ..good.clone() }), "dynauthPort", "{port}");
        }
        for port in [1_700, 3_799] {
            assert!(RouterSpec { dynauth_port: port, ..good.clone() }.validated().is_ok(), "{port}");
        }
        assert_eq!(refused(RouterSpec { name: " ".into(), ..good }), "name");
    }

    #[test]
    fn json_needs_only_a_name_and_an_address() {
        let spec: RouterSpec = serde_json::from_str(r#"{"name":"core","addresses":["192.0.2.1"]}"#).unwrap();
        assert_eq!(spec, RouterSpec::new("core", ["192.0.2.1".parse().unwrap()]));
        assert!(serde_json::from_str::<RouterSpec>(r#"{"name":"x","addresses":[],"secret":"y"}"#).is_err());
    }
}
