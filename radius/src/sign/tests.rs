//! The same signatures as one packet alone gets, whatever stands beside it.

use proptest::prelude::*;

use super::lanes::{self, BLOCK, LANES, START};
use super::{Unsigned, keyed, octets, sign};
use crate::attribute::AttributeType;
use crate::code::Code;
use crate::compose::Composer;
use crate::index::Index;
use crate::packet::MAX_LENGTH;
use crate::secret::SharedSecret;

/// A reply of so many octets of attributes, and whether it has a Message-Authenticator.
fn compose<'b>(buffer: &'b mut [u8], request: &Index<'_>, octets: usize, is_signed: bool) -> Composer<'b> {
    let code = Code::ACCESS_ACCEPT;
    let mut reply = if is_signed {
        Composer::reply(buffer, code, request).unwrap()
    } else {
        Composer::bare_reply(buffer, code, request).unwrap()
    };
    for part in vec![b'x'; octets].chunks(200) {
        reply.octets(AttributeType::REPLY_MESSAGE, part).unwrap();
    }
    reply
}

proptest! {
    #[test]
    fn a_batch_is_signed_as_each_alone(
        replies in prop::collection::vec((0..600_usize, any::<bool>(), 1..100_usize, 0..3_usize), 1..12),
        authenticator in any::<[u8; 16]>(),
    ) {
        let mut packet = [0; MAX_LENGTH];
        let length = Composer::request(&mut packet, Code::ACCESS_REQUEST, 7, &authenticator)
            .unwrap()
            .finish(&SharedSecret::new(b"any").unwrap());
        let request = Index::parse(&packet[..length]).unwrap();
        let secrets: Vec<_> =
            replies.iter().map(|(_, _, octets, _)| SharedSecret::new(&vec![b's'; *octets]).unwrap()).collect();
        let mut buffers = Vec::new();
        let mut expected = Vec::new();
        for ((octets, is_signed, _, room), secret) in replies.iter().zip(&secrets) {
            let mut alone = vec![0; MAX_LENGTH];
            let length = compose(&mut alone, &request, *octets, *is_signed).finish(secret);
            expected.push(alone[..length].to_vec());
            // Little room behind a packet means that it is signed alone, and what was there before does no harm.
            let mut buffer = vec![0xff; if *room == 0 { length + 5 } else { MAX_LENGTH }];
            let unsigned = compose(&mut buffer, &request, *octets, *is_signed).finish_unsigned();
            prop_assert_eq!(unsigned, length);
            buffers.push((buffer, length));
        }
        let mut unsigned: Vec<_> = buffers
            .iter_mut()
            .zip(&secrets)
            .map(|((buffer, length), secret)| Unsigned { buffer, length: *length, secret })
            .collect();
        sign(&mut unsigned);
        for ((buffer, length), expected) in buffers.iter().zip(&expected) {
            prop_assert_eq!(&buffer[..*length], &expected[..]);
        }
    }

    #[test]
    fn lanes_hash_as_the_reference_does(messages in prop::array::uniform4(prop::collection::vec(any::<u8>(), 0..400))) {
        let padded: Vec<Vec<[u8; BLOCK]>> = messages.iter().map(|message| pad(message)).collect();
        let mut states = [START; LANES];
        lanes::hash(&mut states, std::array::from_fn(|at| &padded[at][..]));
        for (state, message) in states.iter().zip(&messages) {
            let reference: [u8; 16] = <md5::Md5 as md5::Digest>::digest(message).into();
            prop_assert_eq!(octets(*state), reference);
        }
    }
}

#[test]
fn an_empty_message_leaves_its_state() {
    let mut states = [START; LANES];
    lanes::hash(&mut states, [&[], &[[1; BLOCK]], &[[1; BLOCK]], &[]]);
    assert_eq!((states[0], states[3]), (START, START));
    assert_eq!(states[1], states[2]);
    assert_ne!(states[1], START);
}

/// RFC 2104: a key longer than a block is hashed first.
#[test]
fn long_keys_are_hashed_first() {
    let long = [b'k'; 80];
    let digest: [u8; 16] = <md5::Md5 as md5::Digest>::digest(long).into();
    assert_eq!(keyed(&long), keyed(&digest));
    assert_ne!(keyed(&long), keyed(&long[..64]));
}

fn pad(message: &[u8]) -> Vec<[u8; BLOCK]> {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % BLOCK != BLOCK - 8 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u64 * 8).to_le_bytes());
    padded.as_chunks().0.to_vec()
}
