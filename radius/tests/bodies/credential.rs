//! Credentials of any request, checked against a password that it does not know.

use radius::credential::mschap::NtHash;
use radius::credential::{Credential, mschap};
use radius::index::Index;

use super::secret;

/// Finding and checking a credential never panics, and a password that nobody has chosen is never right.
pub(crate) fn credential(datagram: &[u8]) {
    let Ok(index) = Index::parse(datagram) else { return };
    let password = "a password that no mutation of octets finds";
    let hash = NtHash::of_password(password);
    match Credential::from_request(&index) {
        Credential::Pap(response) => {
            let _ = response.reveal(&secret());
            assert!(!response.matches(password.as_bytes(), &secret()));
        }
        Credential::Chap(response) => assert!(!response.matches(password.as_bytes())),
        Credential::MsChap1(response) => assert!(!response.matches(&hash)),
        Credential::MsChap2(response) => {
            let name = index.find(radius::attribute::AttributeType::USER_NAME);
            let name = name.map_or(&[][..], |name| name.value);
            assert!(response.verify(name, &hash).is_none());
            assert!(name.ends_with(mschap::v2::without_domain(name)));
        }
        Credential::Eap | Credential::None | Credential::Conflict => {}
    }
}
