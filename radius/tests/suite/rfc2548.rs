//! RFC 2548: Microsoft's attributes in whole packets, from request to keys.

use radius::attribute::AttributeType;
use radius::authenticator::{MessageAuthenticator, verify_reply, verify_request};
use radius::code::Code;
use radius::compose::Composer;
use radius::credential::Credential;
use radius::credential::mschap::mppe::{EncryptionPolicy, EncryptionTypes, Keys1, Keys2};
use radius::credential::mschap::{LmHash, NtHash, v1, v2};
use radius::hide::{self, Salt};
use radius::index::Index;
use radius::vendor::{Vendor, microsoft};

use crate::hex::{AUTHENTICATOR, secret};

/// §2.3, §2.4.2 to §2.4.5: MS-CHAPv2 and its keys under two salts.
#[test]
fn version_2_from_request_to_keys() {
    let hash = NtHash::of_password("rahasia");
    let mut request = [0; 512];
    let mut composer = Composer::request(&mut request, Code::ACCESS_REQUEST, 5, &AUTHENTICATOR).unwrap();
    composer
        .text(AttributeType::USER_NAME, "ISP\\budi")
        .and_then(|c| c.vendor(microsoft::MS_CHAP_CHALLENGE, &[0x31; 16]))
        .and_then(|c| {
            let response = v2::compose(77, b"ISP\\budi", &hash, &[0x31; 16], &[0x42; 16]);
            c.vendor(microsoft::MS_CHAP2_RESPONSE, &response)
        })
        .and_then(Composer::message_authenticator)
        .unwrap();
    let length = composer.finish(&secret());
    let request = Index::parse(&request[..length]).unwrap();
    assert_eq!(verify_request(&request, &secret()), Ok(MessageAuthenticator::Valid));

    let Credential::MsChap2(response) = Credential::from_request(&request) else { panic!("not v2") };
    let success = response.verify(request.user_name().unwrap(), &hash).unwrap();
    let keys = Keys2::derive(&hash, response.nt_response());
    let mut reply = [0; 512];
    let mut composer = Composer::reply(&mut reply, Code::ACCESS_ACCEPT, &request).unwrap();
    composer
        .vendor(microsoft::MS_CHAP2_SUCCESS, success.octets())
        .and_then(|c| {
            let policy = EncryptionPolicy::ALLOWED;
            c.mppe_keys2(&keys, policy, EncryptionTypes::RC4_40_OR_128, Salt::new(0x7fff), &secret())
        })
        .unwrap();
    let length = composer.finish(&secret());
    let reply = Index::parse(&reply[..length]).unwrap();
    assert_eq!(verify_reply(&reply, &AUTHENTICATOR, &secret()), Ok(MessageAuthenticator::Valid));

    let attributes: Vec<_> = reply.packet().vendor_attributes(Vendor::MICROSOFT).collect();
    assert_eq!(attributes[0].value[0], 77);
    assert_eq!(attributes[0].value[1..], success.text()[..]);
    assert_eq!((attributes[1].u32(), attributes[2].u32()), (Some(1), Some(6)));
    let [send, receive] = [&attributes[3], &attributes[4]];
    assert_eq!((send.kind, receive.kind), (microsoft::MS_MPPE_SEND_KEY, microsoft::MS_MPPE_RECV_KEY));
    for (attribute, key) in [(send, keys.send), (receive, keys.receive)] {
        // Salt 2, length octet and key padded to two blocks.
        assert_eq!(attribute.value.len(), 2 + 32);
        assert_eq!(attribute.value[0] & 0x80, 0x80);
        let revealed = hide::reveal_salted(attribute.value, &AUTHENTICATOR, &secret()).unwrap();
        assert_eq!(revealed.expose(), key);
    }
    assert_ne!(send.value[..2], receive.value[..2], "two salts");
}

/// §2.1.3, §2.4.1: MS-CHAPv1 and its keys, hidden like a password.
#[test]
fn version_1_from_request_to_keys() {
    let hash = NtHash::of_password("rahasia");
    let mut request = [0; 512];
    let mut composer = Composer::request(&mut request, Code::ACCESS_REQUEST, 5, &AUTHENTICATOR).unwrap();
    composer
        .vendor(microsoft::MS_CHAP_CHALLENGE, &[0x31; 8])
        .and_then(|c| c.vendor(microsoft::MS_CHAP_RESPONSE, &v1::compose(7, &hash, [0x31; 8])))
        .unwrap();
    let length = composer.finish(&secret());
    let request = Index::parse(&request[..length]).unwrap();
    let Credential::MsChap1(response) = Credential::from_request(&request) else { panic!("not v1") };
    assert!(response.matches(&hash));

    let keys = Keys1::new(&hash, LmHash::of_password("rahasia").as_ref());
    let mut reply = [0; 512];
    let mut composer = Composer::reply(&mut reply, Code::ACCESS_ACCEPT, &request).unwrap();
    composer.mppe_keys1(&keys, EncryptionPolicy::REQUIRED, EncryptionTypes::RC4_128, &secret()).unwrap();
    let length = composer.finish(&secret());
    let reply = Index::parse(&reply[..length]).unwrap();
    let attribute = reply.packet().find_vendor(microsoft::MS_CHAP_MPPE_KEYS).unwrap();
    assert_eq!(attribute.value.len(), 32);
    let revealed = hide::reveal_password(attribute.value, &AUTHENTICATOR, &secret()).unwrap();
    // The padding of eight zeros reads as trailing NULs of a password.
    assert_eq!(revealed.expose(), &keys.expose()[..24]);
}
