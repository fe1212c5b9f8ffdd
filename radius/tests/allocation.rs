//! The packet path allocates nothing: from the datagram to the signed reply, for every method and for accounting.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground is not as it says")]

use std::net::Ipv4Addr;

use radius::attribute::AttributeType;
use radius::authenticator::verify_request;
use radius::code::Code;
use radius::compose::{ComposeError, Composer};
use radius::credential::mschap::mppe::{EncryptionPolicy, EncryptionTypes, Keys1, Keys2};
use radius::credential::mschap::{Failure, FailureText, LmHash, NtHash, v1, v2};
use radius::credential::{Credential, chap};
use radius::hide::Salt;
use radius::index::Index;
use radius::secret::SharedSecret;
use radius::vendor::{microsoft, mikrotik};

const PASSWORD: &str = "rahasia12345";

/// Serves one request as a server does; answers how long the reply is.
fn serve(datagram: &[u8], reply: &mut [u8], secret: &SharedSecret) -> usize {
    let request = Index::parse(datagram).unwrap();
    verify_request(&request, secret).unwrap();
    if request.packet().code() == Code::ACCOUNTING_REQUEST {
        assert!(request.acct_session_id().is_some() && request.input_octets().is_some());
        let mut composer = Composer::bare_reply(reply, Code::ACCOUNTING_RESPONSE, &request).unwrap();
        composer.proxy_states(&request).unwrap();
        return composer.finish(secret);
    }
    let nt = NtHash::of_password(PASSWORD);
    let mut composer = Composer::reply(reply, Code::ACCESS_ACCEPT, &request).unwrap();
    let (policy, types) = (EncryptionPolicy::ALLOWED, EncryptionTypes::RC4_40_OR_128);
    match Credential::from_request(&request) {
        Credential::Pap(password) => assert!(password.matches(PASSWORD.as_bytes(), secret)),
        Credential::Chap(response) => assert!(response.matches(PASSWORD.as_bytes())),
        Credential::MsChap1(response) => {
            assert!(response.matches(&nt));
            let keys = Keys1::new(&nt, LmHash::of_password(PASSWORD).as_ref());
            composer.mppe_keys1(&keys, policy, types, secret).unwrap();
        }
        Credential::MsChap2(response) => {
            let success = response.verify(request.user_name().unwrap(), &nt).unwrap();
            let keys = Keys2::derive(&nt, response.nt_response());
            composer
                .vendor(microsoft::MS_CHAP2_SUCCESS, success.octets())
                .and_then(|c| c.mppe_keys2(&keys, policy, types, Salt::new(7), secret))
                .unwrap();
        }
        _ => {
            let text = FailureText::v2(1, Failure::AuthenticationFailure, &[7; 16]);
            composer.vendor(microsoft::MS_CHAP_ERROR, text.octets()).unwrap();
        }
    }
    composer
        .ipv4(AttributeType::FRAMED_IP_ADDRESS, Ipv4Addr::new(100, 64, 0, 9))
        .and_then(|c| c.u32(AttributeType::ACCT_INTERIM_INTERVAL, 300))
        .and_then(|c| c.vendor_text(mikrotik::RATE_LIMIT, "10M/20M"))
        .and_then(|c| c.octets(AttributeType::CLASS, &[9; 24]))
        .and_then(|c| c.proxy_states(&request))
        .unwrap();
    composer.finish(secret)
}

/// A request with this credential, as a router sends it.
fn request(
    secret: &SharedSecret,
    credential: impl FnOnce(&mut Composer<'_>) -> Result<(), ComposeError>,
) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &[5; 16]).unwrap();
    composer
        .text(AttributeType::USER_NAME, "budi@isp")
        .and_then(|c| c.ipv4(AttributeType::NAS_IP_ADDRESS, Ipv4Addr::new(10, 0, 0, 1)))
        .and_then(|c| c.octets(AttributeType::PROXY_STATE, b"state"))
        .unwrap();
    credential(&mut composer).unwrap();
    composer.message_authenticator().unwrap();
    let length = composer.finish(secret);
    buffer.truncate(length);
    buffer
}

fn accounting(secret: &SharedSecret) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let mut composer = Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, 1).unwrap();
    composer
        .u32(AttributeType::ACCT_STATUS_TYPE, 3)
        .and_then(|c| c.text(AttributeType::ACCT_SESSION_ID, "8100000c"))
        .and_then(|c| c.u32(AttributeType::ACCT_INPUT_OCTETS, 3))
        .unwrap();
    let length = composer.finish(secret);
    buffer.truncate(length);
    buffer
}

#[test]
fn packet_path_allocates_nothing() {
    let secret = SharedSecret::new(b"testing123").unwrap();
    let nt = NtHash::of_password(PASSWORD);
    let requests = [
        request(&secret, |c| c.user_password(PASSWORD.as_bytes(), &secret).map(drop)),
        request(&secret, |c| {
            let response = chap::respond(3, PASSWORD.as_bytes(), &[5; 16]);
            c.octets(AttributeType::CHAP_PASSWORD, &[&[3], &response[..]].concat()).map(drop)
        }),
        request(&secret, |c| {
            c.vendor(microsoft::MS_CHAP_CHALLENGE, &[8; 8])?;
            c.vendor(microsoft::MS_CHAP_RESPONSE, &v1::compose(3, &nt, [8; 8])).map(drop)
        }),
        request(&secret, |c| {
            c.vendor(microsoft::MS_CHAP_CHALLENGE, &[8; 16])?;
            let response = v2::compose(3, b"budi@isp", &nt, &[8; 16], &[6; 16]);
            c.vendor(microsoft::MS_CHAP2_RESPONSE, &response).map(drop)
        }),
        request(&secret, |_| Ok(())),
        accounting(&secret),
    ];
    let mut reply = [0; 4096];
    for request in &requests {
        let mut length = 0;
        let measured = allocation_counter::measure(|| length = serve(request, &mut reply, &secret));
        assert!(length >= 20);
        assert_eq!(measured.count_total, 0, "{} octets", request.len());
    }
    // The counter counts.
    let measured = allocation_counter::measure(|| drop(std::hint::black_box(vec![0_u8; 7])));
    assert_eq!(measured.count_total, 1);
}
