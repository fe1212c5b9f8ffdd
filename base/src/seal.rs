//! Sealing secrets at rest.
//!
//! A sealed value is bound to its place: its additional data name tenant, table, column and row, so that a value
//! copied to another row does not open. The key's id travels with it, so that keys can be rotated.
//!
//! ```text
//!  0        1                5                       29
//! +--------+----------------+-----------------------+------------------------+
//! | version| key id (4, BE) | nonce (24)            | ciphertext + tag (16)  |
//! +--------+----------------+-----------------------+------------------------+
//! ```

use std::fmt;

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};

use crate::{SecretBytes, TenantId};

const VERSION: u8 = 1;
const NONCE: usize = 24;
const HEADER: usize = 1 + 4 + NONCE;

/// Where a sealed value lives.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The tenant that owns the row.
    pub tenant: TenantId,
    /// The table's name.
    pub table: &'a str,
    /// The column's name.
    pub column: &'a str,
    /// The row's id.
    pub row: &'a [u8],
}

impl Place<'_> {
    fn additional_data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(96);
        for part in [self.tenant.as_bytes(), self.table.as_bytes(), self.column.as_bytes(), self.row] {
            // Length prefixes keep two different places from giving the same octets.
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        data
    }
}

/// The keys of an installation: the first seals, all of them open.
#[derive(Clone)]
pub struct Sealer {
    keys: Vec<(u32, XChaCha20Poly1305)>,
}

/// A sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Shorter than a header, or a version from the future.
    #[error("the sealed value has an unknown form")]
    Form,
    /// Sealed with a key that this installation does not have.
    #[error("the sealed value needs key {0:08x}, which the key file does not hold")]
    UnknownKey(u32),
    /// Altered, moved from another row, or sealed with another key of the same id.
    #[error(
        "the sealed value does not open with its key: it was altered or moved, or the key file is another one"
    )]
    Forged,
}

impl Sealer {
    /// Octets of a key.
    pub const KEY_OCTETS: usize = 32;

    /// From keys with their ids, the one that seals first. `None` when there is none.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = (u32, [u8; Self::KEY_OCTETS])>) -> Option<Self> {
        let keys: Vec<_> =
            keys.into_iter().map(|(id, key)| (id, XChaCha20Poly1305::new(&key.into()))).collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Seals `clear` for `place`.
    #[must_use]
    pub fn seal(&self, place: &Place<'_>, clear: &[u8]) -> Vec<u8> {
        let (id, key) = &self.keys[0];
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).expect("the operating system gives randomness");
        let payload = Payload { msg: clear, aad: &place.additional_data() };
        let ciphertext = key
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is far below the cipher's limit of 256 GiB");
        let mut sealed = Vec::with_capacity(HEADER + ciphertext.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        sealed
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// When the form or key is unknown, or the value was not sealed for this place.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        let (header, ciphertext) = sealed.split_at_checked(HEADER).ok_or(OpenError::Form)?;
        let (&[version, a, b, c, d], nonce) = header.split_first_chunk::<5>().ok_or(OpenError::Form)?;
        if version != VERSION {
            return Err(OpenError::Form);
        }
        let id = u32::from_be_bytes([a, b, c, d]);
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| OpenError::Form)?;
        let (_, key) = self.keys.iter().find(|(known, _)| *known == id).ok_or(OpenError::UnknownKey(id))?;
        let payload = Payload { msg: ciphertext, aad: &place.additional_data() };
        key.decrypt(&XNonce::from(nonce), payload).map(SecretBytes::new).map_err(|_| OpenError::Forged)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| format!("key {id:08x}"))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(row: &[u8]) -> Place<'_> {
        Place { tenant: TenantId::PLATFORM, table: "router", column: "secret", row }
    }

    #[test]
    fn opens_only_in_its_place_and_unaltered() {
        let sealer = Sealer::new([(7, [1; 32])]).unwrap();
        let sealed = sealer.seal(&place(b"a"), b"testing123");
        assert_eq!(sealer.open(&place(b"a"), &sealed).unwrap().expose(), b"testing123");
        assert_eq!(sealer.open(&place(b"b"), &sealed), Err(OpenError::Forged));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer.open(&place(b"a"), &altered).is_err(), "octet {at}");
        }
        assert_eq!(sealer.open(&place(b"a"), &sealed[..20]), Err(OpenError::Form));
    }

    #[test]
    fn old_keys_still_open_after_a_rotation() {
        let old = Sealer::new([(1, [1; 32])]).unwrap();
        let sealed = old.seal(&place(b"a"), b"secret");
        let rotated = Sealer::new([(2, [2; 32]), (1, [1; 32])]).unwrap();
        assert_eq!(rotated.open(&place(b"a"), &sealed).unwrap().expose(), b"secret");
        let other = Sealer::new([(2, [2; 32])]).unwrap();
        assert_eq!(other.open(&place(b"a"), &sealed), Err(OpenError::UnknownKey(1)));
    }
}
