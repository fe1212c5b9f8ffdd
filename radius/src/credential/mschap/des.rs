//! DES as MS-CHAP uses it: keys of seven octets, one block.

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};

/// Encrypts one block under the first seven octets of `key`; a shorter key is filled with zeros (RFC 2759 §8.6).
pub(super) fn encrypt(key: &[u8], block: [u8; 8]) -> [u8; 8] {
    let mut block = block.into();
    Des::new(&spread(key).into()).encrypt_block(&mut block);
    block.into()
}

/// The response to a challenge: three blocks under the thirds of the hash, the last third filled with zeros
/// (RFC 2759 §8.5, RFC 2433 §A.5).
pub(super) fn challenge_response(challenge: [u8; 8], hash: &[u8; 16]) -> [u8; 24] {
    let mut response = [0; 24];
    for (part, key) in response.chunks_mut(8).zip(hash.chunks(7)) {
        part.copy_from_slice(&encrypt(key, challenge));
    }
    response
}

/// Spreads 56 bits over eight octets, seven to each; the lowest bit of each is parity, which DES ignores.
fn spread(key: &[u8]) -> [u8; 8] {
    let mut wide = [0; 8];
    for (place, octet) in wide.iter_mut().skip(1).zip(key) {
        *place = *octet;
    }
    let bits = u64::from_be_bytes(wide);
    let mut spread = [0; 8];
    for (place, shift) in spread.iter_mut().zip([49, 42, 35, 28, 21, 14, 7, 0]) {
        *place = ((bits >> shift & 0x7f) << 1).to_le_bytes()[0];
    }
    spread
}
