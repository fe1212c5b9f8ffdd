//! Signs the replies of a batch together: the same signatures as [`Composer::finish`](crate::compose::Composer::finish) gives, for
//! less than half of the time, because four packets are hashed at once.

mod lanes;
#[cfg(test)]
mod tests;

use lanes::{BLOCK, LANES, START, State};

use crate::attribute::AttributeType;
use crate::authenticator::{header_authenticator, message_authenticator};
use crate::packet::{Authenticator, HEADER_LENGTH};
use crate::secret::SharedSecret;

/// Where the value of a Message-Authenticator stands that is a reply's first attribute.
const MESSAGE_AUTHENTICATOR: usize = HEADER_LENGTH + 2;

/// Octets that MD5 adds at the least: one bit and the length (RFC 1321 §3.1, §3.2).
const PADDING: usize = 9;

/// A reply that is complete but for its signatures, as
/// [`Composer::finish_unsigned`](crate::compose::Composer::finish_unsigned) leaves it.
#[derive(Debug)]
pub struct Unsigned<'a> {
    /// The packet, and room behind it that is used on the way.
    pub buffer: &'a mut [u8],
    /// Octets of the packet.
    pub length: usize,
    /// Whom it is for.
    pub secret: &'a SharedSecret,
}

/// Signs replies, four at a time.
pub fn sign(replies: &mut [Unsigned<'_>]) {
    for replies in replies.chunks_mut(LANES) {
        if let [_] = replies {
            replies.iter_mut().for_each(Unsigned::sign_alone);
        } else {
            sign_together(replies);
        }
    }
}

impl Unsigned<'_> {
    /// Whether its first attribute is a Message-Authenticator.
    fn has_message_authenticator(&self) -> bool {
        self.length >= MESSAGE_AUTHENTICATOR + 16
            && self.buffer.get(HEADER_LENGTH).copied() == Some(AttributeType::MESSAGE_AUTHENTICATOR.0)
    }

    fn request_authenticator(&self) -> Authenticator {
        self.buffer.get(4..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or_default()
    }

    fn write(&mut self, at: usize, octets: &[u8]) {
        if let Some(place) = self.buffer.get_mut(at..at + octets.len()) {
            place.copy_from_slice(octets);
        }
    }

    /// Whether secret and padding fit behind the packet.
    fn has_room(&self) -> bool {
        let hashed = self.length + self.secret.expose().len() + PADDING;
        hashed.next_multiple_of(BLOCK) <= self.buffer.len()
    }

    fn sign_alone(&mut self) {
        let authenticator = self.request_authenticator();
        if self.has_message_authenticator() {
            let Some(packet) = self.buffer.get(..self.length) else { return };
            let value = message_authenticator(packet, MESSAGE_AUTHENTICATOR, &authenticator, self.secret);
            self.write(MESSAGE_AUTHENTICATOR, &value);
        }
        let Some(packet) = self.buffer.get(..self.length) else { return };
        let value = header_authenticator(packet, &authenticator, self.secret);
        self.write(4, &value);
    }

    /// Ends the first `length` octets of the buffer as MD5 does; `before` octets were hashed before them.
    fn pad(&mut self, length: usize, before: usize) -> usize {
        let end = (length + PADDING).next_multiple_of(BLOCK);
        if let Some(padding) = self.buffer.get_mut(length..end) {
            padding.fill(0);
            if let Some(first) = padding.first_mut() {
                *first = 0x80;
            }
        }
        let bits = ((before + length) as u64).wrapping_mul(8);
        self.write(end - 8, &bits.to_le_bytes());
        end / BLOCK
    }
}

/// Signs up to [`LANES`] replies.
fn sign_together(replies: &mut [Unsigned<'_>]) {
    let mut digests = [[0; 16]; LANES];
    // HMAC over the packet with the request's authenticator in the header and zeros as Message-Authenticator, as it stands.
    let is_signed = |reply: &Unsigned<'_>| reply.has_room() && reply.has_message_authenticator();
    let inner = hash(replies, is_signed, |reply| (reply.secret.inner(), reply.pad(reply.length, BLOCK)));
    for (digest, state) in digests.iter_mut().zip(inner) {
        *digest = octets(state);
    }
    let outer = hash_digests(replies, &digests);
    for (reply, state) in replies.iter_mut().zip(outer) {
        if is_signed(reply) {
            reply.write(MESSAGE_AUTHENTICATOR, &octets(state));
        }
    }
    // MD5 over the same with its Message-Authenticator, and the secret.
    let headers = hash(replies, Unsigned::has_room, |reply| {
        reply.write(reply.length, reply.secret.expose());
        (START, reply.pad(reply.length + reply.secret.expose().len(), 0))
    });
    for (reply, state) in replies.iter_mut().zip(headers) {
        if reply.has_room() {
            reply.write(4, &octets(state));
        } else {
            reply.sign_alone();
        }
    }
}

/// Hashes the buffers of those replies that `is_meant`, once `prepare` has padded them and told the first state and the number of
/// blocks.
fn hash<'a>(
    replies: &mut [Unsigned<'a>],
    is_meant: impl Fn(&Unsigned<'a>) -> bool,
    prepare: impl Fn(&mut Unsigned<'a>) -> (State, usize),
) -> [State; LANES] {
    let mut states = [START; LANES];
    let mut counts = [0; LANES];
    for (reply, (state, count)) in replies.iter_mut().zip(states.iter_mut().zip(&mut counts)) {
        if is_meant(reply) {
            (*state, *count) = prepare(reply);
        }
    }
    let mut messages: [&[[u8; BLOCK]]; LANES] = [&[]; LANES];
    for (message, (reply, count)) in messages.iter_mut().zip(replies.iter().zip(counts)) {
        *message = reply.buffer.as_chunks().0.get(..count).unwrap_or_default();
    }
    lanes::hash(&mut states, messages);
    states
}

/// The outer hash of HMAC, of every reply's inner one.
fn hash_digests(replies: &[Unsigned<'_>], digests: &[[u8; 16]; LANES]) -> [State; LANES] {
    let mut states = [START; LANES];
    let mut blocks = [[0; BLOCK]; LANES];
    for ((state, block), (reply, digest)) in
        states.iter_mut().zip(&mut blocks).zip(replies.iter().zip(digests))
    {
        *state = reply.secret.outer();
        let (start, rest) = block.split_at_mut(digest.len());
        start.copy_from_slice(digest);
        rest[0] = 0x80;
        let bits = ((BLOCK + digest.len()) as u64) * 8;
        block[BLOCK - 8..].copy_from_slice(&bits.to_le_bytes());
    }
    lanes::hash(&mut states, blocks.each_ref().map(std::slice::from_ref));
    states
}

/// A digest as it is written (RFC 1321 §3.5).
fn octets(state: State) -> [u8; 16] {
    let mut octets = [0; 16];
    for (place, word) in octets.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    octets
}

/// The chaining values of HMAC-MD5 behind the key's block (RFC 2104 §4): the inner and the outer one.
pub(crate) fn keyed(key: &[u8]) -> [State; 2] {
    let mut block = [0; BLOCK];
    let digest: [u8; 16];
    let key = if key.len() > BLOCK {
        digest = <md5::Md5 as md5::Digest>::digest(key).into();
        &digest[..]
    } else {
        key
    };
    for (place, octet) in block.iter_mut().zip(key) {
        *place = *octet;
    }
    [0x36, 0x5c].map(|pad: u8| {
        let mut state = START;
        lanes::compress_one(&mut state, &[block.map(|octet| octet ^ pad)]);
        state
    })
}
