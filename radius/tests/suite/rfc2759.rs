//! RFC 2759 §9.2 and RFC 2433 §B.2: MS-CHAP by its worked examples.

use radius::credential::mschap::{Failure, FailureText, LmHash, NtHash, v1, v2};

use crate::hex::array;

fn challenge() -> [u8; 16] {
    array("5B 5D 7C 7D 7B 3F 2F 3E 3C 2C 60 21 32 26 26 28")
}

fn peer_challenge() -> [u8; 16] {
    array("21 40 23 24 25 5E 26 2A 28 29 5F 2B 3A 33 7C 7E")
}

#[test]
fn section_9_2_nt_hash() {
    let hash = NtHash::of_password("clientPass");
    assert_eq!(hash.expose(), &array("44 EB BA 8D 53 12 B8 D6 11 47 44 11 F5 69 89 AE"));
}

#[test]
fn section_9_2_nt_response() {
    let hash = NtHash::of_password("clientPass");
    let expected = array("82 30 9E CD 8D 70 8B 5E A0 8F AA 39 81 CD 83 54 42 33 11 4A 3D 85 D6 DF");
    assert_eq!(v2::respond(b"User", &hash, &challenge(), &peer_challenge()), expected);
    // §8.2: a domain before the name does not count.
    assert_eq!(v2::respond(b"BIGCO\\User", &hash, &challenge(), &peer_challenge()), expected);
    assert_ne!(v2::respond(b"user", &hash, &challenge(), &peer_challenge()), expected);
}

#[test]
fn section_9_2_authenticator_response() {
    let hash = NtHash::of_password("clientPass");
    let value = v2::compose(7, b"User", &hash, &challenge(), &peer_challenge());
    let challenge = challenge();
    let response = v2::Response::parse(&value, &challenge).unwrap();
    let success = response.verify(b"User", &hash).unwrap();
    // RFC 2548 §2.3.3: the identifier of the response stands before the text.
    assert_eq!(success.octets()[0], 7);
    assert_eq!(success.text(), b"S=407A5589115FD0D6209F510FE9C04566932CDA56");
    assert!(response.verify(b"User", &NtHash::of_password("clientPast")).is_none());
    assert!(response.verify(b"Usher", &hash).is_none());
}

/// Any flipped bit of challenge or response is noticed; identifier, flags and reserved octets are not signed.
#[test]
fn section_8_flipped_bits() {
    let hash = NtHash::of_password("clientPass");
    let good = v2::compose(7, b"User", &hash, &challenge(), &peer_challenge());
    for bit in 0..50 * 8 {
        let mut value = good;
        value[bit / 8] ^= 1 << (bit % 8);
        let challenge = challenge();
        let verified = v2::Response::parse(&value, &challenge).unwrap().verify(b"User", &hash).is_some();
        let unsigned = matches!(bit / 8, 0 | 1 | 18..=25);
        assert_eq!(verified, unsigned, "bit {bit}");
    }
}

/// RFC 2548 §2.3.2, §2.1.2: other lengths are no MS-CHAP.
#[test]
fn lengths() {
    let challenge = challenge();
    assert!(v2::Response::parse(&[0; 49], &challenge).is_none());
    assert!(v2::Response::parse(&[0; 51], &challenge).is_none());
    assert!(v2::Response::parse(&[0; 50], &challenge[..8]).is_none());
    assert!(v1::Response::parse(&[0; 50], &challenge).is_none());
    assert!(v1::Response::parse(&[0; 50], &challenge[..8]).is_some());
}

/// RFC 2433 §B.2.
#[test]
fn rfc_2433_section_b_2() {
    let hash = NtHash::of_password("MyPw");
    assert_eq!(hash.expose(), &array("FC 15 6A F7 ED CD 6C 0E DD E3 33 7D 42 7F 4E AC"));
    let challenge = array("10 2D B5 DF 08 5D 30 41");
    let expected = array("4E 9D 3C 8F 9C FD 38 5D 5B F4 D3 24 67 91 95 6C A4 C3 51 AB 40 9A 3D 61");
    assert_eq!(v1::respond(&hash, challenge), expected);

    let mut value = v1::compose(3, &hash, challenge);
    let response = v1::Response::parse(&value, &challenge).unwrap();
    assert_eq!(response.identifier(), 3);
    assert!(response.matches(&hash));
    assert!(!response.matches(&NtHash::of_password("MyPW")));
    // RFC 2548 §2.1.3: without the flag the NT response is not to be used.
    value[1] = 0;
    assert!(!v1::Response::parse(&value, &challenge).unwrap().matches(&hash));
}

/// Passwords beyond ASCII: UTF-16 for the NT hash, none for LM.
#[test]
fn unicode() {
    assert_eq!(
        NtHash::of_password("pässwörd\u{1F511}").expose(),
        // MD4 over 70 00 E4 00 73 00 73 00 77 00 F6 00 72 00 64 00 3D D8 11 DD, computed apart.
        &<[u8; 16]>::from({
            use md4::{Digest, Md4};
            Md4::digest(crate::hex::octets("7000E400730073007700F600720064003DD811DD"))
        })
    );
    assert!(LmHash::of_password("pässwörd").is_none());
}

/// RFC 2548 §2.1.5, RFC 2759 §6: the texts of failure.
#[test]
fn failure_texts() {
    let text = FailureText::v2(9, Failure::AuthenticationFailure, &challenge());
    assert_eq!(text.octets(), b"\x09E=691 R=0 C=5B5D7C7D7B3F2F3E3C2C602132262628 V=3");
    let text = FailureText::v1(9, Failure::RestrictedLogonHours);
    assert_eq!(text.octets(), b"\x09E=646 R=0 V=2");
    assert_eq!(Failure::AccountDisabled.number(), 647);
    assert_eq!(Failure::PasswordExpired.number(), 648);
    assert_eq!(Failure::NoDialInPermission.number(), 649);
}
