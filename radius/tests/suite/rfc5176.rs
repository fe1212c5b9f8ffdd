//! RFC 5176: CoA and Disconnect packets (the state machine has tests of its own).

use radius::attribute::{AttributeType, ErrorCause};
use radius::authenticator::{AuthenticatorError, MessageAuthenticator, verify_reply, verify_request};
use radius::code::Code;
use radius::compose::Composer;
use radius::index::Index;
use radius::vendor::mikrotik;

use crate::hex::secret;

/// §2.3, §3.4: authenticator and Message-Authenticator are computed with zeros, the reply's with the request's.
#[test]
fn section_2_3_request_and_nak() {
    for (code, nak) in [(Code::COA_REQUEST, Code::COA_NAK), (Code::DISCONNECT_REQUEST, Code::DISCONNECT_NAK)]
    {
        let mut buffer = [0; 256];
        let mut composer = Composer::signed_request(&mut buffer, code, 200).unwrap();
        composer
            .message_authenticator()
            .and_then(|c| c.text(AttributeType::ACCT_SESSION_ID, "81000001"))
            .and_then(|c| c.vendor_text(mikrotik::RATE_LIMIT, "64k/64k"))
            .unwrap();
        let length = composer.finish(&secret());
        let request = Index::parse(&buffer[..length]).unwrap();
        assert_eq!(verify_request(&request, &secret()), Ok(MessageAuthenticator::Valid));

        let mut reply = [0; 256];
        let mut composer = Composer::reply(&mut reply, nak, &request).unwrap();
        composer.u32(AttributeType::ERROR_CAUSE, ErrorCause::SESSION_CONTEXT_NOT_FOUND.0).unwrap();
        let length = composer.finish(&secret());
        let reply = Index::parse(&reply[..length]).unwrap();
        let authenticator = request.packet().authenticator();
        assert_eq!(verify_reply(&reply, authenticator, &secret()), Ok(MessageAuthenticator::Valid));
        assert_eq!(reply.packet().identifier(), 200);
        // A reply to another request, or from one who does not know the secret.
        assert_eq!(verify_reply(&reply, &[0; 16], &secret()), Err(AuthenticatorError::Wrong));
        assert_eq!(verify_request(&reply, &secret()), Err(AuthenticatorError::NotRequest));
    }
}

/// §3.5.
#[test]
fn section_3_5_error_causes_have_names() {
    for (number, name) in [
        (402, "Missing-Attribute"),
        (403, "NAS-Identification-Mismatch"),
        (404, "Invalid-Request"),
        (407, "Invalid-Attribute-Value"),
        (501, "Administratively-Prohibited"),
        (503, "Session-Context-Not-Found"),
        (504, "Session-Context-Not-Removable"),
        (506, "Resources-Unavailable"),
        (508, "Multiple-Session-Selection-Unsupported"),
    ] {
        assert_eq!(ErrorCause(number).to_string(), name);
    }
    assert_eq!(ErrorCause(999).to_string(), "999");
}
