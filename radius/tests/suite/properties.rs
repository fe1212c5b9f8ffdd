//! What holds for every packet: nothing panics, what was composed is read back, and no flipped bit goes unnoticed.

use proptest::collection::vec;
use proptest::prelude::*;
use radius::attribute::AttributeType;
use radius::authenticator::{MessageAuthenticator, verify_reply, verify_request};
use radius::code::Code;
use radius::compose::Composer;
use radius::hide::{self, Salt};
use radius::index::Index;
use radius::packet::Packet;
use radius::secret::SharedSecret;

use crate::bodies;

/// Attributes other than Message-Authenticator, which the composer makes itself.
fn attributes() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let kind = any::<u8>().prop_filter("made by the composer", |kind| *kind != 80);
    vec((kind, vec(any::<u8>(), 1..=40)), 0..12)
}

/// A packet whose header fits and whose attributes are more or less whole.
fn nearly_a_packet() -> impl Strategy<Value = Vec<u8>> {
    (any::<[u8; 20]>(), vec(any::<u8>(), 0..300), -3_i32..=3).prop_map(|(header, attributes, off)| {
        let mut bytes = header.to_vec();
        bytes.extend_from_slice(&attributes);
        let length = u16::try_from(i32::try_from(bytes.len()).unwrap() + off).unwrap();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        // Make most lengths small, so that a good part of them parses.
        let mut at = 20;
        while at + 1 < bytes.len() {
            bytes[at + 1] = bytes[at + 1] % 24 + u8::from(off >= 0) * 2;
            at += usize::from(bytes[at + 1]).max(1);
        }
        bytes
    })
}

proptest! {
    /// RFC 2865 §5: no octets cause a panic.
    #[test]
    fn parse_never_panics(datagram in vec(any::<u8>(), 0..5000)) {
        bodies::parse(&datagram);
    }

    #[test]
    fn parse_never_panics_near_packets(datagram in nearly_a_packet()) {
        bodies::parse(&datagram);
    }

    /// Composing what was parsed gives the same octets.
    #[test]
    fn compose_is_the_reverse_of_parse(
        identifier: u8,
        authenticator: [u8; 16],
        attributes in attributes(),
    ) {
        let secret = SharedSecret::new(b"s").unwrap();
        let mut first = [0; 4096];
        let mut composer =
            Composer::request(&mut first, Code::ACCESS_REQUEST, identifier, &authenticator).unwrap();
        for (kind, value) in &attributes {
            composer.octets(AttributeType(*kind), value).unwrap();
        }
        let length = composer.finish(&secret);
        let packet = Packet::parse(&first[..length]).unwrap();
        let read: Vec<_> = packet.attributes().map(|a| (a.kind.0, a.value.to_vec())).collect();
        prop_assert_eq!(&read, &attributes);

        let mut second = [0; 4096];
        let mut composer =
            Composer::request(&mut second, packet.code(), packet.identifier(), packet.authenticator()).unwrap();
        composer.raw(packet.attribute_bytes()).unwrap();
        let length = composer.finish(&secret);
        prop_assert_eq!(&second[..length], packet.as_bytes());
    }

    /// Message-Authenticator notices every flipped bit of an Access-Request.
    #[test]
    fn access_request_bits(attributes in attributes(), octets in vec(any::<u8>(), 1..80), bit: prop::sample::Index) {
        let secret = SharedSecret::new(&octets).unwrap();
        let mut buffer = [0; 4096];
        let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &[3; 16]).unwrap();
        for (kind, value) in &attributes {
            composer.octets(AttributeType(*kind), value).unwrap();
        }
        composer.message_authenticator().unwrap();
        let length = composer.finish(&secret);
        prop_assert_eq!(
            verify_request(&Index::parse(&buffer[..length]).unwrap(), &secret),
            Ok(MessageAuthenticator::Valid)
        );
        let bit = bit.index(length * 8);
        buffer[bit / 8] ^= 1 << (bit % 8);
        let verified = Index::parse(&buffer[..length]).map(|index| verify_request(&index, &secret));
        prop_assert_ne!(verified, Ok(Ok(MessageAuthenticator::Valid)));
    }

    /// The authenticator of accounting, CoA and Disconnect notices every flipped bit.
    #[test]
    fn signed_request_bits(attributes in attributes(), code in prop::sample::select(vec![4_u8, 40, 43]), bit: prop::sample::Index) {
        let secret = SharedSecret::new(b"testing123").unwrap();
        let mut buffer = [0; 4096];
        let mut composer = Composer::signed_request(&mut buffer, Code(code), 1).unwrap();
        for (kind, value) in &attributes {
            composer.octets(AttributeType(*kind), value).unwrap();
        }
        let length = composer.finish(&secret);
        let verified = verify_request(&Index::parse(&buffer[..length]).unwrap(), &secret);
        prop_assert_eq!(verified, Ok(MessageAuthenticator::Absent));
        // Not of the code: with another code it may be a packet that has no signature at all.
        let bit = 8 + bit.index(length * 8 - 8);
        buffer[bit / 8] ^= 1 << (bit % 8);
        let verified = Index::parse(&buffer[..length]).map(|index| verify_request(&index, &secret).is_ok());
        prop_assert_ne!(verified, Ok(true));
    }

    /// The Response Authenticator notices every flipped bit of a reply, and of the request's authenticator.
    #[test]
    fn reply_bits(attributes in attributes(), bare: bool, bit: prop::sample::Index) {
        let secret = SharedSecret::new(b"testing123").unwrap();
        let mut request = [0; 20];
        (request[0], request[3]) = (1, 20);
        let index = Index::parse(&request).unwrap();
        let mut buffer = [0; 4096];
        let mut composer = if bare {
            Composer::bare_reply(&mut buffer, Code::ACCESS_ACCEPT, &index).unwrap()
        } else {
            Composer::reply(&mut buffer, Code::ACCESS_ACCEPT, &index).unwrap()
        };
        for (kind, value) in attributes.iter().filter(|(kind, _)| *kind != 79) {
            composer.octets(AttributeType(*kind), value).unwrap();
        }
        let length = composer.finish(&secret);
        let mut authenticator = [0; 16];
        let verify = |bytes: &[u8], authenticator: &[u8; 16]| {
            Index::parse(bytes).map(|reply| verify_reply(&reply, authenticator, &secret).is_ok())
        };
        prop_assert_eq!(verify(&buffer[..length], &authenticator), Ok(true));
        let bit = bit.index((length + 16) * 8);
        match bit.checked_sub(length * 8) {
            None => buffer[bit / 8] ^= 1 << (bit % 8),
            Some(bit) => authenticator[bit / 8] ^= 1 << (bit % 8),
        }
        prop_assert_ne!(verify(&buffer[..length], &authenticator), Ok(true));
    }

    /// What is hidden is revealed, and without the secret it is not.
    #[test]
    fn hiding(plain in vec(any::<u8>(), 0..=128), authenticator: [u8; 16], random: u16) {
        let secret = SharedSecret::new(b"testing123").unwrap();
        let other = SharedSecret::new(b"testing124").unwrap();
        let hidden = hide::hide_salted(&plain, Salt::new(random), &authenticator, &secret).unwrap();
        let revealed = hide::reveal_salted(hidden.expose(), &authenticator, &secret).unwrap();
        prop_assert_eq!(revealed.expose(), &plain[..]);

        let mut password = plain;
        password.push(b'x');
        password.truncate(128);
        while password.last() == Some(&0) {
            password.pop();
        }
        let hidden = hide::hide_password(&password, &authenticator, &secret).unwrap();
        let revealed = hide::reveal_password(hidden.expose(), &authenticator, &secret).unwrap();
        prop_assert_eq!(revealed.expose(), &password[..]);
        let revealed = hide::reveal_password(hidden.expose(), &authenticator, &other).unwrap();
        prop_assert_ne!(revealed.expose(), &password[..]);
    }
}
