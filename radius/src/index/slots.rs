//! Which attributes are indexed, and where each of them is noted.

use crate::attribute::{AttributeType, HEADER_LENGTH as ATTRIBUTE_HEADER, VendorAttributes};
use crate::vendor::{Vendor, VendorType, adsl_forum, microsoft, mikrotik, redback};

/// Offset in the packet of the first attribute (or vendor attribute) of each slot; zero means absent.
pub(super) type Offsets = [u16; SLOTS];

/// Nothing noted yet.
pub(super) const NONE: Offsets = [0; SLOTS];

/// Marks a type that is not indexed.
pub(super) const NO_SLOT: u8 = u8::MAX;

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

/// The slot of a standard attribute, or [`NO_SLOT`].
pub(super) fn of(kind: AttributeType) -> u8 {
    STANDARD_SLOTS[usize::from(kind.0)]
}

/// The slot of a vendor attribute, or [`NO_SLOT`].
pub(super) const fn of_vendor(kind: VendorType) -> u8 {
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
pub(super) fn note_vendor_attributes(offsets: &mut Offsets, offset: usize, value: &[u8]) {
    let Some(mut attributes) = VendorAttributes::parse(value) else { return };
    if !INDEXED_VENDORS.contains(&attributes.vendor()) {
        return;
    }
    let end = offset + ATTRIBUTE_HEADER + value.len();
    loop {
        let offset = end - attributes.rest().len();
        let Some(attribute) = attributes.next() else { return };
        note(offsets, of_vendor(attribute.kind), offset);
    }
}

/// Vendors that have a slot at all; the attributes of others are not even walked.
const INDEXED_VENDORS: [Vendor; 4] =
    [Vendor::MIKROTIK, Vendor::MICROSOFT, Vendor::REDBACK, Vendor::ADSL_FORUM];

/// Notes the first attribute of a slot.
pub(super) fn note(offsets: &mut Offsets, slot: u8, offset: usize) {
    if let (Some(place), Ok(offset)) = (offsets.get_mut(usize::from(slot)), u16::try_from(offset))
        && *place == 0
    {
        *place = offset;
    }
}
