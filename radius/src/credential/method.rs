//! Which method a request uses, and the parts of it.

use super::{chap, mschap, pap};
use crate::attribute::AttributeType;
use crate::index::Index;
use crate::vendor::microsoft;

/// How the user of an Access-Request proves himself.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// A hidden password (RFC 2865 §5.2).
    Pap(pap::UserPassword<'a>),
    /// A response to a challenge (RFC 2865 §5.3).
    Chap(chap::Response<'a>),
    /// MS-CHAP, version 1 (RFC 2548 §2.1.3).
    MsChap1(mschap::v1::Response<'a>),
    /// MS-CHAP, version 2 (RFC 2548 §2.3.2).
    MsChap2(mschap::v2::Response<'a>),
    /// EAP (RFC 3579).
    Eap,
    /// Nothing of the kind; such a request is never accepted (RFC 2865 §4.1).
    None,
    /// More than one method, which is forbidden (RFC 2865 §4.1), or one whose parts are missing or of the wrong length.
    Conflict,
}

impl<'a> Credential<'a> {
    /// Finds the credential of a request.
    pub fn from_request(request: &Index<'a>) -> Self {
        let password = request.find(AttributeType::USER_PASSWORD);
        let chap = request.find(AttributeType::CHAP_PASSWORD);
        let mschap1 = request.find_vendor(microsoft::MS_CHAP_RESPONSE);
        let mschap2 = request.find_vendor(microsoft::MS_CHAP2_RESPONSE);
        let eap = request.has(AttributeType::EAP_MESSAGE);

        match (password, chap, mschap1, mschap2, eap) {
            (None, None, None, None, false) => Some(Self::None),
            (None, None, None, None, true) => Some(Self::Eap),
            (Some(password), None, None, None, false) => {
                Some(Self::Pap(pap::UserPassword::new(password.value, request.packet().authenticator())))
            }
            (None, Some(password), None, None, false) => {
                chap::Response::parse(password.value, chap_challenge(request)).map(Self::Chap)
            }
            (None, None, Some(response), None, false) => ms_chap_challenge(request)
                .and_then(|challenge| mschap::v1::Response::parse(response.value, challenge))
                .map(Self::MsChap1),
            (None, None, None, Some(response), false) => ms_chap_challenge(request)
                .and_then(|challenge| mschap::v2::Response::parse(response.value, challenge))
                .map(Self::MsChap2),
            _ => None,
        }
        .unwrap_or(Self::Conflict)
    }
}

/// CHAP-Challenge, else the Request Authenticator (RFC 2865 §5.3).
fn chap_challenge<'a>(request: &Index<'a>) -> &'a [u8] {
    match request.find(AttributeType::CHAP_CHALLENGE) {
        Some(challenge) => challenge.value,
        None => request.packet().authenticator(),
    }
}

fn ms_chap_challenge<'a>(request: &Index<'a>) -> Option<&'a [u8]> {
    request.find_vendor(microsoft::MS_CHAP_CHALLENGE).map(|challenge| challenge.value)
}
