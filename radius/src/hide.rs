//! Hidden values: passwords and keys mixed with a chain of MD5 over the shared secret.
//!
//! | attribute | scheme | first hash |
//! |---|---|---|
//! | User-Password | padded to 16 octets (RFC 2865 §5.2) | `MD5(secret + request authenticator)` |
//! | MS-CHAP-MPPE-Keys | the same, always 32 octets (RFC 2548 §2.4.1) | as above |
//! | Tunnel-Password, MS-MPPE-Send-Key, MS-MPPE-Recv-Key | salt, length octet, padded (RFC 2868 §3.5, RFC 2548 §2.4.2) | `MD5(secret + request authenticator + salt)` |
//!
//! Every further block is mixed with `MD5(secret + the hidden block before)`.

use zeroize::Zeroize;

use crate::packet::Authenticator;
use crate::secret::SharedSecret;

/// The longest User-Password (RFC 2865 §5.2).
pub const MAX_PASSWORD_LENGTH: usize = 128;

/// The longest value under a salt: an attribute's 253 octets without salt and tag hold 15 blocks, and the length octet
/// is part of the first. Longer ones would be cut on the wire, so they are refused.
pub const MAX_SALTED_LENGTH: usize = 15 * BLOCK - 1;

/// Why a value cannot be hidden or revealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HideError {
    /// The plain value is longer than its attribute can carry.
    #[error("the value is too long to be hidden")]
    Long,
    /// The hidden value is not 1 to 8 (salted: 1 to 15) whole blocks, or lacks its salt.
    #[error("the hidden value does not have the length of one")]
    HiddenLength,
    /// The length octet inside exceeds what there is; usually a wrong secret.
    #[error("the length inside the hidden value exceeds it")]
    InnerLength,
}

/// A short octet string on the stack, wiped when dropped; prints nothing.
#[derive(Clone)]
pub struct Concealed {
    octets: [u8; CAPACITY],
    start: usize,
    end: usize,
    /// How much was ever written, to be wiped.
    used: usize,
}

impl Concealed {
    /// The octets.
    pub fn expose(&self) -> &[u8] {
        self.octets.get(self.start..self.end).unwrap_or_default()
    }
}

impl Drop for Concealed {
    fn drop(&mut self) {
        self.octets.get_mut(..self.used).unwrap_or_default().zeroize();
    }
}

impl std::fmt::Debug for Concealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Concealed(..)")
    }
}

/// The salt of one hidden value. Its top bit is set, and no two in one packet may be equal (RFC 2868 §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(u16);

impl Salt {
    /// A salt from 15 random bits.
    pub const fn new(random: u16) -> Self {
        Self(random | 0x8000)
    }

    /// Another salt for the same packet.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::new(self.0.wrapping_add(1))
    }

    /// The octets on the wire.
    pub const fn octets(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

/// Hides a User-Password of up to 128 octets (RFC 2865 §5.2). An empty one fills a block of zeros.
pub fn hide_password(
    password: &[u8],
    authenticator: &Authenticator,
    secret: &SharedSecret,
) -> Result<Concealed, HideError> {
    if password.len() > MAX_PASSWORD_LENGTH {
        return Err(HideError::Long);
    }
    let length = password.len().max(1).next_multiple_of(BLOCK);
    let mut concealed = Concealed { octets: [0; CAPACITY], start: 0, end: length, used: length };
    let octets = concealed.octets.get_mut(..length).ok_or(HideError::Long)?;
    octets.get_mut(..password.len()).ok_or(HideError::Long)?.copy_from_slice(password);
    hide_blocks(octets, &[authenticator], secret);
    Ok(concealed)
}

/// Reveals a User-Password. Trailing NULs are padding and not part of it; NULs within are (RFC 2865 §5.2).
pub fn reveal_password(
    hidden: &[u8],
    authenticator: &Authenticator,
    secret: &SharedSecret,
) -> Result<Concealed, HideError> {
    if hidden.is_empty() || hidden.len() > MAX_PASSWORD_LENGTH || !hidden.len().is_multiple_of(BLOCK) {
        return Err(HideError::HiddenLength);
    }
    let mut concealed = reveal_blocks(hidden, &[authenticator], secret)?;
    let padding = concealed.expose().iter().rev().take_while(|octet| **octet == 0).count();
    concealed.end -= padding;
    Ok(concealed)
}

/// Hides `plain` (up to 239 octets) under a salt: the answer is salt, then the mix of length octet, value and padding.
///
/// ```text
///  0               1               2               3 ...
/// +---------------+---------------+---------------+---------------
/// |1            salt              | length | value | padding   (hidden)
/// +---------------+---------------+---------------+---------------
/// ```
pub fn hide_salted(
    plain: &[u8],
    salt: Salt,
    authenticator: &Authenticator,
    secret: &SharedSecret,
) -> Result<Concealed, HideError> {
    let length = u8::try_from(plain.len()).map_err(|_| HideError::Long)?;
    if plain.len() > MAX_SALTED_LENGTH {
        return Err(HideError::Long);
    }
    let end = SALT + (1 + plain.len()).next_multiple_of(BLOCK);
    let mut concealed = Concealed { octets: [0; CAPACITY], start: 0, end, used: end };
    let octets = concealed.octets.get_mut(..end).ok_or(HideError::Long)?;
    let (salt_octets, blocks) = octets.split_at_mut_checked(SALT).ok_or(HideError::Long)?;
    salt_octets.copy_from_slice(&salt.octets());
    let (first, rest) = blocks.split_first_mut().ok_or(HideError::Long)?;
    *first = length;
    rest.get_mut(..plain.len()).ok_or(HideError::Long)?.copy_from_slice(plain);
    hide_blocks(blocks, &[authenticator, salt_octets], secret);
    Ok(concealed)
}

/// Reveals what [`hide_salted`] hid. The caller strips a tag first (Tunnel-Password has one).
pub fn reveal_salted(
    hidden: &[u8],
    authenticator: &Authenticator,
    secret: &SharedSecret,
) -> Result<Concealed, HideError> {
    let (salt, blocks) = hidden.split_at_checked(SALT).ok_or(HideError::HiddenLength)?;
    if blocks.is_empty() || blocks.len() > MAX_SALTED_LENGTH + 1 || !blocks.len().is_multiple_of(BLOCK) {
        return Err(HideError::HiddenLength);
    }
    let mut concealed = reveal_blocks(blocks, &[authenticator, salt], secret)?;
    let (&length, rest) = concealed.expose().split_first().ok_or(HideError::HiddenLength)?;
    if usize::from(length) > rest.len() {
        return Err(HideError::InnerLength);
    }
    concealed.start = 1;
    concealed.end = 1 + usize::from(length);
    Ok(concealed)
}

/// Hides whole blocks in place; `first` is what is hashed behind the secret for the first of them.
pub(crate) fn hide_blocks(blocks: &mut [u8], first: &[&[u8]], secret: &SharedSecret) {
    let mut mask = secret.hash_before(first);
    let mut rest = blocks.chunks_mut(BLOCK).peekable();
    while let Some(block) = rest.next() {
        mix(block, &mask);
        if rest.peek().is_some() {
            mask = secret.hash_before(&[block]);
        }
    }
}

/// Reveals whole blocks.
pub(crate) fn reveal_blocks(
    hidden: &[u8],
    first: &[&[u8]],
    secret: &SharedSecret,
) -> Result<Concealed, HideError> {
    let length = hidden.len();
    let mut concealed = Concealed { octets: [0; CAPACITY], start: 0, end: length, used: length };
    let octets = concealed.octets.get_mut(..length).ok_or(HideError::HiddenLength)?;
    octets.copy_from_slice(hidden);
    let mut before: Option<&[u8]> = None;
    for (block, hidden) in octets.chunks_mut(BLOCK).zip(hidden.chunks(BLOCK)) {
        let mask = match before {
            None => secret.hash_before(first),
            Some(before) => secret.hash_before(&[before]),
        };
        mix(block, &mask);
        before = Some(hidden);
    }
    Ok(concealed)
}

fn mix(block: &mut [u8], mask: &[u8; BLOCK]) {
    for (octet, mask) in block.iter_mut().zip(mask) {
        *octet ^= mask;
    }
}

/// What MD5 gives, and so what is hidden at a time.
const BLOCK: usize = 16;

/// Octets of a salt.
const SALT: usize = 2;

/// Room for a salt and the longest salted value.
const CAPACITY: usize = SALT + MAX_SALTED_LENGTH + 1;
