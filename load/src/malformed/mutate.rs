//! Mutations of packets: some keep the framing whole, so that the packet can be signed and reaches the server's inner parts;
//! others break anything.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};

use crate::session::scramble;

/// Octets before the first attribute.
const HEADER: usize = 20;

/// The longest packet (RFC 2865 §3).
const MOST: usize = 4_096;

/// Message-Authenticator (RFC 3579 §3.2).
const MESSAGE_AUTHENTICATOR: u8 = 80;

/// Numbers that follow from a seed, so that a run can be repeated.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// From a seed.
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        scramble(self.0)
    }

    /// A number below `end`; 0 when that is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }

    fn octet(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.octet()).collect()
    }
}

/// Changes a well-formed packet here and there and leaves its framing whole: values, types, attributes that come, go, repeat or
/// change their order.
pub(super) fn bend(packet: &[u8], random: &mut Random) -> Vec<u8> {
    let mut header = packet[..HEADER.min(packet.len())].to_vec();
    let mut attributes = split(packet);
    for _ in 0..=random.below(4) {
        let at = random.below(attributes.len());
        match random.below(9) {
            0 => attributes.insert(at, attribute(random)),
            1 => attributes.insert(at, vendor(random)),
            2 if !attributes.is_empty() => {
                attributes.remove(at);
            }
            3 if !attributes.is_empty() => {
                let copy = attributes[at].clone();
                attributes.push(copy);
            }
            4 if !attributes.is_empty() => attributes[at][0] = random.octet(),
            5 if !attributes.is_empty() => {
                let length = random.below(254);
                let mut value = random.octets(length);
                value.splice(0..0, [attributes[at][0], u8::try_from(length + 2).unwrap_or(2)]);
                attributes[at] = value;
            }
            6 if attributes.len() > 1 => {
                let other = random.below(attributes.len());
                attributes.swap(at, other);
            }
            7 => header[0] = [1, 2, 3, 4, 5, 11, 12, 40, 43, random.octet()][random.below(10)],
            _ if !attributes.is_empty() => {
                let length = attributes[at].len();
                let place = 2 + random.below(length.saturating_sub(2));
                if let Some(octet) = attributes[at].get_mut(place) {
                    *octet ^= 1 << random.below(8);
                }
            }
            _ => {}
        }
    }
    let mut bent = header;
    for attribute in attributes {
        if bent.len() + attribute.len() <= MOST - 18 {
            bent.extend_from_slice(&attribute);
        }
    }
    set_length(&mut bent);
    bent
}

/// Breaks a packet: any octet, any length, any end.
pub(super) fn shatter(packet: &[u8], random: &mut Random) -> Vec<u8> {
    let mut broken = packet.to_vec();
    for _ in 0..=random.below(3) {
        match random.below(8) {
            0 => {
                let length = random.below(broken.len() + 1);
                broken.truncate(length);
            }
            1 => {
                let count = random.below(600);
                broken.extend(random.octets(count));
            }
            2 if broken.len() > 3 => {
                let [_, _, high, low, ..] = broken.as_mut_slice() else { continue };
                (*high, *low) = (random.octet() & 0x1f, random.octet());
            }
            3 => {
                let offsets = offsets(&broken);
                let at = offsets.get(random.below(offsets.len())).copied();
                if let Some(length) = at.and_then(|at| broken.get_mut(at + 1)) {
                    *length = [0, 1, 2, 255, random.octet()][random.below(5)];
                }
            }
            4 => {
                let count = random.below(MOST + 100);
                broken = random.octets(count);
            }
            _ => {
                let at = random.below(broken.len());
                if let Some(octet) = broken.get_mut(at) {
                    *octet = random.octet();
                }
            }
        }
    }
    broken
}

/// Signs a well-formed packet by its code: Message-Authenticator, added where it is missing, then the header's authenticator
/// where that is a signature.
pub(super) fn sign(packet: &mut Vec<u8>, secret: &[u8]) {
    if packet.len() < HEADER {
        return;
    }
    let place = |packet: &[u8]| {
        let is_it = |at: &usize| packet[*at] == MESSAGE_AUTHENTICATOR && packet.get(at + 1) == Some(&18);
        offsets(packet).into_iter().find(is_it)
    };
    if place(packet).is_none() && packet[0] != 4 {
        packet.extend_from_slice(&[MESSAGE_AUTHENTICATOR, 18]);
        packet.extend_from_slice(&[0; 16]);
        set_length(packet);
    }
    let is_signature = matches!(packet[0], 4 | 40 | 43);
    if is_signature {
        packet[4..HEADER].fill(0);
    }
    if let Some(at) = place(packet) {
        packet[at + 2..at + 18].fill(0);
        if let Ok(mut hash) = Hmac::<Md5>::new_from_slice(secret) {
            hash.update(packet);
            packet[at + 2..at + 18].copy_from_slice(&hash.finalize().into_bytes());
        }
    }
    if is_signature {
        let hash = Md5::new().chain_update(&*packet).chain_update(secret).finalize();
        packet[4..HEADER].copy_from_slice(&hash);
    }
}

fn attribute(random: &mut Random) -> Vec<u8> {
    let length = random.below(254);
    let mut attribute = vec![random.octet(), u8::try_from(length + 2).unwrap_or(2)];
    attribute.extend(random.octets(length));
    attribute
}

/// A Vendor-Specific of a known vendor whose inside is anything.
fn vendor(random: &mut Random) -> Vec<u8> {
    let vendor: u32 = [311, 14_988, 2_352, 14_122, 529, 3_561][random.below(6)];
    let length = random.below(250);
    let mut attribute = vec![26, u8::try_from(length + 6).unwrap_or(6)];
    attribute.extend_from_slice(&vendor.to_be_bytes());
    attribute.extend(random.octets(length));
    if let (Some(inner), true) = (attribute.get_mut(7), random.below(2) == 0) {
        *inner = [0, 1, 2, 50, 52, 255][random.below(6)];
    }
    attribute
}

/// Where each attribute begins, as far as the framing is whole.
fn offsets(packet: &[u8]) -> Vec<usize> {
    let mut offsets = Vec::new();
    let mut at = HEADER;
    while let Some(&length) = packet.get(at + 1) {
        if length < 2 || at + usize::from(length) > packet.len() {
            break;
        }
        offsets.push(at);
        at += usize::from(length);
    }
    offsets
}

fn split(packet: &[u8]) -> Vec<Vec<u8>> {
    offsets(packet).into_iter().map(|at| packet[at..at + usize::from(packet[at + 1])].to_vec()).collect()
}

fn set_length(packet: &mut [u8]) {
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(place) = packet.get_mut(2..4) {
        place.copy_from_slice(&length);
    }
}

#[cfg(test)]
mod tests {
    use radius::{
        attribute::AttributeType, authenticator::verify_request, code::Code, compose::Composer, index::Index,
        packet::Packet, secret::SharedSecret,
    };

    use super::*;

    fn request() -> Vec<u8> {
        let mut out = [0; 4096];
        let secret = SharedSecret::new(b"secret").unwrap();
        let mut packet = Composer::signed_request(&mut out, Code::ACCOUNTING_REQUEST, 3).unwrap();
        packet.u32(AttributeType::ACCT_STATUS_TYPE, 1).unwrap();
        packet.text(AttributeType::USER_NAME, "budi").unwrap();
        let length = packet.finish(&secret);
        out[..length].to_vec()
    }

    /// Our signature is made without the codec, and the codec accepts it.
    #[test]
    fn bent_packets_are_well_formed_and_most_signatures_hold() {
        let (request, secret) = (request(), SharedSecret::new(b"secret").unwrap());
        let mut random = Random::new(7);
        let mut verified = 0;
        for _ in 0..2_000 {
            let mut packet = bend(&request, &mut random);
            sign(&mut packet, b"secret");
            let index = Index::parse(&packet).expect("the framing is whole");
            verified += u32::from(verify_request(&index, &secret).is_ok());
        }
        // The others have a code that is no request's, or Message-Authenticator twice or of a wrong length.
        assert!(verified > 1_200, "{verified}");
    }

    #[test]
    fn shattered_packets_differ_and_many_are_malformed() {
        let request = request();
        let mut random = Random::new(7);
        let malformed =
            (0..2_000).filter(|_| Packet::parse(&shatter(&request, &mut random)).is_err()).count();
        assert!(malformed > 500, "{malformed}");
    }
}
