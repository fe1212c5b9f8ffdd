//! RFC 3579: Message-Authenticator and the transport of EAP.

use radius::attribute::AttributeType;
use radius::authenticator::{AuthenticatorError, MessageAuthenticator, verify_reply, verify_request};
use radius::code::Code;
use radius::compose::{ComposeError, Composer};
use radius::credential::eap::{self, EapError};
use radius::index::{Index, Presence};

use crate::hex::{AUTHENTICATOR, secret};

/// An Access-Request with these attributes, as one of RouterOS: Message-Authenticator may stand anywhere.
fn request(fill: impl FnOnce(&mut Composer<'_>) -> Result<(), ComposeError>) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    fill(&mut composer).unwrap();
    let length = composer.finish(&secret());
    buffer.truncate(length);
    buffer
}

/// §3.2: first, in the middle and last; padding does not count.
#[test]
fn section_3_2_position_in_requests() {
    let name = |c: &mut Composer<'_>| c.text(AttributeType::USER_NAME, "budi").map(drop);
    let identifier = |c: &mut Composer<'_>| c.text(AttributeType::NAS_IDENTIFIER, "r1").map(drop);
    for position in 0..3 {
        let mut bytes = request(|c| {
            for step in 0..3 {
                if step == position {
                    c.message_authenticator()?;
                }
                match step {
                    0 => name(c)?,
                    1 => identifier(c)?,
                    _ => {}
                }
            }
            Ok(())
        });
        bytes.extend_from_slice(b"padding");
        let index = Index::parse(&bytes).unwrap();
        assert_eq!(verify_request(&index, &secret()), Ok(MessageAuthenticator::Valid), "{position}");
    }
}

/// §3.2: present and wrong, of another length, and twice.
#[test]
fn section_3_2_broken() {
    let good = request(|c| c.message_authenticator().map(drop));
    let mut wrong = good.clone();
    wrong[37] ^= 0x10;
    let verify = |bytes: &[u8]| verify_request(&Index::parse(bytes).unwrap(), &secret());
    assert_eq!(verify(&wrong), Err(AuthenticatorError::MessageAuthenticatorWrong));
    assert!(AuthenticatorError::MessageAuthenticatorWrong.depends_on_secret());

    let mut short = good.clone();
    short.truncate(37);
    (short[3], short[21]) = (37, 17);
    assert_eq!(verify(&short), Err(AuthenticatorError::MessageAuthenticatorMalformed));
    assert_eq!(Index::parse(&short).unwrap().message_authenticator(), Presence::Malformed);

    let mut twice = good.clone();
    twice.extend_from_slice(&good[20..]);
    twice[3] = u8::try_from(twice.len()).unwrap();
    assert_eq!(verify(&twice), Err(AuthenticatorError::MessageAuthenticatorRepeated));
    assert!(!AuthenticatorError::MessageAuthenticatorRepeated.depends_on_secret());
}

/// §3.1: EAP-Message without Message-Authenticator is discarded.
#[test]
fn section_3_1_eap_needs_it() {
    let bare = request(|c| c.eap_message(&[2, 1, 0, 4]).map(drop));
    let verified = verify_request(&Index::parse(&bare).unwrap(), &secret());
    assert_eq!(verified, Err(AuthenticatorError::MessageAuthenticatorMissing));
    let good = request(|c| c.eap_message(&[2, 1, 0, 4])?.message_authenticator().map(drop));
    let verified = verify_request(&Index::parse(&good).unwrap(), &secret());
    assert_eq!(verified, Ok(MessageAuthenticator::Valid));
}

/// §3.1: more than 253 octets are split, and joined in order.
#[test]
fn section_3_1_fragments() {
    for length in [4_usize, 253, 254, 506, 1400] {
        let mut packet: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
        packet[2..4].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        let bytes = request(|c| {
            c.text(AttributeType::USER_NAME, "budi")?.eap_message(&packet)?.message_authenticator().map(drop)
        });
        let index = Index::parse(&bytes).unwrap();
        assert_eq!(index.find_all(AttributeType::EAP_MESSAGE).count(), length.div_ceil(253));
        let mut buffer = [0; 4096];
        assert_eq!(eap::join(&index, &mut buffer), Ok(&packet[..]));
        let mut small = vec![0; length - 1];
        assert_eq!(eap::join(&index, &mut small), Err(EapError::Full));
    }
}

/// §3.1: the attributes must be consecutive, and what they hold must be one EAP packet.
#[test]
fn section_3_1_broken_eap() {
    let join = |bytes: &[u8]| {
        let mut buffer = [0; 4096];
        eap::join(&Index::parse(bytes).unwrap(), &mut buffer).map(drop)
    };
    assert_eq!(join(&request(|_| Ok(()))), Err(EapError::Missing));
    assert_eq!(join(&request(|c| c.eap_message(&[2, 1, 0, 5]).map(drop))), Err(EapError::Malformed));
    assert_eq!(join(&request(|c| c.eap_message(&[2, 1, 0]).map(drop))), Err(EapError::Malformed));
    let scattered = request(|c| {
        c.octets(AttributeType::EAP_MESSAGE, &[2, 1])?
            .u32(AttributeType::NAS_PORT, 1)?
            .octets(AttributeType::EAP_MESSAGE, &[0, 4])
            .map(drop)
    });
    assert_eq!(join(&scattered), Err(EapError::Scattered));
}

/// An EAP packet that does not fit is left out whole.
#[test]
fn eap_message_is_all_or_nothing() {
    let mut buffer = [0; 300];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    assert_eq!(composer.eap_message(&[1; 300]).err(), Some(ComposeError::Full));
    assert_eq!(composer.length(), 20);
}

/// §2.6.3: a Reject carries EAP-Failure with the identifier of the packet it answers.
#[test]
fn section_2_6_3_failure() {
    assert_eq!(eap::failure(&[2, 7, 0, 5, 1]), Some([4, 7, 0, 4]));
    assert_eq!(eap::failure(&[2, 7, 0]), None);
}

/// In a reply, Message-Authenticator comes first and is computed with the request's authenticator.
#[test]
fn replies_have_it_first() {
    let request = request(|c| c.eap_message(&[2, 1, 0, 4])?.message_authenticator().map(drop));
    let request = Index::parse(&request).unwrap();
    for code in [Code::ACCESS_ACCEPT, Code::ACCESS_REJECT, Code::ACCESS_CHALLENGE, Code::PROTOCOL_ERROR] {
        let mut buffer = [0; 128];
        let mut composer = Composer::reply(&mut buffer, code, &request).unwrap();
        // A second one is not added.
        composer.message_authenticator().and_then(|c| c.eap_message(&[4, 1, 0, 4])).unwrap();
        let length = composer.finish(&secret());
        let reply = Index::parse(&buffer[..length]).unwrap();
        let first = reply.packet().attributes().next().unwrap();
        assert_eq!(first.kind, AttributeType::MESSAGE_AUTHENTICATOR);
        assert_eq!(verify_reply(&reply, &AUTHENTICATOR, &secret()), Ok(MessageAuthenticator::Valid));
    }
}

/// §3.1: a reply with EAP-Message and without Message-Authenticator is not believed.
#[test]
fn eap_reply_without_it() {
    let request = request(|c| c.message_authenticator().map(drop));
    let request = Index::parse(&request).unwrap();
    let mut buffer = [0; 128];
    let mut composer = Composer::bare_reply(&mut buffer, Code::ACCESS_ACCEPT, &request).unwrap();
    composer.eap_message(&[3, 1, 0, 4]).unwrap();
    let length = composer.finish(&secret());
    let reply = Index::parse(&buffer[..length]).unwrap();
    let verified = verify_reply(&reply, &AUTHENTICATOR, &secret());
    assert_eq!(verified, Err(AuthenticatorError::MessageAuthenticatorMissing));
}
