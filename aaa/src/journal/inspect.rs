//! Reads a folder that no daemon uses, without changing it: one rescued from another machine, or a backup.

use std::{io, path::Path, sync::Arc};

use base::{DatabaseId, JournalId, Timestamp};

use super::{
    health::Damage,
    reader::{Reader, Source, StartError, Still, check_start},
    record::Position,
    recovery::{self, OpenError},
    segment,
    storage::{Lock, Storage},
};

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It does not exist or may not be read.
    #[error("the folder cannot be read")]
    Folder(#[source] io::Error),
    /// A daemon is using it.
    #[error("the journal is in use: stop its daemon first")]
    InUse,
    /// It holds no segment that can be read.
    #[error("the folder holds no journal")]
    NoJournal,
    /// Its segments do not fit together.
    #[error("the journal cannot be read")]
    Journal(#[source] OpenError),
}

/// A journal that is only read.
#[derive(Debug)]
pub struct Rescued {
    still: Arc<Still>,
    database: DatabaseId,
    last: Position,
    damage: Vec<Damage>,
    _lock: Option<Lock>,
}

/// A segment of a journal that is only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RescuedSegment {
    /// Its number.
    pub number: u64,
    /// The position of its first record.
    pub first: Position,
    /// When it was begun.
    pub created_at: Timestamp,
    /// The octets of its records.
    pub octets: u64,
}

/// Surveys the folder. Nothing in it is changed.
///
/// # Errors
/// It is missing, in use, or no journal.
pub fn inspect(folder: &Path) -> Result<Rescued, InspectError> {
    if !folder.is_dir() {
        return Err(InspectError::Folder(io::ErrorKind::NotADirectory.into()));
    }
    inspect_storage(Storage::Folder(folder.to_owned()))
}

pub(crate) fn inspect_storage(storage: Storage) -> Result<Rescued, InspectError> {
    let lock = storage.lock_shared().map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => InspectError::InUse,
        _ => InspectError::Folder(error),
    })?;
    let survey = recovery::survey(&storage).map_err(|error| match error {
        OpenError::Folder(error) => InspectError::Folder(error),
        other => InspectError::Journal(other),
    })?;
    let identity = survey.identity.ok_or(InspectError::NoJournal)?;
    Ok(Rescued {
        still: Arc::new(Still { storage, journal: identity.journal, catalog: survey.catalog }),
        database: identity.database,
        last: survey.last,
        damage: survey.damage,
        _lock: lock,
    })
}

impl Rescued {
    /// Which journal it is. The database notes its position for each journal by it.
    #[must_use]
    pub fn id(&self) -> JournalId {
        self.still.journal
    }

    /// The database that it was to be drained into. Applying it to another one mixes two installations.
    #[must_use]
    pub fn database(&self) -> DatabaseId {
        self.database
    }

    /// The first position that is there; none when there is no segment.
    #[must_use]
    pub fn oldest(&self) -> Option<Position> {
        self.still.catalog.oldest()
    }

    /// The position of the last record.
    #[must_use]
    pub fn last(&self) -> Position {
        self.last
    }

    /// The segments, the oldest first.
    pub fn segments(&self) -> impl Iterator<Item = RescuedSegment> {
        self.still.segments().map(|segment| RescuedSegment {
            number: segment.number,
            first: segment.first,
            created_at: segment.created_at,
            octets: segment.end.saturating_sub(segment::HEADER_LEN as u64),
        })
    }

    /// The damage in the last segment. That in others shows as they are read: [`Reader::damage`].
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// A reader whose first record is at `from` or, where nothing is there, behind it.
    ///
    /// # Errors
    /// The folder does not hold that position.
    pub fn reader(&self, from: Position) -> Result<Reader, StartError> {
        let from = from.max(Position::FIRST);
        check_start(from, self.oldest(), self.last)?;
        Ok(Reader::new(Source::Still(Arc::clone(&self.still)), from))
    }
}
