//! The frame around a record on disk: composing, sealing and parsing it.
//!
//! ```text
//!  0      4        8          16      24            32     34        36      40       56       72
//!  | crc  | length | position | group | received at | kind | version | zero  | tenant | router | payload | zero |
//! ```
//!
//! Integers are little-endian. `length` counts the payload; zeros pad the frame to eight octets, so that a search
//! behind damage tries one place in eight. `group` is the position of the first record of the group that the frame
//! was written with: because a group is written only when the one before it is durable, a frame of group g proves
//! that every position before g had been durable. Recovery tells a torn tail from damage by it.
//!
//! `crc` is CRC-32 over everything between itself and the padding, started from a seed made of the journal's id and
//! the segment's number. A payload that imitates a frame, and a frame of another journal, therefore do not verify.

use base::{RouterId, TenantId, Timestamp};

use super::record::{Kind, MAX_PAYLOAD_LEN, Position, Record};

/// Octets before the payload.
pub(crate) const HEADER_LEN: usize = 72;

/// Frames start at multiples of this.
pub(crate) const ALIGNMENT: usize = 8;

/// The longest frame.
pub(crate) const MAX_FRAME_LEN: usize = frame_len(MAX_PAYLOAD_LEN);

/// The length of a frame whose payload has `payload_len` octets, padding included.
pub(crate) const fn frame_len(payload_len: usize) -> usize {
    (HEADER_LEN + payload_len).next_multiple_of(ALIGNMENT)
}

/// A verified frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) position: Position,
    pub(crate) group: Position,
    pub(crate) record: Record<'a>,
    /// Octets from its start to the next frame.
    pub(crate) len: usize,
}

/// Why octets are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the frame ends behind the octets at hand")]
    Short,
    #[error("the octets are not a sealed frame")]
    Damaged,
}

/// Appends a frame, still without group and checksum: [`seal`] adds both when the group is closed.
///
/// The payload's length is at most [`MAX_PAYLOAD_LEN`]; the caller has checked it.
pub(crate) fn compose(out: &mut Vec<u8>, position: Position, record: &Record<'_>) {
    let mut header = [0; HEADER_LEN];
    let length = u32::try_from(record.payload.len()).unwrap_or(u32::MAX);
    header[4..8].copy_from_slice(&length.to_le_bytes());
    header[8..16].copy_from_slice(&position.number().to_le_bytes());
    header[24..32].copy_from_slice(&record.received_at.as_millis().to_le_bytes());
    header[32..34].copy_from_slice(&record.kind.0.to_le_bytes());
    header[34..36].copy_from_slice(&record.version.to_le_bytes());
    header[40..56].copy_from_slice(record.tenant.as_bytes());
    header[56..72].copy_from_slice(record.router.as_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(record.payload);
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
}

/// Gives each frame its group and its checksum. May be done again with another seed.
pub(crate) fn seal(frames: &mut [u8], group: Position, seed: u32) {
    let mut rest = frames;
    while let Some(header) = rest.first_chunk::<HEADER_LEN>() {
        let payload_len = length(header) as usize;
        let Some((frame, behind)) = rest.split_at_mut_checked(frame_len(payload_len)) else { return };
        frame[16..24].copy_from_slice(&group.number().to_le_bytes());
        let crc = checksum(&frame[4..HEADER_LEN + payload_len], seed);
        frame[0..4].copy_from_slice(&crc.to_le_bytes());
        rest = behind;
    }
}

/// Parses and verifies the frame at the start of `octets`.
pub(crate) fn parse(octets: &[u8], seed: u32) -> Result<Frame<'_>, FrameError> {
    let header = octets.first_chunk::<HEADER_LEN>().ok_or(FrameError::Short)?;
    let payload_len = length(header) as usize;
    let position = Position::new(u64_at(header, 8));
    if payload_len > MAX_PAYLOAD_LEN || position == Position::NONE {
        return Err(FrameError::Damaged);
    }
    let len = frame_len(payload_len);
    if octets.len() < len {
        return Err(FrameError::Short);
    }
    if checksum(&octets[4..HEADER_LEN + payload_len], seed) != u32_at(header, 0) {
        return Err(FrameError::Damaged);
    }
    let record = Record {
        kind: Kind(u16_at(header, 32)),
        version: u16_at(header, 34),
        received_at: Timestamp::from_millis(u64_at(header, 24).cast_signed()),
        tenant: TenantId::from_bytes(id_at(header, 40)),
        router: RouterId::from_bytes(id_at(header, 56)),
        payload: &octets[HEADER_LEN..HEADER_LEN + payload_len],
    };
    Ok(Frame { position, group: Position::new(u64_at(header, 16)), record, len })
}

/// The position and the group that a frame at the start of `octets` would have, unverified: a cheap test before
/// the checksum while searching.
pub(crate) fn peek(octets: &[u8]) -> Option<(Position, Position)> {
    let header = octets.first_chunk::<HEADER_LEN>()?;
    (length(header) as usize <= MAX_PAYLOAD_LEN)
        .then(|| (Position::new(u64_at(header, 8)), Position::new(u64_at(header, 16))))
}

fn checksum(octets: &[u8], seed: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(octets);
    hasher.finalize()
}

fn length(header: &[u8; HEADER_LEN]) -> u32 {
    u32_at(header, 4)
}

fn array_at<const N: usize>(header: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut octets = [0; N];
    octets.copy_from_slice(&header[at..at + N]);
    octets
}

fn u16_at(header: &[u8; HEADER_LEN], at: usize) -> u16 {
    u16::from_le_bytes(array_at(header, at))
}

fn u32_at(header: &[u8; HEADER_LEN], at: usize) -> u32 {
    u32::from_le_bytes(array_at(header, at))
}

fn u64_at(header: &[u8; HEADER_LEN], at: usize) -> u64 {
    u64::from_le_bytes(array_at(header, at))
}

fn id_at(header: &[u8; HEADER_LEN], at: usize) -> [u8; 16] {
    array_at(header, at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(payload: &[u8]) -> Record<'_> {
        Record {
            kind: Kind::ACCOUNTING,
            version: 3,
            received_at: Timestamp::from_millis(1_795_334_400_123),
            tenant: TenantId::from_bytes([7; 16]),
            router: RouterId::from_bytes([9; 16]),
            payload,
        }
    }

    proptest! {
        #[test]
        fn what_was_composed_is_parsed(payload in proptest::collection::vec(any::<u8>(), 0..600), seed: u32) {
            let mut octets = Vec::new();
            compose(&mut octets, Position::new(41), &record(&payload));
            compose(&mut octets, Position::new(42), &record(b"behind"));
            seal(&mut octets, Position::new(40), seed);
            let frame = parse(&octets, seed).unwrap();
            prop_assert_eq!(frame.record, record(&payload));
            prop_assert_eq!((frame.position, frame.group), (Position::new(41), Position::new(40)));
            prop_assert_eq!(peek(&octets), Some((Position::new(41), Position::new(40))));
            prop_assert_eq!(parse(&octets[frame.len..], seed).unwrap().position, Position::new(42));
            prop_assert!(parse(&octets, seed ^ 1).is_err());
        }

        #[test]
        fn any_flipped_bit_before_the_padding_is_seen(
            payload in proptest::collection::vec(any::<u8>(), 0..80), at: prop::sample::Index, bit in 0..8u8,
        ) {
            let mut octets = Vec::new();
            compose(&mut octets, Position::FIRST, &record(&payload));
            seal(&mut octets, Position::FIRST, 5);
            octets[at.index(HEADER_LEN + payload.len())] ^= 1 << bit;
            prop_assert!(parse(&octets, 5).is_err());
        }

        #[test]
        fn parsing_and_sealing_anything_is_harmless(mut octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&octets, 0).is_err());
            seal(&mut octets, Position::FIRST, 0);
        }
    }

    #[test]
    fn a_cut_frame_is_short() {
        let mut octets = Vec::new();
        compose(&mut octets, Position::FIRST, &record(b"datagram"));
        seal(&mut octets, Position::FIRST, 5);
        for len in 0..octets.len() {
            assert_eq!(parse(&octets[..len], 5), Err(FrameError::Short));
        }
    }

    #[test]
    fn zeros_are_no_frame() {
        assert_eq!(parse(&[0; 512], 0), Err(FrameError::Damaged));
    }
}
