//! The password methods.

use radius::{
    credential::{
        chap,
        mschap::{
            NtHash,
            mppe::{Keys1, Keys2},
            v1, v2,
        },
    },
    hide,
    vendor::microsoft,
};

use super::*;

#[test]
fn pap() {
    // RFC 2865 §5.2.
    let mut world = World::new();
    world.accept(&budi());
    for wrong in ["rahasi", "rahasiaa", "Rahasia", ""] {
        assert_eq!(world.reason(&dial("budi", wrong, MAC)), Outcome::WrongPassword);
    }
}

#[test]
fn chap_with_and_without_a_challenge_attribute() {
    // RFC 2865 §2.2, §5.3, §5.40.
    let mut world = World::new();
    let ask = |password: &[u8], challenge: Option<&[u8]>| {
        let response = chap::respond(7, password, challenge.unwrap_or(&AUTHENTICATOR));
        access(|packet| {
            let packet = pppoe(packet, "budi", MAC)?
                .octets(AttributeType::CHAP_PASSWORD, &[&[7][..], &response].concat())?;
            match challenge {
                Some(challenge) => packet.octets(AttributeType::CHAP_CHALLENGE, challenge),
                None => Ok(packet),
            }
        })
    };
    world.accept(&ask(b"rahasia", Some(&[1; 16])));
    world.accept(&ask(b"rahasia", Some(&[1; 5])));
    world.accept(&ask(b"rahasia", None));
    assert_eq!(world.reason(&ask(b"wrong", Some(&[1; 16]))), Outcome::WrongPassword);
    assert_eq!(world.reason(&ask(b"wrong", None)), Outcome::WrongPassword);
}

fn ms_chap1(password: &str) -> Vec<u8> {
    let challenge = [3; 8];
    let response = v1::compose(5, &NtHash::of_password(password), challenge);
    access(|packet| {
        pppoe(packet, "budi", MAC)?
            .vendor(microsoft::MS_CHAP_CHALLENGE, &challenge)?
            .vendor(microsoft::MS_CHAP_RESPONSE, &response)
    })
}

#[test]
fn ms_chap_version_1_with_its_keys() {
    // RFC 2548 §2.1.3, §2.4.1.
    let mut world = World::new();
    let reply = world.accept(&ms_chap1("rahasia"));
    let hidden = reply.vendor(microsoft::MS_CHAP_MPPE_KEYS).unwrap();
    assert_eq!(hidden.len(), 32);
    let plain = hide::reveal_password(hidden, &AUTHENTICATOR, &secret()).unwrap();
    let lm = radius::credential::mschap::LmHash::of_password("rahasia");
    let keys = Keys1::new(&NtHash::of_password("rahasia"), lm.as_ref());
    assert_eq!(plain.expose(), &keys.expose()[..24], "the zeros behind them read as padding");
    assert!(reply.vendor(microsoft::MS_MPPE_ENCRYPTION_POLICY).is_some(), "RFC 2548 §2.4.4");
    assert!(reply.vendor(microsoft::MS_MPPE_ENCRYPTION_TYPES).is_some(), "RFC 2548 §2.4.5");

    let (reason, reply) = world.reject(&ms_chap1("wrong"));
    assert_eq!(reason, Outcome::WrongPassword);
    assert_eq!(reply.vendor(microsoft::MS_CHAP_ERROR), Some(&b"\x05E=691 R=0 V=2"[..]), "RFC 2548 §2.1.5");
}

fn ms_chap2(username: &str, password: &str) -> Vec<u8> {
    let (challenge, peer) = ([4; 16], [5; 16]);
    let hash = NtHash::of_password(password);
    let response = v2::compose(6, username.as_bytes(), &hash, &challenge, &peer);
    access(|packet| {
        pppoe(packet, username, MAC)?
            .vendor(microsoft::MS_CHAP_CHALLENGE, &challenge)?
            .vendor(microsoft::MS_CHAP2_RESPONSE, &response)
    })
}

#[test]
fn ms_chap_version_2_with_its_proof_and_keys() {
    // RFC 2759 §8, RFC 2548 §2.3.3, §2.4.2, §2.4.3; RFC 3079 §3.
    let mut world = World::new();
    for username in ["budi", "budi@isp.example"] {
        let reply = world.accept(&ms_chap2(username, "rahasia"));
        let success = reply.vendor(microsoft::MS_CHAP2_SUCCESS).unwrap();
        assert_eq!((success[0], &success[1..3], success.len()), (6, &b"S="[..], 43));
        let response = v2::respond(username.as_bytes(), &NtHash::of_password("rahasia"), &[4; 16], &[5; 16]);
        let keys = Keys2::derive(&NtHash::of_password("rahasia"), &response);
        let send = reply.vendor(microsoft::MS_MPPE_SEND_KEY).unwrap();
        let receive = reply.vendor(microsoft::MS_MPPE_RECV_KEY).unwrap();
        assert_ne!(send[..2], receive[..2], "RFC 2548 §2.4.2: distinct salts");
        let reveal = |hidden| hide::reveal_salted(hidden, &AUTHENTICATOR, &secret()).unwrap();
        assert_eq!(reveal(send).expose(), keys.send);
        assert_eq!(reveal(receive).expose(), keys.receive);
    }
    let (reason, reply) = world.reject(&ms_chap2("budi", "wrong"));
    assert_eq!(reason, Outcome::WrongPassword);
    let error = reply.vendor_text(microsoft::MS_CHAP_ERROR).unwrap();
    assert!(error.starts_with("\u{6}E=691 R=0 C=") && error.ends_with(" V=3"), "{error}");
}

#[test]
fn other_reasons_look_like_a_wrong_password() {
    let mut world = World::new();
    world.subscriber(|subscriber| subscriber.standing = entry::Standing::Suspended);
    let (reason, reply) = world.reject(&ms_chap1("rahasia"));
    assert_eq!(reason, Outcome::Suspended);
    assert_eq!(reply.vendor(microsoft::MS_CHAP_ERROR), Some(&b"\x05E=691 R=0 V=2"[..]));
    let (_, reply) = world.reject(&ms_chap2("budi", "rahasia"));
    assert_eq!(reply.vendor(microsoft::MS_CHAP2_SUCCESS), None, "no proof of the password for a reject");
}

#[test]
fn eap_is_refused_with_eap_failure() {
    // RFC 3579 §2.6.3.
    let mut world = World::new();
    let identity = [2, 0x42, 0, 9, 1, b'b', b'u', b'd', b'i'];
    let packet = access(|packet| pppoe(packet, "budi", MAC)?.eap_message(&identity));
    let (reason, reply) = world.reject(&packet);
    assert_eq!(reason, Outcome::MethodNotOffered);
    assert_eq!(reply.octets(AttributeType::EAP_MESSAGE), Some(&[4, 0x42, 0, 4][..]));
}

#[test]
fn two_methods_or_none_are_no_proof() {
    // RFC 2865 §4.1.
    let mut world = World::new();
    let both = access(|packet| {
        pppoe(packet, "budi", MAC)?
            .user_password(b"rahasia", &secret())?
            .octets(AttributeType::CHAP_PASSWORD, &[7; 17])
    });
    assert_eq!(world.reason(&both), Outcome::ConflictingPasswords);
    let none = access(|packet| pppoe(packet, "budi", MAC));
    assert_eq!(world.reason(&none), Outcome::NoPassword);
    let state = access(|packet| pppoe(packet, "budi", MAC)?.octets(AttributeType::STATE, b"unknown"));
    assert_eq!(world.reason(&state), Outcome::NoPassword, "RFC 2865 §5.24: we gave no State");
    let answer = access(|packet| {
        let packet = pppoe(packet, "budi", MAC)?.user_password(b"rahasia", &secret())?;
        packet.octets(AttributeType::STATE, b"unknown")
    });
    assert_eq!(world.reason(&answer), Outcome::UnknownState, "nor is it taken with the right password");
    let nameless = access(|packet| {
        packet
            .u32(AttributeType::FRAMED_PROTOCOL, FramedProtocol::PPP.0)?
            .user_password(b"rahasia", &secret())
    });
    assert_eq!(world.reason(&nameless), Outcome::NoUserName);
}
