//! The attributes that a server asks for, found in the one pass that checks the packet.
//!
//! The hot path asks for some thirty attributes of every request. An [`Index`] notes where the first of each stands, in a
//! fixed array of offsets; nothing is allocated and each look-up is one probe. Its readers answer `None` for what is
//! absent and for values that are not of their type, which are ignored (RFC 2865 §5, RFC 6929 §2.8).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::attribute::{
    AcctStatusType, Attribute, AttributeType, Ipv6Prefix, NasPortType, ServiceType, TerminateCause,
    VendorAttribute, VendorAttributes, value,
};
use crate::packet::{Packet, ParseError};
use crate::vendor::{Vendor, VendorType, adsl_forum, microsoft, mikrotik, redback};

/// A parsed packet with the places of its important attributes.
#[derive(Clone, Debug)]
pub struct Index<'a> {
    packet: Packet<'a>,
    /// Offset in the packet of the first attribute (or vendor attribute) of each slot; zero means absent.
    offsets: [u16; SLOTS],
    message_authenticator: Presence,
}

/// How often an attribute that may stand only once is in the packet, and whether its value can be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is not in the packet.
    Absent,
    /// It is there once; its value begins at this offset of the packet.
    Once(usize),
    /// It is there once, and its length is wrong.
    Malformed,
    /// It is there more than once.
    Repeated,
}

impl<'a> Index<'a> {
    /// Parses and indexes in one pass.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let mut offsets = [0; SLOTS];
        let mut message_authenticator = Presence::Absent;
        let packet = Packet::scan(datagram, |offset, kind, value| match kind {
            AttributeType::MESSAGE_AUTHENTICATOR => {
                message_authenticator = match message_authenticator {
                    Presence::Absent if value.len() == MESSAGE_AUTHENTICATOR_LENGTH => {
                        Presence::Once(offset + crate::attribute::HEADER_LENGTH)
                    }
                    Presence::Absent => Presence::Malformed,
                    _ => Presence::Repeated,
                }
            }
            AttributeType::VENDOR_SPECIFIC => note_vendor_attributes(&mut offsets, offset, value),
            _ => note(&mut offsets, STANDARD_SLOTS[usize::from(kind.0)], offset),
        })?;
        Ok(Self { packet, offsets, message_authenticator })
    }

    /// The packet itself.
    pub const fn packet(&self) -> Packet<'a> {
        self.packet
    }

    /// Whether Message-Authenticator is there as it should be (RFC 3579 §3.2).
    pub const fn message_authenticator(&self) -> Presence {
        self.message_authenticator
    }

    /// Whether the packet has this attribute.
    pub fn has(&self, kind: AttributeType) -> bool {
        self.find(kind).is_some()
    }

    /// The first attribute of this type: one probe if it is indexed, else a pass over the packet.
    pub fn find(&self, kind: AttributeType) -> Option<Attribute<'a>> {
        match STANDARD_SLOTS[usize::from(kind.0)] {
            NO_SLOT => self.packet.find(kind),
            slot => self.packet.attributes_from(self.offset(slot)?).next(),
        }
    }

    /// All attributes of this type, in order; free if it is indexed and absent.
    pub fn find_all(&self, kind: AttributeType) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let start = match STANDARD_SLOTS[usize::from(kind.0)] {
            NO_SLOT => Some(crate::packet::HEADER_LENGTH),
            slot => self.offset(slot),
        };
        let packet = self.packet;
        start
            .into_iter()
            .flat_map(move |offset| packet.attributes_from(offset))
            .filter(move |attribute| attribute.kind == kind)
    }

    /// The first attribute of this vendor and number: one probe if it is indexed, else a pass over the packet.
    pub fn find_vendor(&self, kind: VendorType) -> Option<VendorAttribute<'a>> {
        match vendor_slot(kind) {
            NO_SLOT => self.packet.find_vendor(kind),
            slot => {
                // A vendor's attribute is laid out as a standard one: type, length, value.
                let attribute = self.packet.attributes_from(self.offset(slot)?).next()?;
                Some(VendorAttribute { kind, value: attribute.value })
            }
        }
    }

    /// The octets of an attribute's value.
    fn octets(&self, kind: AttributeType) -> Option<&'a [u8]> {
        self.find(kind).map(|attribute| attribute.value)
    }

    fn integer(&self, kind: AttributeType) -> Option<u32> {
        value::u32(self.octets(kind)?)
    }

    fn offset(&self, slot: u8) -> Option<usize> {
        match self.offsets.get(usize::from(slot)) {
            None | Some(0) => None,
            Some(&offset) => Some(usize::from(offset)),
        }
    }
}

/// Who and where.
impl<'a> Index<'a> {
    /// User-Name (RFC 2865 §5.1).
    pub fn user_name(&self) -> Option<&'a [u8]> {
        self.octets(AttributeType::USER_NAME)
    }

    /// Calling-Station-Id (RFC 2865 §5.31): for RouterOS the client's MAC.
    pub fn calling_station_id(&self) -> Option<&'a [u8]> {
        self.octets(AttributeType::CALLING_STATION_ID)
    }

    /// Called-Station-Id (RFC 2865 §5.30): for RouterOS the PPPoE service or the hotspot server.
    pub fn called_station_id(&self) -> Option<&'a [u8]> {
        self.octets(AttributeType::CALLED_STATION_ID)
    }

    /// NAS-Identifier (RFC 2865 §5.32). Never selects a secret.
    pub fn nas_identifier(&self) -> Option<&'a [u8]> {
        self.octets(AttributeType::NAS_IDENTIFIER)
    }

    /// NAS-IP-Address (RFC 2865 §5.4). Never selects a secret.
    pub fn nas_ip_address(&self) -> Option<Ipv4Addr> {
        value::ipv4(self.octets(AttributeType::NAS_IP_ADDRESS)?)
    }

    /// NAS-IPv6-Address (RFC 3162 §2.1).
    pub fn nas_ipv6_address(&self) -> Option<Ipv6Addr> {
        value::ipv6(self.octets(AttributeType::NAS_IPV6_ADDRESS)?)
    }

    /// NAS-Port (RFC 2865 §5.5).
    pub fn nas_port(&self) -> Option<u32> {
        self.integer(AttributeType::NAS_PORT)
    }

    /// NAS-Port-Id (RFC 2869 §5.17).
    pub fn nas_port_id(&self) -> Option<&'a [u8]> {
        self.octets(AttributeType::NAS_PORT_ID)
    }

    /// NAS-Port-Type (RFC 2865 §5.41).
    pub fn nas_port_type(&self) -> Option<NasPortType> {
        self.integer(AttributeType::NAS_PORT_TYPE).map(NasPortType)
    }

    /// Service-Type (RFC 2865 §5.6).
    pub fn service_type(&self) -> Option<ServiceType> {
        self.integer(AttributeType::SERVICE_TYPE).map(ServiceType)
    }

    /// Framed-IP-Address (RFC 2865 §5.8).
    pub fn framed_ip_address(&self) -> Option<Ipv4Addr> {
        value::ipv4(self.octets(AttributeType::FRAMED_IP_ADDRESS)?)
    }

    /// Framed-IPv6-Prefix (RFC 3162 §2.3).
    pub fn framed_ipv6_prefix(&self) -> Option<Ipv6Prefix> {
        value::ipv6_prefix(self.octets(AttributeType::FRAMED_IPV6_PREFIX)?)
    }

    /// Framed-Interface-Id (RFC 3162 §2.2).
    pub fn framed_interface_id(&self) -> Option<[u8; 8]> {
        value::interface_id(self.octets(AttributeType::FRAMED_INTERFACE_ID)?)
    }

    /// Framed-IPv6-Address (RFC 6911 §3.1).
    pub fn framed_ipv6_address(&self) -> Option<Ipv6Addr> {
        value::ipv6(self.octets(AttributeType::FRAMED_IPV6_ADDRESS)?)
    }

    /// Delegated-IPv6-Prefix (RFC 4818 §3).
    pub fn delegated_ipv6_prefix(&self) -> Option<Ipv6Prefix> {
        value::ipv6_prefix(self.octets(AttributeType::DELEGATED_IPV6_PREFIX)?)
    }

    /// Mikrotik-Host-IP: a hotspot client's address before universal NAT.
    pub fn mikrotik_host_ip(&self) -> Option<Ipv4Addr> {
        self.find_vendor(mikrotik::HOST_IP)?.ipv4()
    }

    /// Mikrotik-Realm.
    pub fn mikrotik_realm(&self) -> Option<&'a [u8]> {
        self.find_vendor(mikrotik::REALM).map(|attribute| attribute.value)
    }

    /// The access line's Agent-Circuit-Id, under Redback's or the ADSL Forum's number.
    pub fn agent_circuit_id(&self) -> Option<&'a [u8]> {
        self.find_vendor(redback::AGENT_CIRCUIT_ID)
            .or_else(|| self.find_vendor(adsl_forum::AGENT_CIRCUIT_ID))
            .map(|attribute| attribute.value)
    }

    /// The access line's Agent-Remote-Id, under Redback's or the ADSL Forum's number.
    pub fn agent_remote_id(&self) -> Option<&'a [u8]> {
        self.find_vendor(redback::AGENT_REMOTE_ID)
            .or_else(|| self.find_vendor(adsl_forum::AGENT_REMOTE_ID))
            .map(|attribute| attribute.value)
    }

    /// The first State (RFC 2865 §5.24).
    pub fn state(&self) -> Option<&'a [u8]> {
        self.octets(AttributeType::STATE)
    }

    /// Every Class, in order: several are legal (RFC 2865 §5.25).
    pub fn classes(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.find_all(AttributeType::CLASS).map(|attribute| attribute.value)
    }

    /// Every Proxy-State, in order (RFC 2865 §5.33).
    pub fn proxy_states(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.find_all(AttributeType::PROXY_STATE).map(|attribute| attribute.value)
    }

    /// Whether the NAS asks for a Chargeable-User-Identity (RFC 4372 §2.1): the attribute with a single NUL, or empty.
    pub fn wants_chargeable_user_identity(&self) -> bool {
        matches!(self.octets(AttributeType::CHARGEABLE_USER_IDENTITY), Some([] | [0]))
    }
}

/// Accounting.
impl<'a> Index<'a> {
    /// Acct-Status-Type (RFC 2866 §5.1).
    pub fn acct_status_type(&self) -> Option<AcctStatusType> {
        self.integer(AttributeType::ACCT_STATUS_TYPE).map(AcctStatusType)
    }

    /// Acct-Session-Id (RFC 2866 §5.5); also in Access-Requests of RouterOS.
    pub fn acct_session_id(&self) -> Option<&'a [u8]> {
        self.octets(AttributeType::ACCT_SESSION_ID)
    }

    /// Acct-Multi-Session-Id (RFC 2866 §5.11).
    pub fn acct_multi_session_id(&self) -> Option<&'a [u8]> {
        self.octets(AttributeType::ACCT_MULTI_SESSION_ID)
    }

    /// Acct-Delay-Time in seconds (RFC 2866 §5.2).
    pub fn acct_delay_time(&self) -> Option<u32> {
        self.integer(AttributeType::ACCT_DELAY_TIME)
    }

    /// Acct-Session-Time in seconds (RFC 2866 §5.7).
    pub fn acct_session_time(&self) -> Option<u32> {
        self.integer(AttributeType::ACCT_SESSION_TIME)
    }

    /// Event-Timestamp in seconds since 1970 (RFC 2869 §5.3).
    pub fn event_timestamp(&self) -> Option<u32> {
        self.integer(AttributeType::EVENT_TIMESTAMP)
    }

    /// Acct-Terminate-Cause (RFC 2866 §5.10).
    pub fn acct_terminate_cause(&self) -> Option<TerminateCause> {
        self.integer(AttributeType::ACCT_TERMINATE_CAUSE).map(TerminateCause)
    }

    /// Octets from the user, by the RFC's direction: Acct-Input-Octets with its Gigawords (RFC 2869 §5.1). Without
    /// Gigawords the upper half is zero; [`Index::has_gigawords`] tells whether a wrap must be looked for.
    pub fn input_octets(&self) -> Option<u64> {
        self.wide(AttributeType::ACCT_INPUT_OCTETS, AttributeType::ACCT_INPUT_GIGAWORDS)
    }

    /// Octets to the user, by the RFC's direction: Acct-Output-Octets with its Gigawords (RFC 2869 §5.2).
    pub fn output_octets(&self) -> Option<u64> {
        self.wide(AttributeType::ACCT_OUTPUT_OCTETS, AttributeType::ACCT_OUTPUT_GIGAWORDS)
    }

    /// Whether the packet has Gigawords, so that its octet counters cannot have wrapped.
    pub fn has_gigawords(&self) -> bool {
        self.integer(AttributeType::ACCT_INPUT_GIGAWORDS).is_some()
            || self.integer(AttributeType::ACCT_OUTPUT_GIGAWORDS).is_some()
    }

    /// Acct-Input-Packets (RFC 2866 §5.8).
    pub fn input_packets(&self) -> Option<u32> {
        self.integer(AttributeType::ACCT_INPUT_PACKETS)
    }

    /// Acct-Output-Packets (RFC 2866 §5.9).
    pub fn output_packets(&self) -> Option<u32> {
        self.integer(AttributeType::ACCT_OUTPUT_PACKETS)
    }

    fn wide(&self, octets: AttributeType, gigawords: AttributeType) -> Option<u64> {
        let high = self.integer(gigawords).unwrap_or(0);
        Some(u64::from(high) << 32 | u64::from(self.integer(octets)?))
    }
}

/// Octets of a Message-Authenticator's value (RFC 3579 §3.2).
const MESSAGE_AUTHENTICATOR_LENGTH: usize = 16;

/// Marks a type that is not indexed.
const NO_SLOT: u8 = u8::MAX;

/// The standard attributes that are indexed. The position in this list is the slot.
const STANDARD: [AttributeType; 43] = [
    AttributeType::USER_NAME,
    AttributeType::USER_PASSWORD,
    AttributeType::CHAP_PASSWORD,
    AttributeType::NAS_IP_ADDRESS,
    AttributeType::NAS_PORT,
    AttributeType::SERVICE_TYPE,
    AttributeType::FRAMED_PROTOCOL,
    AttributeType::FRAMED_IP_ADDRESS,
    AttributeType::STATE,
    AttributeType::CLASS,
    AttributeType::CALLED_STATION_ID,
    AttributeType::CALLING_STATION_ID,
    AttributeType::NAS_IDENTIFIER,
    AttributeType::PROXY_STATE,
    AttributeType::ACCT_STATUS_TYPE,
    AttributeType::ACCT_DELAY_TIME,
    AttributeType::ACCT_INPUT_OCTETS,
    AttributeType::ACCT_OUTPUT_OCTETS,
    AttributeType::ACCT_SESSION_ID,
    AttributeType::ACCT_AUTHENTIC,
    AttributeType::ACCT_SESSION_TIME,
    AttributeType::ACCT_INPUT_PACKETS,
    AttributeType::ACCT_OUTPUT_PACKETS,
    AttributeType::ACCT_TERMINATE_CAUSE,
    AttributeType::ACCT_MULTI_SESSION_ID,
    AttributeType::ACCT_INPUT_GIGAWORDS,
    AttributeType::ACCT_OUTPUT_GIGAWORDS,
    AttributeType::EVENT_TIMESTAMP,
    AttributeType::CHAP_CHALLENGE,
    AttributeType::NAS_PORT_TYPE,
    AttributeType::CONNECT_INFO,
    AttributeType::EAP_MESSAGE,
    AttributeType::NAS_PORT_ID,
    AttributeType::CHARGEABLE_USER_IDENTITY,
    AttributeType::NAS_IPV6_ADDRESS,
    AttributeType::FRAMED_INTERFACE_ID,
    AttributeType::FRAMED_IPV6_PREFIX,
    AttributeType::ERROR_CAUSE,
    AttributeType::DELEGATED_IPV6_PREFIX,
    AttributeType::FRAMED_IPV6_ADDRESS,
    AttributeType::FRAMED_MTU,
    AttributeType::SESSION_TIMEOUT,
    AttributeType::IDLE_TIMEOUT,
];

/// The vendor attributes that are indexed, in slots behind the standard ones.
const VENDOR: [VendorType; 10] = [
    microsoft::MS_CHAP_RESPONSE,
    microsoft::MS_CHAP_DOMAIN,
    microsoft::MS_CHAP_CHALLENGE,
    microsoft::MS_CHAP2_RESPONSE,
    mikrotik::REALM,
    mikrotik::HOST_IP,
    redback::AGENT_REMOTE_ID,
    redback::AGENT_CIRCUIT_ID,
    adsl_forum::AGENT_REMOTE_ID,
    adsl_forum::AGENT_CIRCUIT_ID,
];

const SLOTS: usize = STANDARD.len() + VENDOR.len();

/// The slot of the first vendor attribute.
const FIRST_VENDOR_SLOT: u8 = 43;

const _: () = assert!(FIRST_VENDOR_SLOT as usize == STANDARD.len());

/// The slot of each standard type.
const STANDARD_SLOTS: [u8; 256] = {
    let mut slots = [NO_SLOT; 256];
    let mut slot: u8 = 0;
    while (slot as usize) < STANDARD.len() {
        slots[STANDARD[slot as usize].0 as usize] = slot;
        slot += 1;
    }
    slots
};

/// The slot of a vendor attribute, or [`NO_SLOT`].
const fn vendor_slot(kind: VendorType) -> u8 {
    let mut slot = 0;
    let mut number = FIRST_VENDOR_SLOT;
    while slot < VENDOR.len() {
        if VENDOR[slot].kind == kind.kind && VENDOR[slot].vendor.0 == kind.vendor.0 {
            return number;
        }
        slot += 1;
        number += 1;
    }
    NO_SLOT
}

/// Notes where the vendor attributes inside a Vendor-Specific at `offset` stand.
fn note_vendor_attributes(offsets: &mut [u16; SLOTS], offset: usize, value: &[u8]) {
    let Some(mut attributes) = VendorAttributes::parse(value) else { return };
    if !INDEXED_VENDORS.contains(&attributes.vendor()) {
        return;
    }
    let end = offset + crate::attribute::HEADER_LENGTH + value.len();
    loop {
        let offset = end - attributes.rest().len();
        let Some(attribute) = attributes.next() else { return };
        note(offsets, vendor_slot(attribute.kind), offset);
    }
}

/// Vendors that have a slot at all; the attributes of others are not even walked.
const INDEXED_VENDORS: [Vendor; 4] =
    [Vendor::MIKROTIK, Vendor::MICROSOFT, Vendor::REDBACK, Vendor::ADSL_FORUM];

/// Notes the first attribute of a slot.
fn note(offsets: &mut [u16; SLOTS], slot: u8, offset: usize) {
    if let (Some(place), Ok(offset)) = (offsets.get_mut(usize::from(slot)), u16::try_from(offset))
        && *place == 0
    {
        *place = offset;
    }
}
