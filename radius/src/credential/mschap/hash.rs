//! Password hashes: NT (MD4 of UTF-16) and LM (DES of the upper-cased first 14 octets).

use md4::{Digest, Md4};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::des;

/// The NT hash of a password, as good as the password for MS-CHAP: prints nothing, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct NtHash([u8; 16]);

impl NtHash {
    /// `MD4(password in UTF-16, little endian)` (RFC 2759 §8.3).
    pub fn of_password(password: &str) -> Self {
        let mut hash = Md4::new();
        for unit in password.encode_utf16() {
            hash.update(unit.to_le_bytes());
        }
        Self(hash.finalize().into())
    }

    /// A hash computed earlier.
    pub const fn from_octets(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// Its octets, to be stored or hashed; not to be logged.
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// `MD4(NT hash)` (RFC 2759 §8.4), from which session keys come.
    pub(super) fn hashed(&self) -> Self {
        Self(Md4::digest(self.0).into())
    }
}

impl std::fmt::Debug for NtHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NtHash(..)")
    }
}

/// The LM hash of a password: only for the 40-bit keys of MS-CHAPv1, never for a check.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LmHash([u8; 16]);

impl LmHash {
    /// Upper case, cut or filled to 14 octets, each half a DES key over a fixed text (RFC 2433 §A.2). `None` where LM
    /// cannot express the password: other than ASCII, whose upper case depends on the client's code page.
    pub fn of_password(password: &str) -> Option<Self> {
        if !password.is_ascii() {
            return None;
        }
        let mut key = [0; 14];
        for (place, octet) in key.iter_mut().zip(password.bytes()) {
            *place = octet.to_ascii_uppercase();
        }
        let mut hash = [0; 16];
        for (half, key) in hash.chunks_mut(8).zip(key.chunks(7)) {
            half.copy_from_slice(&des::encrypt(key, *TEXT));
        }
        key.zeroize();
        Some(Self(hash))
    }

    /// Its octets.
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Debug for LmHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LmHash(..)")
    }
}

/// The text that the LM hash encrypts (RFC 2433 §A.3).
const TEXT: &[u8; 8] = b"KGS!@#$%";
