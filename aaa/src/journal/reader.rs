//! Reads records from a position on: beside the writer, up to what is durable, or in a folder that nobody writes.

use std::{collections::VecDeque, io, sync::Arc};

use base::JournalId;

use super::{
    catalog::{Bounds, Catalog, Segment},
    health::{Damage, MAX_DAMAGE_LISTED},
    record::{Position, Record, Stored},
    scan::{Gap, Scan, Step},
    segment,
    shared::Shared,
    storage::Storage,
};

/// Why reading cannot start at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The segments that held it have been deleted.
    #[error("the journal starts at position {oldest}: older records have been deleted")]
    Gone {
        /// The first position that is still there.
        oldest: Position,
    },
    /// The journal does not reach so far: what the database says is applied was lost here, or is another journal's.
    #[error("the journal ends at position {last}: the position asked for lies beyond the next one")]
    Beyond {
        /// The last durable position.
        last: Position,
    },
    /// The journal's disk is away, and it is not open yet.
    #[error("the journal is not open yet")]
    NotOpen,
}

/// A segment could not be read. The reader stays where it was and may be asked again.
#[derive(Debug, thiserror::Error)]
#[error("journal segment {name} cannot be read")]
pub struct ReadError {
    /// The file's name.
    pub name: String,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// A place in the journal. Each record comes once, in order, across segments.
///
/// Damage is skipped; in an open journal it raises an alarm and is set aside.
#[derive(Debug)]
pub struct Reader {
    source: Source,
    scan: Option<(u64, Scan)>,
    next: Position,
    damage: VecDeque<Damage>,
}

/// Where a reader reads.
#[derive(Debug)]
pub(crate) enum Source {
    /// A journal that is written meanwhile.
    Live(Arc<Shared>),
    /// A folder that nobody writes.
    Still(Arc<Still>),
}

/// A folder that nobody writes.
#[derive(Debug)]
pub(crate) struct Still {
    pub(crate) storage: Storage,
    pub(crate) journal: JournalId,
    pub(crate) catalog: Catalog,
}

/// Records with their payloads, read together. Reuse one: it keeps its memory.
#[derive(Debug, Default)]
pub struct Batch {
    octets: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    position: Position,
    /// The record without its payload.
    record: Record<'static>,
    start: usize,
    end: usize,
}

impl Batch {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The records in the order of the journal.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Stored<'_>> {
        self.entries.iter().map(|entry| Stored {
            position: entry.position,
            record: Record { payload: &self.octets[entry.start..entry.end], ..entry.record },
        })
    }

    /// The position of the last record.
    #[must_use]
    pub fn last(&self) -> Option<Position> {
        self.entries.last().map(|entry| entry.position)
    }

    fn clear(&mut self) {
        self.octets.clear();
        self.entries.clear();
    }

    fn push(&mut self, stored: Stored<'_>) {
        let start = self.octets.len();
        self.octets.extend_from_slice(stored.record.payload);
        let Record { kind, version, received_at, tenant, router, .. } = stored.record;
        let record = Record { kind, version, received_at, tenant, router, payload: &[] };
        self.entries.push(Entry { position: stored.position, record, start, end: self.octets.len() });
    }
}

impl Reader {
    /// From `from` on, which the source reaches.
    pub(crate) fn new(source: Source, from: Position) -> Self {
        Self { source, scan: None, next: from.max(Position::FIRST), damage: VecDeque::new() }
    }

    /// The position from which on the next record will be.
    #[must_use]
    pub fn next_position(&self) -> Position {
        self.next
    }

    /// The damage that this reader came upon, the oldest first; at most [`MAX_DAMAGE_LISTED`] places.
    #[must_use]
    pub fn damage(&self) -> &VecDeque<Damage> {
        &self.damage
    }

    /// Replaces what is in `batch` by up to `limit` further records, and says how many there are: fewer than `limit`
    /// when the journal holds no more at present.
    ///
    /// # Errors
    /// A segment could not be read; `batch` holds the records before it, and the next call tries again.
    pub fn fill(&mut self, batch: &mut Batch, limit: usize) -> Result<usize, ReadError> {
        batch.clear();
        while batch.len() < limit {
            match self.next_record()? {
                Some(stored) => batch.push(stored),
                None => break,
            }
        }
        Ok(batch.len())
    }

    /// The next record; none when the journal holds no more at present.
    ///
    /// # Errors
    /// A segment could not be read; the next call tries again.
    pub fn next_record(&mut self) -> Result<Option<Stored<'_>>, ReadError> {
        loop {
            let Some((number, mut scan, bounds)) = self.open()? else { return Ok(None) };
            scan.set_bounds(bounds.end, bounds.last.next());
            let step = scan.step();
            if let Ok(Step::Gap(gap)) = step {
                scan.pass_over(gap.resumed.map_or(bounds.last, Position::previous));
            }
            let passed = scan.last();
            let (_, scan) = self.scan.insert((number, scan));
            let lost = match step.map_err(|source| ReadError { name: segment::name(number), source })? {
                Step::Record(mark) if mark.position < self.next => continue,
                Step::Record(mark) => {
                    self.next = mark.position.next();
                    break;
                }
                Step::Gap(gap) => gap,
                // The file ends before its last record.
                Step::End if passed < bounds.last => {
                    let gap =
                        Gap { offset: scan.offset(), octets: 0, first_lost: passed.next(), resumed: None };
                    scan.pass_over(bounds.last);
                    gap
                }
                Step::End => {
                    let Some(next) = bounds.next else { return Ok(None) };
                    self.next = self.next.max(next.first);
                    self.scan = None;
                    continue;
                }
            };
            let damage = Damage {
                segment: number,
                offset: lost.offset,
                octets: lost.octets,
                first_lost: lost.first_lost,
                last_lost: scan.last(),
            };
            self.source.report(damage, scan);
            if self.damage.len() == MAX_DAMAGE_LISTED {
                self.damage.pop_front();
            }
            self.damage.push_back(damage);
        }
        Ok(self.scan.as_ref().and_then(|(_, scan)| scan.record()))
    }

    /// The walk through the segment where the next record is, and how far it may go; none when there is no segment.
    fn open(&mut self) -> Result<Option<(u64, Scan, Bounds)>, ReadError> {
        if let Some((number, scan)) = self.scan.take()
            && let Some(bounds) = self.source.with_catalog(|catalog| catalog.bounds(number))
        {
            return Ok(Some((number, scan, bounds)));
        }
        let found = self.source.with_catalog(|catalog| {
            let segment = *catalog.find(self.next).or_else(|| catalog.iter().next())?;
            Some((segment, catalog.bounds(segment.number)?))
        });
        let Some((segment, bounds)) = found else { return Ok(None) };
        let name = segment::name(segment.number);
        let file = self.source.storage().open(&name).map_err(|source| ReadError { name, source })?;
        let scan = Scan::new(file, segment::seed(self.source.journal(), segment.number), segment.first);
        Ok(Some((segment.number, scan, bounds)))
    }
}

impl Source {
    fn with_catalog<T>(&self, ask: impl FnOnce(&Catalog) -> T) -> T {
        match self {
            Self::Live(shared) => ask(&shared.catalog.lock()),
            Self::Still(still) => ask(&still.catalog),
        }
    }

    fn storage(&self) -> &Storage {
        match self {
            Self::Live(shared) => &shared.storage,
            Self::Still(still) => &still.storage,
        }
    }

    fn journal(&self) -> JournalId {
        match self {
            Self::Live(shared) => shared.identity.journal,
            Self::Still(still) => still.journal,
        }
    }

    fn report(&self, damage: Damage, scan: &Scan) {
        if let Self::Live(shared) = self {
            shared.report(damage, Some(scan.file()));
        }
    }
}

/// Whether a reader may start at a position.
pub(crate) fn check_start(
    from: Position,
    oldest: Option<Position>,
    last: Position,
) -> Result<(), StartError> {
    match oldest {
        Some(oldest) if from < oldest => Err(StartError::Gone { oldest }),
        _ if from > last.next() => Err(StartError::Beyond { last }),
        _ => Ok(()),
    }
}

impl Still {
    /// The segments, the oldest first.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.catalog.iter()
    }
}
