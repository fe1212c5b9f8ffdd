//! What an accounting packet tells, free of its wire form: the input of the session rules.

use std::net::{Ipv4Addr, Ipv6Addr};

use base::{MacAddress, SessionId, SubscriberId, Timestamp};

use super::identifiers::Identifiers;

/// One accounting packet, already attributed to a router. It borrows from the datagram.
#[derive(Clone, Copy, Debug)]
pub struct AccountingEvent<'a> {
    /// What happened.
    pub status: Status,
    /// When the packet arrived.
    pub received: Timestamp,
    /// When it happened: Event-Timestamp where it is sane, else the arrival less Acct-Delay-Time.
    pub at: Timestamp,
    /// Acct-Delay-Time in seconds; 0 without it.
    pub delay: u32,
    /// Acct-Session-Id as it stands; empty when it is missing.
    pub session_id: &'a [u8],
    /// Our cookie, when a Class holds one that we signed for this tenant.
    pub cookie: Option<Cookie>,
    /// User-Name as it stands; empty when it is missing.
    pub username: &'a [u8],
    /// Acct-Session-Time in seconds.
    pub session_time: Option<u32>,
    /// The traffic counters.
    pub counters: Counters,
    /// Framed-IP-Address, unless it is 0.0.0.0.
    pub framed_address: Option<Ipv4Addr>,
    /// Framed-IPv6-Address.
    pub framed_ipv6_address: Option<Ipv6Addr>,
    /// Framed-IPv6-Prefix with its length in bits.
    pub framed_ipv6_prefix: Option<(Ipv6Addr, u8)>,
    /// Delegated-IPv6-Prefix with its length in bits.
    pub delegated_ipv6_prefix: Option<(Ipv6Addr, u8)>,
    /// NAS-Port.
    pub nas_port: Option<u32>,
    /// Calling-Station-Id as a hardware address.
    pub mac: Option<MacAddress>,
    /// Acct-Terminate-Cause (RFC 2866 §5.10).
    pub terminate_cause: Option<u32>,
    /// The attributes that identify the session to its router, octet for octet.
    pub identifiers: Identifiers<'a>,
}

impl AccountingEvent<'_> {
    /// When the session started, as far as this packet tells: a Start says it itself, the others by their session time.
    /// `None` when it does not tell: some routers send a Stop with zeros when the line drops before the first interim.
    #[must_use]
    pub fn started(&self) -> Option<Timestamp> {
        match (self.status, self.session_time) {
            (Status::Start, _) => Some(self.at),
            (_, Some(seconds @ 1..)) => {
                Some(Timestamp::from_millis(self.at.as_millis().saturating_sub(i64::from(seconds) * 1_000)))
            }
            _ => None,
        }
    }
}

/// Acct-Status-Type (RFC 2866 §5.1), as far as sessions are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// A session began.
    Start,
    /// A session goes on.
    Interim,
    /// A session ended.
    Stop,
    /// The router booted: it has no session from before.
    On,
    /// The router is about to go down.
    Off,
    /// Anything else, or nothing (then 0): kept as it came, and no session changes.
    Other(u32),
}

/// What our Class attribute says (RFC 2865 §5.25): which Accept the session comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Who was accepted.
    pub subscriber: SubscriberId,
    /// The session, named at the Accept.
    pub session: SessionId,
    /// The overlay generation that the Accept was made from.
    pub overlay_generation: u32,
}

/// The counters of one packet, cumulative since the session began, in the subscriber's direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Octets from the subscriber.
    pub upload: u64,
    /// Octets to the subscriber.
    pub download: u64,
    /// Packets from the subscriber.
    pub upload_packets: u32,
    /// Packets to the subscriber.
    pub download_packets: u32,
    /// Whether Gigawords came with them (RFC 2869 §5.1): without, the octets are only the lower 32 bits.
    pub gigawords: bool,
}

impl Counters {
    /// Whether every counter is zero.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.upload == 0 && self.download == 0 && self.upload_packets == 0 && self.download_packets == 0
    }
}
