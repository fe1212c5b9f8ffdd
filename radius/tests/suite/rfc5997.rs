//! RFC 5997 §6: Status-Server and its answers.

use radius::authenticator::{AuthenticatorError, MessageAuthenticator, verify_reply, verify_request};
use radius::code::Code;
use radius::compose::Composer;
use radius::index::Index;
use radius::service::{Ask, Service};

use crate::hex::{AUTHENTICATOR, octets, secret};

/// §6.1, §6.2: request, the answer that the document prints, and the service it is for. The document prints code 02 in
/// the answer of §6.2; the text of §4.2 and the authenticator say 05.
const EXAMPLES: [(&str, &str, Service); 2] = [
    (
        "0cda0026 8a54f4686fb394c52866e302185d0623 5012 5a665e2e1e8411f3e243822097c84fa3",
        "02da0014 ef0d552a4bf2d693ec2b6fe8b5411d66",
        Service::Authentication,
    ),
    (
        "0cb30026 925f6b66dd5fed571fcb1db7ad388260 5012 e8d6eabda910875cd91fdade26367858",
        "05b30014 0f6f92145f107e2f504e860a4860669c",
        Service::Accounting,
    ),
];

#[test]
fn section_6_requests_and_answers() {
    for (request, answer, service) in EXAMPLES {
        let (request, answer) = (octets(request), octets(answer));
        let request = Index::parse(&request).unwrap();
        assert_eq!(service.ask(request.packet().code()), Some(Ask::Status));
        assert_eq!(verify_request(&request, &secret()), Ok(MessageAuthenticator::Valid));

        let mut buffer = [0; 64];
        let composer = Composer::bare_reply(&mut buffer, service.status_reply(), &request).unwrap();
        let length = composer.finish(&secret());
        assert_eq!(&buffer[..length], answer);

        // Ours carries a Message-Authenticator besides.
        let composer = Composer::reply(&mut buffer, service.status_reply(), &request).unwrap();
        let length = composer.finish(&secret());
        let reply = Index::parse(&buffer[..length]).unwrap();
        let verified = verify_reply(&reply, request.packet().authenticator(), &secret());
        assert_eq!(verified, Ok(MessageAuthenticator::Valid));
    }
}

#[test]
fn section_6_1_composes() {
    let bytes = octets(EXAMPLES[0].0);
    let authenticator = bytes[4..20].try_into().unwrap();
    let mut buffer = [0; 64];
    let mut composer = Composer::request(&mut buffer, Code::STATUS_SERVER, 0xda, &authenticator).unwrap();
    composer.message_authenticator().unwrap();
    let length = composer.finish(&secret());
    assert_eq!(&buffer[..length], bytes);
}

/// §3: without a Message-Authenticator, or with a wrong one, it is discarded.
#[test]
fn section_3_needs_message_authenticator() {
    let mut buffer = [0; 64];
    let composer = Composer::request(&mut buffer, Code::STATUS_SERVER, 1, &AUTHENTICATOR).unwrap();
    let length = composer.finish(&secret());
    let request = Index::parse(&buffer[..length]).unwrap();
    let verified = verify_request(&request, &secret());
    assert_eq!(verified, Err(AuthenticatorError::MessageAuthenticatorMissing));

    let mut bytes = octets(EXAMPLES[0].0);
    bytes[37] ^= 1;
    let verified = verify_request(&Index::parse(&bytes).unwrap(), &secret());
    assert_eq!(verified, Err(AuthenticatorError::MessageAuthenticatorWrong));
}

/// RFC 2865 §3, RFC 2866 §3: each port has its codes; all others are discarded.
#[test]
fn ports_and_codes() {
    for code in 0..=u8::MAX {
        let code = Code(code);
        let authentication = Service::Authentication.ask(code);
        let accounting = Service::Accounting.ask(code);
        let expected = match code {
            Code::ACCESS_REQUEST => (Some(Ask::Access), None),
            Code::ACCOUNTING_REQUEST => (None, Some(Ask::Account)),
            Code::STATUS_SERVER => (Some(Ask::Status), Some(Ask::Status)),
            _ => (None, None),
        };
        assert_eq!((authentication, accounting), expected, "{code}");
    }
}
