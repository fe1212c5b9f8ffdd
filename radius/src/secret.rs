//! The secret shared with one NAS.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// A shared secret: never empty, prints nothing, wiped when dropped.
///
/// It keeps the two keyed states of HMAC-MD5, so that each Message-Authenticator is spared two blocks of MD5.
#[derive(Clone)]
pub struct SharedSecret {
    octets: Zeroizing<Box<[u8]>>,
    keyed: Hmac<Md5>,
    /// The same two states, for packets that are signed together.
    states: Zeroizing<[[u32; 4]; 2]>,
}

/// Why octets cannot be a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// An empty secret signs nothing (RFC 2865 §3).
    #[error("the shared secret is empty")]
    Empty,
}

impl SharedSecret {
    /// Takes a copy of the secret's octets.
    pub fn new(octets: &[u8]) -> Result<Self, SecretError> {
        if octets.is_empty() {
            return Err(SecretError::Empty);
        }
        let keyed = Hmac::new_from_slice(octets).expect("HMAC takes keys of any length");
        Ok(Self {
            octets: Zeroizing::new(octets.into()),
            keyed,
            states: Zeroizing::new(crate::sign::keyed(octets)),
        })
    }

    /// The plain octets, to be hashed; not to be logged or compared.
    pub fn expose(&self) -> &[u8] {
        &self.octets
    }

    /// The state of HMAC's inner hash behind the key.
    pub(crate) fn inner(&self) -> [u32; 4] {
        self.states[0]
    }

    /// The state of HMAC's outer hash behind the key.
    pub(crate) fn outer(&self) -> [u32; 4] {
        self.states[1]
    }

    /// HMAC-MD5 over `pieces` one after another.
    pub(crate) fn sign(&self, pieces: &[&[u8]]) -> [u8; 16] {
        let mut state = self.keyed.clone();
        for piece in pieces {
            state.update(piece);
        }
        state.finalize().into_bytes().into()
    }

    /// MD5 over `pieces` one after another and then the secret.
    pub(crate) fn hash_after(&self, pieces: &[&[u8]]) -> [u8; 16] {
        let mut state = Md5::new();
        for piece in pieces {
            state.update(piece);
        }
        state.update(self.expose());
        state.finalize().into()
    }

    /// MD5 over the secret and then `pieces` one after another.
    pub(crate) fn hash_before(&self, pieces: &[&[u8]]) -> [u8; 16] {
        let mut state = Md5::new();
        state.update(self.expose());
        for piece in pieces {
            state.update(piece);
        }
        state.finalize().into()
    }
}

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

impl PartialEq for SharedSecret {
    /// In a time that tells nothing of where the two differ.
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.expose(), other.expose()).into()
    }
}

impl Eq for SharedSecret {}
