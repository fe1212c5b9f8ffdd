//! The directory on disk, so that a start needs no database.
//!
//! A header in the clear, then sealed chunks, each bound to the header, to its number and to the chunk before it:
//!
//! ```text
//!  "RRNETDIR" | version (2) | database id (16) | taken at (8) | as of (8)
//!  length (4, its highest bit marks the last chunk) | sealed chunk
//!  length | sealed chunk …
//! ```
//!
//! A chunk opens to whole items: kind (1), length (4), body. All numbers are big-endian. The positions in the change
//! streams come first, then what subscribers refer to, then the subscribers.
//!
//! The file is written beside its place, synced and renamed: at its place there is a whole one or none.

use std::{io, path::PathBuf, sync::Arc};

use base::{
    DatabaseId, TenantId, Timestamp,
    seal::{OpenError, Place},
};

use super::{
    entry::{Plan, Router, Tenant},
    shard::Shard,
    writer::Position,
};

mod entries;
mod octets;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use read::load;

/// What every snapshot starts with.
const MAGIC: [u8; 8] = *b"RRNETDIR";

/// The form written now. Another one is refused: the directory is then loaded from the database.
const VERSION: u16 = 1;

/// Octets of the header.
const HEADER_OCTETS: usize = 8 + 2 + 16 + 8 + 8;

/// Most clear octets of a chunk: large enough to make its overhead nothing, small enough to hold two at once.
const CHUNK_OCTETS: usize = 1 << 20;

/// Most octets by which sealing lengthens a chunk: version, key id, nonce and tag, with room for a later form.
const SEAL_OCTETS: usize = 128;

/// Marks the last chunk in its length.
const LAST: u32 = 1 << 31;

/// Octets of a seal's tag, at its end.
const TAG_OCTETS: usize = 16;

/// Kinds of items.
mod kind {
    pub(super) const POSITION: u8 = 1;
    pub(super) const TENANT: u8 = 2;
    pub(super) const PLAN: u8 = 3;
    pub(super) const ROUTER: u8 = 4;
    pub(super) const SUBSCRIBER: u8 = 5;
}

/// The directory as it was at one moment, for [`Frozen::write`]. It may be sent to another thread; while it lives, what
/// changes meanwhile is held twice.
pub struct Frozen {
    pub(super) as_of: Timestamp,
    pub(super) positions: Vec<Position>,
    pub(super) tenants: Vec<Arc<Tenant>>,
    pub(super) plans: Vec<Arc<Plan>>,
    pub(super) routers: Vec<Arc<Router>>,
    pub(super) shards: Vec<Arc<Shard>>,
}

impl std::fmt::Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frozen").field("as_of", &self.as_of).finish_non_exhaustive()
    }
}

/// What a snapshot says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// When it was written.
    pub taken_at: Timestamp,
    /// When the directory in it last held all that the database held.
    pub as_of: Timestamp,
}

/// A snapshot was not written. The one before it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file system refused.
    #[error("cannot write the directory's snapshot {}", path.display())]
    Io {
        /// The file in question.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An entry is longer than a chunk.
    #[error("an entry of {0} octets does not fit into a snapshot")]
    EntryTooLong(usize),
}

/// A snapshot was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file: a first start.
    #[error("there is no snapshot of the directory at {}", .0.display())]
    Missing(PathBuf),
    /// The file system refused.
    #[error("cannot read the directory's snapshot {}", path.display())]
    Io {
        /// The file in question.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not start as a snapshot does.
    #[error("the file is no snapshot of the directory")]
    NotASnapshot,
    /// Written by another version of the program.
    #[error("the snapshot has form {0}, and only form {VERSION} is known")]
    Version(u16),
    /// Made from another database.
    #[error("the snapshot belongs to database {0}, not to this one")]
    Foreign(DatabaseId),
    /// It ends before its last chunk does.
    #[error("the snapshot ends too early, after {0} whole chunks")]
    Truncated(u64),
    /// A chunk does not open: altered, out of its place, or sealed with another key.
    #[error("chunk {chunk} of the snapshot does not open")]
    Sealed {
        /// Its number, from zero.
        chunk: u64,
        /// Why.
        source: OpenError,
    },
    /// There is more behind the last chunk, or a length that no chunk has.
    #[error("the snapshot was altered at chunk {0}")]
    Altered(u64),
    /// A chunk opens but its items make no sense: a defect of the program that wrote it.
    #[error("chunk {chunk} of the snapshot holds a malformed {what}")]
    Malformed {
        /// Its number, from zero.
        chunk: u64,
        /// Which part.
        what: &'static str,
    },
}

/// The header's octets.
fn compose_header(database: DatabaseId, about: About) -> [u8; HEADER_OCTETS] {
    let mut header = [0; HEADER_OCTETS];
    let parts: [&[u8]; 5] = [
        &MAGIC,
        &VERSION.to_be_bytes(),
        database.as_bytes(),
        &about.taken_at.as_millis().to_be_bytes(),
        &about.as_of.as_millis().to_be_bytes(),
    ];
    let mut at = 0;
    for part in parts {
        header[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    header
}

/// Where in its snapshot a chunk stands: what its seal is bound to.
struct ChunkPlace {
    /// Header, number (8), last (1), tag of the chunk before (zero for the first).
    row: [u8; HEADER_OCTETS + 8 + 1 + TAG_OCTETS],
}

impl ChunkPlace {
    fn first(header: [u8; HEADER_OCTETS]) -> Self {
        let mut row = [0; HEADER_OCTETS + 8 + 1 + TAG_OCTETS];
        row[..HEADER_OCTETS].copy_from_slice(&header);
        Self { row }
    }

    fn set(&mut self, number: u64, last: bool) {
        self.row[HEADER_OCTETS..HEADER_OCTETS + 8].copy_from_slice(&number.to_be_bytes());
        self.row[HEADER_OCTETS + 8] = u8::from(last);
    }

    /// Moves behind the chunk `sealed`.
    fn follow(&mut self, sealed: &[u8]) {
        if let Some(tag) = sealed.last_chunk::<TAG_OCTETS>() {
            self.row[HEADER_OCTETS + 9..].copy_from_slice(tag);
        }
    }

    fn place(&self) -> Place<'_> {
        Place { tenant: TenantId::PLATFORM, table: "directory_snapshot", column: "chunk", row: &self.row }
    }
}
