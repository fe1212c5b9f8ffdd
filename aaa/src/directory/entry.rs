//! What the hot path knows of tenants, routers, plans and subscribers: the form in which a feeder hands them over.
//!
//! These are read models. They are made from database rows (or a snapshot) by a feeder, and hold only what a packet
//! needs; texts that go into replies are already attribute values.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use base::{MacAddress, PlanId, RouterId, SecretBytes, SubscriberId, TenantId, Timestamp};
use radius::secret::SharedSecret;

/// A tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its time zone: access hours are local.
    pub zone: jiff::tz::TimeZone,
    /// The realm that its subscribers may write behind `@`, in lower case. `user@realm` finds `user` when no
    /// subscriber carries the whole text as its name.
    pub realm: Option<Box<str>>,
    /// What an isolated subscriber gets in place of the plan.
    pub isolir: IsolirProfile,
    /// The tenant's *service* was stopped, a separate and audited act: its subscribers are rejected. An unpaid or
    /// isolated tenant is not stopped.
    pub stopped: bool,
}

/// What an isolated subscriber gets: online, slow, and walled to the payment page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IsolirProfile {
    /// Mikrotik-Rate-Limit in place of the plan's.
    pub rate_limit: Option<Box<str>>,
    /// Mikrotik-Address-List that the router's walled garden acts on.
    pub address_list: Option<Box<str>>,
    /// Mikrotik-Group (PPP profile, hotspot user profile).
    pub group: Option<Box<str>>,
    /// Filter-Id.
    pub filter: Option<Box<str>>,
    /// Framed-Pool. `None` keeps the plan's pool and the static address, so that a lift needs no re-dial; with a pool
    /// the static address is left out.
    pub pool: Option<Box<str>>,
    /// Session-Timeout in seconds.
    pub session_timeout: Option<u32>,
    /// Custom attributes that survive isolation, as (vendor, type); vendor 0 is the standard space.
    pub kept_attributes: Box<[(u32, u8)]>,
}

/// Must an Access-Request of this router carry a Message-Authenticator?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageAuthenticatorPolicy {
    /// Yes; one without it is discarded.
    Required,
    /// No: RouterOS before 6.49.17 and 7.15 never sends one. A request with Proxy-State still needs it.
    Off,
}

/// Whose traffic does `Acct-Input-Octets` of this router count?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OctetDirection {
    /// What the router received from the subscriber: the upload (RFC 2866 §5.3).
    InputIsUpload,
    /// The other way round, as some RouterOS versions and drivers report it.
    InputIsDownload,
}

/// How a live session of this router is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeWay {
    /// CoA-Request, and Disconnect-Request when it is refused or brings no change.
    CoaThenDisconnect,
    /// Disconnect-Request at once; the re-dial picks the new state up.
    Disconnect,
    /// Nothing is sent: the change is in force from the next login.
    None,
}

/// A router that asks RADIUS.
#[derive(Clone, Debug, PartialEq)]
pub struct Router {
    /// Its id.
    pub id: RouterId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Name in logs.
    pub name: Box<str>,
    /// The addresses that its packets come from. Several routers may share one (behind NAT): then the one whose
    /// secret verifies the packet is meant.
    pub addresses: Box<[IpAddr]>,
    /// The shared secret.
    pub secret: SharedSecret,
    /// Whether an Access-Request needs a Message-Authenticator.
    pub message_authenticator: MessageAuthenticatorPolicy,
    /// How long a reject waits, 0 to 1 s. RouterOS gives up after 3 × 300 ms.
    pub reject_delay: Duration,
    /// Direction of its octet counters.
    pub octets: OctetDirection,
    /// How its live sessions are changed.
    pub change_way: ChangeWay,
    /// Where it listens for CoA and Disconnect; `None`: the source address of its packets.
    pub dynauth_address: Option<IpAddr>,
    /// The port of the same; RouterOS listens on 3799 once told to.
    pub dynauth_port: u16,
    /// Whether CoA requests carry Event-Timestamp.
    pub dynauth_event_timestamp: bool,
}

/// When subscribers of a plan may be online: minutes of the week (0 = Monday 00:00, 10,080 = its end) in the tenant's
/// time zone, as half-open ranges in order. Empty: always.
pub type AccessHours = Box<[(u16, u16)]>;

/// A service profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Mikrotik-Rate-Limit, complete with bursts; rx is the subscriber's upload.
    pub rate_limit: Option<Box<str>>,
    /// Framed-Pool.
    pub pool: Option<Box<str>>,
    /// Framed-IPv6-Pool (RFC 3162 §2.6).
    pub ipv6_pool: Option<Box<str>>,
    /// Mikrotik-Delegated-IPv6-Pool.
    pub delegated_ipv6_pool: Option<Box<str>>,
    /// Mikrotik-Group.
    pub group: Option<Box<str>>,
    /// Mikrotik-Address-List.
    pub address_list: Option<Box<str>>,
    /// Filter-Id.
    pub filter: Option<Box<str>>,
    /// Session-Timeout, seconds.
    pub session_timeout: Option<u32>,
    /// Idle-Timeout, seconds.
    pub idle_timeout: Option<u32>,
    /// Acct-Interim-Interval, seconds, at least 60 (RFC 2869 §5.16); spread by ± 10 % per subscriber.
    pub interim_interval: u32,
    /// How many sessions of one subscriber may be online at once; 0: as many as it likes.
    pub simultaneous: u16,
    /// When its subscribers may be online.
    pub hours: AccessHours,
    /// Further attributes, composed.
    pub attributes: ComposedAttributes,
}

/// Attributes as they stand in a packet, one type-length-value after the other.
pub type ComposedAttributes = Box<[u8]>;

/// On which kind of service may a subscriber log in?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceType {
    /// PPPoE and the other PPP services.
    Ppp,
    /// Hotspot.
    Hotspot,
    /// Both.
    Any,
}

/// May the subscriber log in at all?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Active,
    /// Suspended by the operator: rejected.
    Suspended,
    /// The service was ended: rejected.
    Ended,
}

/// How the password is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// By PAP, CHAP or MS-CHAP against the clear text.
    Clear(SecretBytes),
    /// The hardware address is the user name and all there is: the request's Calling-Station-Id must be the same
    /// address, and whatever password the hotspot makes up is accepted.
    HardwareAddress,
}

/// Which hardware addresses may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MacLock {
    /// Any.
    Off,
    /// The first that does is locked.
    Learn,
    /// These alone.
    To(Box<[MacAddress]>),
}

/// Why a subscriber is isolated, as a set; empty when it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OverlayReasons(pub u8);

impl OverlayReasons {
    /// Abuse, set by staff.
    pub const ABUSE: u8 = 1;
    /// Set by staff for another reason.
    pub const MANUAL: u8 = 2;
    /// An invoice past its grace.
    pub const UNPAID: u8 = 4;
    /// The quota of the period is used up.
    pub const QUOTA: u8 = 8;

    /// Whether there is any reason.
    #[must_use]
    pub const fn isolated(self) -> bool {
        self.0 != 0
    }
}

/// A subscriber: one service with its own login.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscriber {
    /// Its id.
    pub id: SubscriberId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its plan.
    pub plan: PlanId,
    /// The user name, 1 to 253 octets. A hardware address stands as `AA:BB:CC:DD:EE:FF`.
    pub username: Box<[u8]>,
    /// How its password is checked.
    pub password: Password,
    /// May it log in?
    pub standing: Standing,
    /// Until when; a session's timeout never goes past it.
    pub expires_at: Option<Timestamp>,
    /// Why it is isolated.
    pub overlay: OverlayReasons,
    /// Rises by one with each change of the overlay; comes back in Class, and so proves which overlay a session has.
    pub overlay_generation: u32,
    /// On which service.
    pub service: ServiceType,
    /// From which hardware.
    pub mac_lock: MacLock,
    /// On which router alone.
    pub router: Option<RouterId>,
    /// Framed-IP-Address.
    pub static_address: Option<Ipv4Addr>,
    /// Framed-IPv6-Prefix, with its length in bits.
    pub ipv6_prefix: Option<(Ipv6Addr, u8)>,
    /// Delegated-IPv6-Prefix, with its length in bits.
    pub delegated_ipv6_prefix: Option<(Ipv6Addr, u8)>,
    /// Framed-Route values.
    pub routes: Box<[Box<str>]>,
    /// In place of the plan's limit of sessions at once.
    pub simultaneous: Option<u16>,
    /// Further attributes, composed; they replace the plan's of the same type.
    pub attributes: ComposedAttributes,
}
