//! Typed readings of what a server asks for, by name.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Index;
use crate::attribute::{
    AcctStatusType, AttributeType, Ipv6Prefix, NasPortType, ServiceType, TerminateCause, value,
};
use crate::vendor::{adsl_forum, mikrotik, redback};

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

impl<'a> Index<'a> {
    /// The octets of an attribute's value.
    fn octets(&self, kind: AttributeType) -> Option<&'a [u8]> {
        self.find(kind).map(|attribute| attribute.value)
    }

    fn integer(&self, kind: AttributeType) -> Option<u32> {
        value::u32(self.octets(kind)?)
    }
}
