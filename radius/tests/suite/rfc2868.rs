//! RFC 2868: tags and Tunnel-Password.

use radius::attribute::{AttributeType, Tag, Tagged, value};
use radius::code::Code;
use radius::compose::{ComposeError, Composer};
use radius::hide::{self, HideError, Salt};
use radius::packet::Packet;

use crate::hex::{AUTHENTICATOR, octets, secret};

/// §3.1: the value behind the tag has three octets.
#[test]
fn section_3_1_tagged_integer() {
    let mut buffer = [0; 64];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    let tag = Tag::new(1).unwrap();
    composer.tagged_u32(AttributeType::TUNNEL_TYPE, tag, 1).unwrap();
    assert_eq!(
        composer.tagged_u32(AttributeType::TUNNEL_TYPE, tag, 0x0100_0000).err(),
        Some(ComposeError::ValueLong)
    );
    let length = composer.finish(&secret());
    assert_eq!(&buffer[20..length], octets("40 06 01 00 00 01"));
    let packet = Packet::parse(&buffer[..length]).unwrap();
    let read = packet.find(AttributeType::TUNNEL_TYPE).unwrap().tagged_u32();
    assert_eq!(read, Some(Tagged { tag, value: 1 }));
}

/// §3.3, §3.6: on strings the tag is optional; a first octet above 0x1F is text.
#[test]
fn section_3_6_optional_tag() {
    for (value, tag, rest) in [
        (&b"\x05vlan7"[..], Tag::new(5).unwrap(), &b"vlan7"[..]),
        (b"vlan7", Tag::NONE, b"vlan7"),
        (b"\x007", Tag::NONE, b"7"),
    ] {
        assert_eq!(value::tagged_octets(value), Some(Tagged { tag, value: rest }));
    }
    assert_eq!(value::tagged_octets(b""), None);
    assert_eq!(Tag::new(0x20), None);

    let mut buffer = [0; 64];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    composer
        .tagged_octets(AttributeType::TUNNEL_PRIVATE_GROUP_ID, Tag::NONE, b"7")
        .and_then(|c| c.tagged_octets(AttributeType::TUNNEL_PRIVATE_GROUP_ID, Tag::new(2).unwrap(), b"7"))
        // Without a tag of its own, the first octet of this one would be read as a tag.
        .and_then(|c| c.tagged_octets(AttributeType::TUNNEL_PRIVATE_GROUP_ID, Tag::NONE, b"\x07"))
        .unwrap();
    let length = composer.finish(&secret());
    assert_eq!(&buffer[20..length], octets("51 03 37  51 04 02 37  51 04 00 07"));
}

/// §3.5: tag, salt with its top bit set, and the length octet inside.
#[test]
fn section_3_5_tunnel_password() {
    for length in [0, 1, 14, 15, 16, 31, 100, 239] {
        let password = vec![0x70; length];
        let salt = Salt::new(0x0123);
        let hidden = hide::hide_salted(&password, salt, &AUTHENTICATOR, &secret()).unwrap();
        assert_eq!(hidden.expose()[..2], [0x81, 0x23]);
        assert_eq!(hidden.expose().len(), 2 + (length + 1).next_multiple_of(16));
        let revealed = hide::reveal_salted(hidden.expose(), &AUTHENTICATOR, &secret()).unwrap();
        assert_eq!(revealed.expose(), password);
    }
    let long = hide::hide_salted(&[1; 240], Salt::new(1), &AUTHENTICATOR, &secret());
    assert_eq!(long.err(), Some(HideError::Long));

    let mut buffer = [0; 512];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    composer.tunnel_password(Tag::new(3).unwrap(), &[0x70; 239], Salt::new(7), &secret()).unwrap();
    let length = composer.finish(&secret());
    let packet = Packet::parse(&buffer[..length]).unwrap();
    let attribute = packet.find(AttributeType::TUNNEL_PASSWORD).unwrap();
    assert_eq!(attribute.value[0], 3);
    let revealed = hide::reveal_salted(&attribute.value[1..], &AUTHENTICATOR, &secret()).unwrap();
    assert_eq!(revealed.expose(), [0x70; 239]);
}

/// §3.5: the mask of the first block by its formula, computed here apart.
#[test]
fn section_3_5_first_block() {
    use md5::{Digest, Md5};
    let hidden = hide::hide_salted(b"abc", Salt::new(0), &AUTHENTICATOR, &secret()).unwrap();
    let mask = Md5::new()
        .chain_update(b"xyzzy5461")
        .chain_update(AUTHENTICATOR)
        .chain_update([0x80, 0x00])
        .finalize();
    let plain: Vec<u8> = hidden.expose()[2..].iter().zip(mask).map(|(hidden, mask)| hidden ^ mask).collect();
    assert_eq!(plain, b"\x03abc\0\0\0\0\0\0\0\0\0\0\0\0");
}

/// §3.5: what cannot be a hidden value is refused, and a length inside that exceeds it too.
#[test]
fn section_3_5_broken() {
    for length in [0, 1, 2, 3, 17, 19, 2 + 256] {
        let revealed = hide::reveal_salted(&vec![9; length], &AUTHENTICATOR, &secret());
        assert_eq!(revealed.err(), Some(HideError::HiddenLength), "{length}");
    }
    let hidden = hide::hide_salted(b"abc", Salt::new(0), &AUTHENTICATOR, &secret()).unwrap();
    let mut broken = hidden.expose().to_vec();
    broken[2] ^= 0x80;
    let revealed = hide::reveal_salted(&broken, &AUTHENTICATOR, &secret());
    assert_eq!(revealed.err(), Some(HideError::InnerLength));
}
