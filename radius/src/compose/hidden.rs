//! Attributes whose values are hidden with the secret and the request's authenticator.

use super::{ComposeError, Composer};
use crate::attribute::{AttributeType, Tag};
use crate::credential::mschap::mppe::{EncryptionPolicy, EncryptionTypes, Keys1, Keys2};
use crate::hide::{self, Salt};
use crate::secret::SharedSecret;
use crate::vendor::{VendorType, microsoft};

impl Composer<'_> {
    /// Adds a User-Password of up to 128 octets (RFC 2865 §5.2).
    pub fn user_password(
        &mut self,
        password: &[u8],
        secret: &SharedSecret,
    ) -> Result<&mut Self, ComposeError> {
        let hidden = hide::hide_password(password, &self.hiding_authenticator()?, secret)
            .map_err(ComposeError::Hide)?;
        self.octets(AttributeType::USER_PASSWORD, hidden.expose())
    }

    /// Adds a Tunnel-Password of up to 239 octets (RFC 2868 §3.5).
    pub fn tunnel_password(
        &mut self,
        tag: Tag,
        password: &[u8],
        salt: Salt,
        secret: &SharedSecret,
    ) -> Result<&mut Self, ComposeError> {
        let hidden = hide::hide_salted(password, salt, &self.hiding_authenticator()?, secret)
            .map_err(ComposeError::Hide)?;
        self.pieces(AttributeType::TUNNEL_PASSWORD, &[&[tag.octet()], hidden.expose()])
    }

    /// Adds a vendor's value hidden under a salt, as MS-MPPE-Send-Key is (RFC 2548 §2.4.2).
    pub fn vendor_salted(
        &mut self,
        kind: VendorType,
        plain: &[u8],
        salt: Salt,
        secret: &SharedSecret,
    ) -> Result<&mut Self, ComposeError> {
        let hidden = hide::hide_salted(plain, salt, &self.hiding_authenticator()?, secret)
            .map_err(ComposeError::Hide)?;
        self.vendor(kind, hidden.expose())
    }

    /// Adds what an Access-Accept to MS-CHAPv2 needs for encryption: policy, types, and the two keys under distinct salts
    /// (RFC 2548 §2.4.2 to §2.4.5).
    pub fn mppe_keys2(
        &mut self,
        keys: &Keys2,
        policy: EncryptionPolicy,
        types: EncryptionTypes,
        salt: Salt,
        secret: &SharedSecret,
    ) -> Result<&mut Self, ComposeError> {
        self.vendor_u32(microsoft::MS_MPPE_ENCRYPTION_POLICY, policy.0)?
            .vendor_u32(microsoft::MS_MPPE_ENCRYPTION_TYPES, types.0)?
            .vendor_salted(microsoft::MS_MPPE_SEND_KEY, &keys.send, salt, secret)?
            .vendor_salted(microsoft::MS_MPPE_RECV_KEY, &keys.receive, salt.next(), secret)
    }

    /// Adds what an Access-Accept to MS-CHAPv1 needs for encryption: policy, types, and MS-CHAP-MPPE-Keys, hidden as a
    /// User-Password is (RFC 2548 §2.4.1).
    pub fn mppe_keys1(
        &mut self,
        keys: &Keys1,
        policy: EncryptionPolicy,
        types: EncryptionTypes,
        secret: &SharedSecret,
    ) -> Result<&mut Self, ComposeError> {
        let hidden = hide::hide_password(keys.expose(), &self.hiding_authenticator()?, secret)
            .map_err(ComposeError::Hide)?;
        self.vendor_u32(microsoft::MS_MPPE_ENCRYPTION_POLICY, policy.0)?
            .vendor_u32(microsoft::MS_MPPE_ENCRYPTION_TYPES, types.0)?
            .vendor(microsoft::MS_CHAP_MPPE_KEYS, hidden.expose())
    }
}
