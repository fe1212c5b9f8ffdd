//! Is a reply right? Every one is checked as a router would, and beyond: signatures, code, proof of the password, keys.

use radius::{
    attribute::AttributeType,
    authenticator::{MessageAuthenticator, verify_reply},
    code::Code,
    credential::mschap::{mppe::Keys2, v2},
    hide,
    index::Index,
    packet::Authenticator,
    secret::SharedSecret,
    vendor::{VendorType, microsoft},
};

use crate::{
    population::User,
    request::{Proof, nt_hash},
};

/// What is asked of a reply.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Its code.
    pub code: Code,
    /// Whether it must carry Message-Authenticator; RouterOS since 7.15 ignores Accepts and Rejects without.
    pub signed: bool,
}

/// Why a reply is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It is no packet.
    #[error("malformed")]
    Malformed,
    /// The Response Authenticator or Message-Authenticator does not hold.
    #[error("signature")]
    Signature,
    /// Message-Authenticator is missing.
    #[error("unsigned")]
    Unsigned,
    /// Another code than expected.
    #[error("code")]
    Code,
    /// MS-CHAP2-Success is missing or does not prove the password (RFC 2759 §8.7).
    #[error("mschap2_success")]
    Success,
    /// MPPE keys are missing or not those of the password (RFC 3079 §3.4).
    #[error("mppe_keys")]
    Keys,
}

impl Wrong {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Malformed, Self::Signature, Self::Unsigned, Self::Code, Self::Success, Self::Keys];
}

/// Checks the reply in `datagram`.
///
/// # Errors
/// What is wrong with it, the first thing found.
pub fn check<'a>(
    datagram: &'a [u8],
    authenticator: &Authenticator,
    secret: &SharedSecret,
    expected: &Expected,
    user: &User,
    proof: &Proof,
) -> Result<Index<'a>, Wrong> {
    let reply = Index::parse(datagram).map_err(|_| Wrong::Malformed)?;
    match verify_reply(&reply, authenticator, secret).map_err(|_| Wrong::Signature)? {
        MessageAuthenticator::Absent if expected.signed => return Err(Wrong::Unsigned),
        MessageAuthenticator::Absent | MessageAuthenticator::Valid => {}
    }
    if reply.packet().code() != expected.code {
        return Err(Wrong::Code);
    }
    if let (Proof::MsChap2 { response, challenge }, Code::ACCESS_ACCEPT) = (proof, expected.code) {
        prove(&reply, authenticator, secret, user, response, challenge)?;
    }
    Ok(reply)
}

/// The Class of an Accept.
#[must_use]
pub fn class<'a>(reply: &Index<'a>) -> Option<&'a [u8]> {
    reply.find(AttributeType::CLASS).map(|attribute| attribute.value)
}

fn prove(
    reply: &Index<'_>,
    authenticator: &Authenticator,
    secret: &SharedSecret,
    user: &User,
    response: &[u8; 50],
    challenge: &[u8; 16],
) -> Result<(), Wrong> {
    let hash = nt_hash(user);
    let response = v2::Response::parse(response, challenge).ok_or(Wrong::Success)?;
    let success = response.verify(user.name.as_bytes(), &hash).ok_or(Wrong::Success)?;
    let answered = reply.find_vendor(microsoft::MS_CHAP2_SUCCESS).ok_or(Wrong::Success)?;
    if answered.value != success.octets() {
        return Err(Wrong::Success);
    }
    let keys = Keys2::derive(&hash, response.nt_response());
    let is_key = |kind: VendorType, key: &[u8; 16]| {
        reply
            .find_vendor(kind)
            .and_then(|hidden| hide::reveal_salted(hidden.value, authenticator, secret).ok())
            .is_some_and(|revealed| revealed.expose() == key)
    };
    let right =
        is_key(microsoft::MS_MPPE_SEND_KEY, &keys.send) && is_key(microsoft::MS_MPPE_RECV_KEY, &keys.receive);
    if right { Ok(()) } else { Err(Wrong::Keys) }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use radius::compose::Composer;

    use super::*;
    use crate::{
        request::{self, Nas, Noise},
        session::Method,
    };

    fn nas() -> Nas {
        Nas {
            address: Ipv4Addr::LOCALHOST.into(),
            identity: "router".into(),
            secret: SharedSecret::new(b"secret").unwrap(),
            signs_accounting: false,
        }
    }

    const NOISE: Noise = Noise { authenticator: [3; 16], challenge: [4; 16], peer_challenge: [5; 16] };

    fn accept(request: &[u8], nas: &Nas, fill: impl FnOnce(&mut Composer<'_>)) -> Vec<u8> {
        let index = Index::parse(request).unwrap();
        let mut out = [0; 4096];
        let mut reply = Composer::reply(&mut out, Code::ACCESS_ACCEPT, &index).unwrap();
        fill(&mut reply);
        let length = reply.finish(&nas.secret);
        out[..length].to_vec()
    }

    fn verdict(reply: &[u8], user: &User, proof: &Proof) -> Result<(), Wrong> {
        let expected = Expected { code: Code::ACCESS_ACCEPT, signed: true };
        check(reply, &NOISE.authenticator, &nas().secret, &expected, user, proof).map(|_| ())
    }

    #[test]
    fn each_fault_of_a_reply_is_found() {
        let (nas, user) = (nas(), User::numbered(7));
        let mut out = [0; 4096];
        let (length, proof) =
            request::access(&mut out, 9, &nas, &user, "81000001", Method::Pap, &NOISE).unwrap();
        let right = accept(&out[..length], &nas, |_| ());
        assert_eq!(verdict(&right, &user, &proof), Ok(()));
        let mut altered = right.clone();
        altered[30] ^= 1;
        assert_eq!(verdict(&altered, &user, &proof), Err(Wrong::Signature));
        assert_eq!(verdict(&right[..19], &user, &proof), Err(Wrong::Malformed));
        let expected = Expected { code: Code::ACCESS_REJECT, signed: true };
        let checked = check(&right, &NOISE.authenticator, &nas.secret, &expected, &user, &proof);
        assert_eq!(checked.unwrap_err(), Wrong::Code);
        let index = Index::parse(&out[..length]).unwrap();
        let mut bare = [0; 64];
        let bare_length =
            Composer::bare_reply(&mut bare, Code::ACCESS_ACCEPT, &index).unwrap().finish(&nas.secret);
        assert_eq!(verdict(&bare[..bare_length], &user, &proof), Err(Wrong::Unsigned));
    }

    /// RFC 2759 §8.7, RFC 2548 §2.4.2: an Accept to MS-CHAPv2 without proof or keys is of no use.
    #[test]
    fn an_accept_to_mschap_must_prove_the_password_and_carry_the_keys() {
        let (nas, user) = (nas(), User::numbered(7));
        let mut out = [0; 4096];
        let (length, proof) =
            request::access(&mut out, 9, &nas, &user, "81000001", Method::Mschap2, &NOISE).unwrap();
        let request = &out[..length];
        assert_eq!(verdict(&accept(request, &nas, |_| ()), &user, &proof), Err(Wrong::Success));
        let Proof::MsChap2 { response, challenge } = proof else { panic!("it was asked for") };
        let response = v2::Response::parse(&response, &challenge).unwrap();
        let hash = nt_hash(&user);
        let success = response.verify(user.name.as_bytes(), &hash).unwrap();
        let keyless = accept(request, &nas, |reply| {
            reply.vendor(microsoft::MS_CHAP2_SUCCESS, success.octets()).unwrap();
        });
        assert_eq!(verdict(&keyless, &user, &proof), Err(Wrong::Keys));
    }
}
