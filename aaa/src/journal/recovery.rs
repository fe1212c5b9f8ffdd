//! Reads a folder at start: which segments there are, where the last one ends, what is damaged.
//!
//! Only the last segment can have a torn tail: a segment is begun when the one before it is durable, or void from
//! the new one's first position on. In the last one, frames that verify nowhere behind them, or only frames of their
//! own group, are a torn tail: that group was never durable, hence never acknowledged. A later group behind them
//! proves that they had been durable: that is damage, and reading goes on behind it.

use std::io;

use base::{DatabaseId, JournalId, Timestamp};

use super::{
    aside,
    catalog::{Catalog, MARK_EVERY, Segment},
    config::ConfigError,
    frame,
    health::Damage,
    record::Position,
    scan::{Gap, Scan, Step},
    segment::{self, Header, HeaderError, Identity},
    storage::Storage,
};

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings contradict each other.
    #[error("the journal's settings are out of range")]
    Config(#[from] ConfigError),
    /// Another process, or another handle of this one, has it open.
    #[error("the journal's folder is in use by another process")]
    InUse,
    /// The folder cannot be made, read or locked.
    #[error("the journal's folder cannot be used")]
    Folder(#[source] io::Error),
    /// A segment cannot be read.
    #[error("journal segment {name} cannot be read")]
    Read {
        /// The file's name.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What was written before the last crash cannot be made durable.
    #[error("journal segment {name} cannot be synced")]
    Sync {
        /// The file's name.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The segment is to be drained into another database.
    #[error("journal segment {name} belongs to database {found}, not to {expected}")]
    ForeignDatabase {
        /// The file's name.
        name: String,
        /// Our database.
        expected: DatabaseId,
        /// The segment's.
        found: DatabaseId,
    },
    /// The segments are of more than one journal.
    #[error("journal segment {name} belongs to journal {found}, the segments before it to {expected}")]
    ForeignJournal {
        /// The file's name.
        name: String,
        /// The first segment's journal.
        expected: JournalId,
        /// This one's.
        found: JournalId,
    },
    /// The segment was written by another version of the program.
    #[error("journal segment {name} has layout version {version}, this program reads {}", segment::VERSION)]
    OtherVersion {
        /// The file's name.
        name: String,
        /// Its layout version.
        version: u32,
    },
    /// The file has been renamed, or the segments overlap.
    #[error("journal segment {name} is not what its name says, or overlaps another")]
    OutOfOrder {
        /// The file's name.
        name: String,
    },
    /// The writer's thread cannot be started.
    #[error("the journal's thread cannot be started")]
    Thread(#[source] io::Error),
}

/// What a folder holds. Making one changes nothing.
#[derive(Debug)]
pub(crate) struct Survey {
    /// None when no segment has a readable header.
    pub(crate) identity: Option<Identity>,
    pub(crate) catalog: Catalog,
    /// The position of the last record.
    pub(crate) last: Position,
    /// The first position that has certainly not been given out.
    pub(crate) next: Position,
    /// The highest number of a segment.
    pub(crate) last_number: u64,
    /// Damage in the last segment. That in others is found when they are read.
    pub(crate) damage: Vec<Damage>,
    /// Segments of which nothing can be read.
    pub(crate) unreadable: Vec<u64>,
    /// Files that never became segments.
    pub(crate) temporary: Vec<String>,
    /// How many files were set aside earlier.
    pub(crate) set_aside: usize,
}

/// Reads the folder without changing it.
pub(crate) fn survey(storage: &Storage) -> Result<Survey, OpenError> {
    let names = storage.list().map_err(OpenError::Folder)?;
    let mut headers = Vec::new();
    for number in names.iter().filter_map(|name| segment::parse_name(name)) {
        headers.push((number, read_header(storage, number)?));
    }
    let identity = agree(&headers)?;
    let mut survey = Survey {
        identity,
        catalog: Catalog::default(),
        last: Position::NONE,
        next: Position::FIRST,
        last_number: headers.last().map_or(0, |(number, _)| *number),
        damage: Vec::new(),
        unreadable: Vec::new(),
        temporary: names
            .iter()
            .filter(|name| name.ends_with(segment::TEMPORARY_EXTENSION))
            .cloned()
            .collect(),
        set_aside: names.iter().filter(|name| aside::is_set_aside(name)).count(),
    };
    let Some(identity) = identity else {
        // What comes is another journal, with positions of its own.
        survey.unreadable = headers.iter().map(|(number, _)| *number).collect();
        return Ok(survey);
    };
    let (segments, unreadable) = arrange(storage, identity.journal, &headers)?;
    survey.unreadable = unreadable;
    if let Some((last, closed)) = segments.split_last() {
        let tail = find_tail(storage, identity.journal, *last)?;
        survey.catalog =
            Catalog::new(closed.iter().copied().chain([Segment { end: tail.end, ..*last }]), tail.last);
        for (position, received_at) in tail.marks {
            survey.catalog.note(position, received_at);
        }
        (survey.last, survey.next, survey.damage) = (tail.last, tail.next, tail.damage);
    }
    for number in &survey.unreadable {
        // Nobody knows which positions it held, only how many at most.
        let name = segment::name(*number);
        let size = storage.open(&name).and_then(|file| file.size());
        survey.next = skip(survey.next, size.map_err(|source| OpenError::Read { name, source })?);
    }
    Ok(survey)
}

/// Puts the folder in order after a survey, and makes all that it found durable. The caller holds the folder's lock.
///
/// A torn tail stays in its file until the next segment says that it is void: a second survey must come to the same
/// end.
pub(crate) fn repair(storage: &Storage, survey: &mut Survey) -> Result<(), OpenError> {
    for name in &survey.temporary {
        storage.remove(name).map_err(OpenError::Folder)?;
    }
    if let Some(last) = survey.catalog.iter().last() {
        let name = segment::name(last.number);
        let failed = |source| OpenError::Sync { name: name.clone(), source };
        let file = storage.open_writable(&name).map_err(failed)?;
        for damage in &survey.damage {
            match aside::copy(storage, &file, damage) {
                Ok(copied) => survey.set_aside += usize::from(copied),
                Err(error) => tracing::error!(%error, segment.number = last.number, "damage not set aside"),
            }
        }
        // Records that a killed process wrote but did not sync are about to count as durable.
        file.sync_data().map_err(failed)?;
    }
    Ok(())
}

/// Takes the segments of which nothing can be read out of the journal.
pub(crate) fn set_unreadable_aside(storage: &Storage, survey: &Survey) {
    for number in &survey.unreadable {
        match aside::move_segment(storage, *number) {
            Ok(()) => tracing::error!(segment.number = number, "journal segment unreadable, set aside"),
            Err(error) => tracing::error!(%error, segment.number = number, "journal segment not set aside"),
        }
    }
}

fn read_header(storage: &Storage, number: u64) -> Result<Option<Header>, OpenError> {
    let name = segment::name(number);
    let mut octets = vec![0; segment::HEADER_LEN];
    let read = storage.open(&name).and_then(|file| file.read_salvaging(&mut octets, 0));
    let read = read.map_err(|source| OpenError::Read { name: name.clone(), source })?;
    match Header::parse(&octets[..read]) {
        Ok(header) if header.number != number => Err(OpenError::OutOfOrder { name }),
        Ok(header) => Ok(Some(header)),
        Err(HeaderError::Damaged) => Ok(None),
        Err(HeaderError::OtherVersion(version)) => Err(OpenError::OtherVersion { name, version }),
    }
}

/// The identity that all readable headers agree on.
fn agree(headers: &[(u64, Option<Header>)]) -> Result<Option<Identity>, OpenError> {
    let mut agreed: Option<Identity> = None;
    for header in headers.iter().filter_map(|(_, header)| header.as_ref()) {
        let expected = *agreed.get_or_insert(header.identity);
        let name = || segment::name(header.number);
        if header.identity.database != expected.database {
            return Err(OpenError::ForeignDatabase {
                name: name(),
                expected: expected.database,
                found: header.identity.database,
            });
        }
        if header.identity.journal != expected.journal {
            return Err(OpenError::ForeignJournal {
                name: name(),
                expected: expected.journal,
                found: header.identity.journal,
            });
        }
    }
    Ok(agreed)
}

/// A position above all that frames in so many octets can have had, where `next` was the first of them.
fn skip(next: Position, octets: u64) -> Position {
    Position::new(next.number().saturating_add(octets.div_ceil(frame::HEADER_LEN as u64)))
}

/// The segments in order, and the numbers of those of which nothing can be read. Each ends with its file; the last
/// one is looked at more closely later.
fn arrange(
    storage: &Storage,
    journal: JournalId,
    headers: &[(u64, Option<Header>)],
) -> Result<(Vec<Segment>, Vec<u64>), OpenError> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut unreadable = Vec::new();
    for (index, (number, header)) in headers.iter().enumerate() {
        let name = segment::name(*number);
        let failed = |source| OpenError::Read { name: name.clone(), source };
        let size = storage.open(&name).and_then(|file| file.size()).map_err(failed)?;
        let before = segments.last().map_or(Position::FIRST, |segment| segment.first);
        let (after, first, created_at) = match header {
            Some(header) => (header.after, header.first, header.created_at),
            None => {
                let next = headers[index..].iter().find_map(|(_, header)| header.as_ref());
                let below = next.map_or(Position::new(u64::MAX), |next| next.after.next());
                let Some(first) =
                    first_record(storage, journal, *number, size, before, below).map_err(failed)?
                else {
                    unreadable.push(*number);
                    continue;
                };
                let created_at = segments.last().map_or(Timestamp::EPOCH, |segment| segment.created_at);
                (first.previous(), first, created_at)
            }
        };
        if first <= after || after.next() < before {
            return Err(OpenError::OutOfOrder { name });
        }
        segments.push(Segment { number: *number, after, first, created_at, end: size, size });
    }
    Ok((segments, unreadable))
}

/// The first position that can be read in a segment without a header.
fn first_record(
    storage: &Storage,
    journal: JournalId,
    number: u64,
    size: u64,
    from: Position,
    below: Position,
) -> io::Result<Option<Position>> {
    let file = storage.open(&segment::name(number))?;
    let mut scan = Scan::new(file, segment::seed(journal, number), from);
    scan.set_bounds(size, below);
    Ok(match scan.step()? {
        Step::Record(mark) => Some(mark.position),
        Step::Gap(gap) => gap.resumed,
        Step::End => None,
    })
}

/// Where the journal ends.
struct Tail {
    last: Position,
    next: Position,
    /// The offset behind the last record.
    end: u64,
    damage: Vec<Damage>,
    /// When records were received, one a second at most.
    marks: Vec<(Position, Timestamp)>,
}

/// Finds where the records of the last segment end.
fn find_tail(storage: &Storage, journal: JournalId, last: Segment) -> Result<Tail, OpenError> {
    let name = segment::name(last.number);
    let failed = |source| OpenError::Read { name: name.clone(), source };
    let file = storage.open(&name).map_err(failed)?;
    let mut scan = Scan::new(file, segment::seed(journal, last.number), last.first);
    // No segment of this size holds more records, so a higher position is not one of its own.
    scan.set_bounds(last.size, skip(last.first, last.size));
    let mut damage = Vec::new();
    let mut marks: Vec<(Position, Timestamp)> = Vec::new();
    let mut doubtful: Vec<Gap> = Vec::new();
    loop {
        match scan.step().map_err(failed)? {
            Step::Record(mark) => {
                if marks.last().is_none_or(|(_, noted)| mark.received_at.since(*noted) >= MARK_EVERY) {
                    marks.push((mark.position, mark.received_at));
                }
                // A later group proves that what was lost had been durable.
                let (proven, rest) = doubtful.into_iter().partition(|gap| gap.first_lost < mark.group);
                doubtful = rest;
                damage.extend(Vec::into_iter(proven).filter_map(|gap| as_damage(last.number, gap)));
            }
            Step::Gap(gap) => doubtful.push(gap),
            Step::End => break,
        }
    }
    let mut tail = Tail { last: scan.last(), next: scan.last().next(), end: scan.offset(), damage, marks };
    if let Some(gap) = doubtful.first() {
        tail.last = gap.first_lost.previous();
        tail.next = skip(gap.first_lost, written(&scan, gap.offset, last.size).map_err(failed)?);
        tail.end = gap.offset;
    }
    tracing::info!(
        segment.number = last.number,
        last.position = tail.last.number(),
        next.position = tail.next.number(),
        "end of the journal found",
    );
    Ok(tail)
}

/// How many octets of the file from `from` on were ever written: up to the last that is not zero.
fn written(scan: &Scan, from: u64, size: u64) -> io::Result<u64> {
    let mut piece = vec![0; 64 * 1024];
    let (mut offset, mut written) = (from, 0);
    while offset < size {
        let read = scan.file().read_salvaging(&mut piece, offset)?;
        if read == 0 {
            break;
        }
        if let Some(last) = piece[..read].iter().rposition(|octet| *octet != 0) {
            written = offset + last as u64 + 1 - from;
        }
        offset += read as u64;
    }
    Ok(written)
}

/// The damage that a gap with sound frames behind it is.
fn as_damage(segment: u64, gap: Gap) -> Option<Damage> {
    let last_lost = gap.resumed?.previous();
    Some(Damage { segment, offset: gap.offset, octets: gap.octets, first_lost: gap.first_lost, last_lost })
}
