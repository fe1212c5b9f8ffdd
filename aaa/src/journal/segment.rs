//! Segment files: their names, their header, and the seed of their checksums.
//!
//! ```text
//!  0       8         12    16        32         48       56      64      72           80     4096
//!  | magic | version | crc | journal | database | number | after | first | created at | zero | frames …
//! ```
//!
//! Integers are little-endian. Magic, version and crc keep their places in every version. The header has a block of
//! its own, so that writing records never touches it again.

use base::{DatabaseId, JournalId, Timestamp};

use super::record::Position;

/// Octets before the first frame.
pub(crate) const HEADER_LEN: usize = 4096;

/// The layout of header and frames that this version writes; it reads no other.
pub(crate) const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"RRNJOURN";

/// Where the header's meaning ends and its zeros begin.
const MEANING_END: usize = 80;

/// The ending of a segment's file name.
const EXTENSION: &str = ".segment";

/// The ending of a file that is not yet, or never became, a segment.
pub(crate) const TEMPORARY_EXTENSION: &str = ".temporary";

/// Which journal a segment belongs to, and which database that journal is drained into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) journal: JournalId,
    pub(crate) database: DatabaseId,
}

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) identity: Identity,
    /// Segments are numbered as they are created; the file name repeats it.
    pub(crate) number: u64,
    /// The position of the last record before this segment. Frames in the segment before it with a higher position
    /// are void: their group was written again here, or was never durable.
    pub(crate) after: Position,
    /// The position of its first record: the one behind `after`, or a higher one where positions may have been given
    /// out whose records a crash or damage made unreadable. A position is never given out twice.
    pub(crate) first: Position,
    pub(crate) created_at: Timestamp,
}

/// Why octets are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("the header is damaged")]
    Damaged,
    #[error("the segment has version {0}, and this program reads version {VERSION}")]
    OtherVersion(u32),
}

impl Header {
    pub(crate) fn compose(&self) -> [u8; HEADER_LEN] {
        let mut octets = [0; HEADER_LEN];
        octets[0..8].copy_from_slice(&MAGIC);
        octets[8..12].copy_from_slice(&VERSION.to_le_bytes());
        octets[16..32].copy_from_slice(self.identity.journal.as_bytes());
        octets[32..48].copy_from_slice(self.identity.database.as_bytes());
        octets[48..56].copy_from_slice(&self.number.to_le_bytes());
        octets[56..64].copy_from_slice(&self.after.number().to_le_bytes());
        octets[64..72].copy_from_slice(&self.first.number().to_le_bytes());
        octets[72..80].copy_from_slice(&self.created_at.as_millis().to_le_bytes());
        let crc = checksum(&octets);
        octets[12..16].copy_from_slice(&crc.to_le_bytes());
        octets
    }

    pub(crate) fn parse(octets: &[u8]) -> Result<Self, HeaderError> {
        let octets = octets.first_chunk::<HEADER_LEN>().ok_or(HeaderError::Damaged)?;
        if octets[0..8] != MAGIC || array_at(octets, 12) != checksum(octets).to_le_bytes() {
            return Err(HeaderError::Damaged);
        }
        let version = u32::from_le_bytes(array_at(octets, 8));
        if version != VERSION {
            return Err(HeaderError::OtherVersion(version));
        }
        Ok(Self {
            identity: Identity {
                journal: JournalId::from_bytes(array_at(octets, 16)),
                database: DatabaseId::from_bytes(array_at(octets, 32)),
            },
            number: u64::from_le_bytes(array_at(octets, 48)),
            after: Position::new(u64::from_le_bytes(array_at(octets, 56))),
            first: Position::new(u64::from_le_bytes(array_at(octets, 64))),
            created_at: Timestamp::from_millis(i64::from_le_bytes(array_at(octets, 72))),
        })
    }
}

/// The name of the segment's file. Names sort as numbers do.
pub(crate) fn name(number: u64) -> String {
    format!("{number:020}{EXTENSION}")
}

/// The name under which a segment is prepared, before it is whole.
pub(crate) fn temporary_name(number: u64) -> String {
    format!("{number:020}{TEMPORARY_EXTENSION}")
}

/// The number in a segment's file name; none when the file is something else.
pub(crate) fn parse_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(EXTENSION)?;
    (digits.len() == 20 && digits.bytes().all(|octet| octet.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// What the checksums of a segment's frames start from.
pub(crate) fn seed(journal: JournalId, number: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(journal.as_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.finalize()
}

fn checksum(header: &[u8; HEADER_LEN]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[0..12]);
    hasher.update(&header[16..MEANING_END]);
    hasher.finalize()
}

fn array_at<const N: usize>(header: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut octets = [0; N];
    octets.copy_from_slice(&header[at..at + N]);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            identity: Identity {
                journal: JournalId::from_bytes([1; 16]),
                database: DatabaseId::from_bytes([2; 16]),
            },
            number: 12,
            after: Position::new(340),
            first: Position::new(345),
            created_at: Timestamp::from_millis(1_795_334_400_123),
        }
    }

    #[test]
    fn a_header_comes_back() {
        assert_eq!(Header::parse(&header().compose()), Ok(header()));
    }

    #[test]
    fn any_flipped_bit_of_a_header_is_seen() {
        for at in 0..MEANING_END {
            let mut octets = header().compose();
            octets[at] ^= 1;
            assert_eq!(Header::parse(&octets), Err(HeaderError::Damaged), "octet {at}");
        }
        assert_eq!(Header::parse(&[]), Err(HeaderError::Damaged));
    }

    #[test]
    fn another_version_is_named() {
        let mut octets = header().compose();
        octets[8..12].copy_from_slice(&2_u32.to_le_bytes());
        let crc = checksum(&octets);
        octets[12..16].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Header::parse(&octets), Err(HeaderError::OtherVersion(2)));
    }

    #[test]
    fn names_are_recognised() {
        assert_eq!(name(7), "00000000000000000007.segment");
        assert_eq!(parse_name(&name(7)), Some(7));
        assert_eq!(parse_name(&name(u64::MAX)), Some(u64::MAX));
        for other in ["7.segment", "0000000000000000000x.segment", "lock", &temporary_name(7)] {
            assert_eq!(parse_name(other), None);
        }
    }

    #[test]
    fn each_segment_has_its_own_seed() {
        let journal = JournalId::from_bytes([1; 16]);
        assert_ne!(seed(journal, 1), seed(journal, 2));
        assert_ne!(seed(journal, 1), seed(JournalId::from_bytes([2; 16]), 1));
    }
}
