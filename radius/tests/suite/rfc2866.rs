//! RFC 2866 and 2869: the authenticator of accounting, and counters.

use radius::attribute::{AcctStatusType, AttributeType, TerminateCause};
use radius::authenticator::{AuthenticatorError, MessageAuthenticator, verify_reply, verify_request};
use radius::code::Code;
use radius::compose::Composer;
use radius::index::Index;

use crate::hex::{octets, secret};

/// A Start signed by another implementation.
const START: &str = "04 04 0027 11019c27d4e00cbc523b3e2fc834baf4 0106 6e656d6f 2806 00000001 2c07 3230303234";

/// §3: the Request Authenticator is a hash over the packet with zeros in its place.
#[test]
fn section_3_request_authenticator() {
    let bytes = octets(START);
    let request = Index::parse(&bytes).unwrap();
    assert_eq!(verify_request(&request, &secret()), Ok(MessageAuthenticator::Absent));
    assert_eq!(request.acct_status_type(), Some(AcctStatusType::START));
    assert_eq!(request.acct_session_id(), Some(&b"20024"[..]));

    let mut buffer = [0; 64];
    let mut composer = Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, 4).unwrap();
    composer
        .text(AttributeType::USER_NAME, "nemo")
        .and_then(|c| c.u32(AttributeType::ACCT_STATUS_TYPE, 1))
        .and_then(|c| c.text(AttributeType::ACCT_SESSION_ID, "20024"))
        .unwrap();
    let length = composer.finish(&secret());
    assert_eq!(&buffer[..length], bytes);
}

/// §3: a wrong secret, or padding counted in, gives another authenticator.
#[test]
fn section_3_wrong_authenticator() {
    let mut bytes = octets(START);
    bytes[19] ^= 1;
    let request = Index::parse(&bytes).unwrap();
    assert_eq!(verify_request(&request, &secret()), Err(AuthenticatorError::Wrong));
    bytes[19] ^= 1;
    bytes.extend_from_slice(&[0; 2]);
    let request = Index::parse(&bytes).unwrap();
    assert_eq!(verify_request(&request, &secret()), Ok(MessageAuthenticator::Absent));
}

/// RFC 2866 §3 with RFC 3579 §3.2: in accounting, Message-Authenticator is computed with zeros in the header.
#[test]
fn message_authenticator_in_accounting() {
    let mut buffer = [0; 128];
    let mut composer = Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, 4).unwrap();
    composer
        .u32(AttributeType::ACCT_STATUS_TYPE, 7)
        .and_then(Composer::message_authenticator)
        .and_then(|c| c.octets(AttributeType::PROXY_STATE, b"p"))
        .unwrap();
    let length = composer.finish(&secret());
    let request = Index::parse(&buffer[..length]).unwrap();
    assert_eq!(verify_request(&request, &secret()), Ok(MessageAuthenticator::Valid));

    let mut reply = [0; 128];
    let mut composer = Composer::reply(&mut reply, Code::ACCOUNTING_RESPONSE, &request).unwrap();
    composer.proxy_states(&request).unwrap();
    let length = composer.finish(&secret());
    let reply = Index::parse(&reply[..length]).unwrap();
    let verified = verify_reply(&reply, request.packet().authenticator(), &secret());
    assert_eq!(verified, Ok(MessageAuthenticator::Valid));
}

/// RFC 2869 §5.1, §5.2: Gigawords are the upper half; missing ones are zero.
#[test]
fn rfc_2869_section_5_1_gigawords() {
    let mut buffer = [0; 256];
    let mut composer = Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, 4).unwrap();
    composer
        .u32(AttributeType::ACCT_INPUT_OCTETS, 5)
        .and_then(|c| c.u32(AttributeType::ACCT_INPUT_GIGAWORDS, 2))
        .and_then(|c| c.u32(AttributeType::ACCT_OUTPUT_OCTETS, u32::MAX))
        .and_then(|c| c.u32(AttributeType::ACCT_TERMINATE_CAUSE, 2))
        .unwrap();
    let length = composer.finish(&secret());
    let request = Index::parse(&buffer[..length]).unwrap();
    assert_eq!(request.input_octets(), Some((2 << 32) + 5));
    assert_eq!(request.output_octets(), Some(u64::from(u32::MAX)));
    assert!(request.has_gigawords());
    assert_eq!(request.input_packets(), None);
    assert_eq!(request.acct_terminate_cause(), Some(TerminateCause::LOST_CARRIER));
}
