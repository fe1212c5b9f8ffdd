//! RFC 3079 §2.5 and §3.5: from what the server hands out to the session keys of the link, by the worked examples.
//!
//! The server's part ends with the keys in [`mppe`](radius::credential::mschap::mppe); the NAS's part is computed here, so
//! that the examples are followed to their ends.

use radius::credential::mschap::mppe::{Keys1, Keys2};
use radius::credential::mschap::{LmHash, NtHash};
use sha1::{Digest, Sha1};

use crate::hex::array;

/// `GetKey` of §2.4, which is `GetNewKeyFromSHA` of §3.4: the NAS's step from a start key to a session key.
fn session_key(start: &[u8]) -> Vec<u8> {
    let digest = Sha1::new()
        .chain_update(start)
        .chain_update([0x00; 40])
        .chain_update(start)
        .chain_update([0xf2; 40])
        .finalize();
    digest[..start.len()].to_vec()
}

/// §2.1, §3.1: 40-bit keys begin with three known octets.
fn reduce_40(mut key: Vec<u8>) -> Vec<u8> {
    key[..3].copy_from_slice(&[0xd1, 0x26, 0x9e]);
    key
}

/// §2.2, §3.2: 56-bit keys begin with one.
fn reduce_56(mut key: Vec<u8>) -> Vec<u8> {
    key[0] = 0xd1;
    key
}

fn keys_1() -> Keys1 {
    Keys1::new(&NtHash::of_password("clientPass"), LmHash::of_password("clientPass").as_ref())
}

#[test]
fn section_2_5_hashes() {
    let lm = LmHash::of_password("clientPass").unwrap();
    assert_eq!(lm.expose(), &array("76 A1 52 93 60 96 D7 83 0E 23 90 22 74 04 AF D2"));
    let keys = keys_1();
    assert_eq!(keys.expose()[..8], lm.expose()[..8]);
    // The hash of the NT hash, from which §2.5.3 goes on.
    assert_eq!(keys.expose()[8..24], array::<16>("41 C0 0C 58 4B D2 D9 1C 40 17 A2 A1 2F A5 9F 3F"));
    assert_eq!(keys.expose()[24..], [0; 8]);
}

#[test]
fn section_2_5_1_40_bit() {
    let key = session_key(&keys_1().expose()[..8]);
    assert_eq!(key, array::<8>("D8 08 01 53 8C EC 4A 08"));
    assert_eq!(reduce_40(key), array::<8>("D1 26 9E 53 8C EC 4A 08"));
}

#[test]
fn section_2_5_2_56_bit() {
    let key = session_key(&keys_1().expose()[..8]);
    assert_eq!(reduce_56(key), array::<8>("D1 08 01 53 8C EC 4A 08"));
}

#[test]
fn section_2_5_3_128_bit() {
    let keys = keys_1();
    let nt_key = &keys.expose()[8..24];
    let challenge: [u8; 8] = array("10 2D B5 DF 08 5D 30 41");
    let start = Sha1::new().chain_update(nt_key).chain_update(nt_key).chain_update(challenge).finalize();
    assert_eq!(start[..16], array::<16>("A8 94 78 50 CF C0 AC C1 D1 78 9F B6 2D DC DD B0"));
    let key = session_key(&start[..16]);
    assert_eq!(key, array::<16>("59 D1 59 BC 09 F7 6F 1D A2 A8 6A 28 FF EC 0B 1E"));
}

fn keys_2() -> Keys2 {
    let response = array("82 30 9E CD 8D 70 8B 5E A0 8F AA 39 81 CD 83 54 42 33 11 4A 3D 85 D6 DF");
    Keys2::derive(&NtHash::of_password("clientPass"), &response)
}

/// §3.5.1: the NAS takes the first eight octets of what the server sends.
#[test]
fn section_3_5_1_40_bit() {
    let keys = keys_2();
    assert_eq!(keys.send[..8], array::<8>("8B 7C DC 14 9B 99 3A 1B"));
    let key = reduce_40(session_key(&keys.send[..8]));
    assert_eq!(key, array::<8>("D1 26 9E C4 9F A6 2E 3E"));
}

#[test]
fn section_3_5_2_56_bit() {
    let key = reduce_56(session_key(&keys_2().send[..8]));
    assert_eq!(key, array::<8>("D1 5C 00 C4 9F A6 2E 3E"));
}

#[test]
fn section_3_5_3_128_bit() {
    let keys = keys_2();
    assert_eq!(keys.send, array("8B 7C DC 14 9B 99 3A 1B A1 18 CB 15 3F 56 DC CB"));
    assert_eq!(keys.receive, array("D5 F0 E9 52 1E 3E A9 58 96 45 E8 60 51 C8 22 26"));
    assert_eq!(session_key(&keys.send), array::<16>("40 5C B2 24 7A 79 56 E6 E2 11 00 7A E2 7B 22 D4"));
}
