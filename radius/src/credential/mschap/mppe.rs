//! Keys for MPPE, the encryption that PPP may negotiate after MS-CHAP (RFC 3079, RFC 2548 §2.4).
//!
//! The server hands the NAS the keys from which both ends of the link derive theirs. One set serves every strength: for
//! 40 and 56 bits the NAS takes the first eight octets (RFC 3079 §3.4).

use sha1::{Digest, Sha1};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::hash::{LmHash, NtHash};
use crate::code_point::code_points;

code_points! {
    /// Whether the link must be encrypted (MS-MPPE-Encryption-Policy, RFC 2548 §2.4.4).
    EncryptionPolicy(u32) {
        ALLOWED = 1, "Encryption-Allowed", "RFC 2548 §2.4.4";
        REQUIRED = 2, "Encryption-Required", "RFC 2548 §2.4.4";
    }
}

code_points! {
    /// Which strengths are allowed, as bits (MS-MPPE-Encryption-Types, RFC 2548 §2.4.5).
    EncryptionTypes(u32) {
        RC4_40 = 2, "RC4-40bit-Allowed", "RFC 2548 §2.4.5";
        RC4_128 = 4, "RC4-128bit-Allowed", "RFC 2548 §2.4.5";
        RC4_40_OR_128 = 6, "RC4-40or128-bit-Allowed", "RFC 2548 §2.4.5";
    }
}

/// The keys after MS-CHAPv2, from the NAS's point of view (MS-MPPE-Send-Key and -Recv-Key). Print nothing, wiped when
/// dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Keys2 {
    /// For what the NAS sends.
    pub send: [u8; 16],
    /// For what the NAS receives.
    pub receive: [u8; 16],
}

impl Keys2 {
    /// Derives the start keys from the password's hash and the response of the client (RFC 3079 §3.4).
    pub fn derive(hash: &NtHash, nt_response: &[u8; 24]) -> Self {
        let mut master: [u8; 16] = first(
            Sha1::new()
                .chain_update(hash.hashed().expose())
                .chain_update(nt_response)
                .chain_update(MASTER)
                .finalize()
                .into(),
        );
        let keys =
            Self { send: start_key(&master, CLIENT_RECEIVES), receive: start_key(&master, CLIENT_SENDS) };
        master.zeroize();
        keys
    }
}

impl std::fmt::Debug for Keys2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys2(..)")
    }
}

/// The keys after MS-CHAPv1, as MS-CHAP-MPPE-Keys carries them before hiding (RFC 2548 §2.4.1). Print nothing, wiped when
/// dropped.
///
/// ```text
///  0 ... 7          8 ... 23                         24 ... 31
/// +----------------+--------------------------------+----------------+
/// | LM key         | NT key                         | zeros          |
/// +----------------+--------------------------------+----------------+
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Keys1([u8; 32]);

impl Keys1 {
    /// From the hashes of the password. The NT key is the hash of the NT hash: RFC 2548 says the hash itself, but it is
    /// `MD4(NT hash)` that RFC 3079 §2.4 derives from and that NASes expect. Without an LM hash, keys of 40 and 56 bits do
    /// not work and its place is zero.
    pub fn new(nt: &NtHash, lm: Option<&LmHash>) -> Self {
        let mut octets = [0; 32];
        if let (Some(lm), Some(place)) = (lm, octets.get_mut(..8)) {
            place.copy_from_slice(lm.expose().get(..8).unwrap_or_default());
        }
        if let Some(place) = octets.get_mut(8..24) {
            place.copy_from_slice(nt.hashed().expose());
        }
        Self(octets)
    }

    /// The plain value, to be hidden as a User-Password is.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Keys1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys1(..)")
    }
}

/// `GetAsymmetricStartKey` of RFC 3079 §3.4, at its full length.
fn start_key(master: &[u8; 16], direction: &[u8]) -> [u8; 16] {
    first(
        Sha1::new()
            .chain_update(master)
            .chain_update([0x00; 40])
            .chain_update(direction)
            .chain_update([0xf2; 40])
            .finalize()
            .into(),
    )
}

/// The first 16 octets of a digest.
fn first(digest: [u8; 20]) -> [u8; 16] {
    let [key @ .., _, _, _, _] = digest;
    key
}

/// RFC 3079 §3.4, `Magic1`.
const MASTER: &[u8] = b"This is the MPPE Master Key";

/// RFC 3079 §3.4, `Magic2`.
const CLIENT_SENDS: &[u8] =
    b"On the client side, this is the send key; on the server side, it is the receive key.";

/// RFC 3079 §3.4, `Magic3`.
const CLIENT_RECEIVES: &[u8] =
    b"On the client side, this is the receive key; on the server side, it is the send key.";
