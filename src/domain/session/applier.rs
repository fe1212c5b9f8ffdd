//! Applies records of a journal, so that a crash at any moment neither loses a record nor counts it twice: the journal's
//! new position is committed with the last of what the records change.
//!
//! A few records are read and written in one transaction. Many, after an outage or under high load, are folded first, so
//! that all packets of a session cost one write, and written in several transactions; applying them again after a crash
//! changes nothing that is there. What stands in the way of that is left to the way of the few.
//!
//! What cannot be read is set aside in the same transaction. What the database refuses for good is found by halving its
//! batch, and is set aside alone.

use aaa::{
    directory::{Directory, entry::OctetDirection},
    journal::{Kind, Position, Record, Stored},
    policy::{self, ACCOUNTING_VERSION, ClassKey, FIRST_USE_VERSION, FirstUse, Reading},
};
use base::{Clock, JournalId, Platform, TenantId};
use foundation::{Db, Tx, db};
use metrics::counter;

use super::{
    apply::{self, Item, Part, Restarts},
    store::journal::{self, Refused},
};
use crate::domain::subscriber::{self, LearnMacError};

/// Rows that a transaction's records may come to: below what a transaction may write
/// ([`foundation::db::ROWS_LIMIT`]), for a restart and the position go along.
const MOST_ROWS: usize = 900;

/// Records read at a time. The more there are, the more packets of one session cost one write; they and the rows
/// that they change are in memory meanwhile.
pub(super) const MOST_RECORDS: usize = 32_768;

/// So few records are applied in one transaction, as they are few rows: about 10 ms on SQLite.
pub(super) const FEW: usize = MOST_ROWS / ROWS_OF_ACCOUNTING - 2;

/// Records that are read before whoever writes others gets its turn: some tens of microseconds.
const SLICE: usize = 64;

/// Rows that a first use comes to at most: the subscriber, the audit trail, the change stream and their heads.
const ROWS_OF_FIRST_USE: usize = 8;

/// What an accounting record comes to: its session and an hour of usage.
const ROWS_OF_ACCOUNTING: usize = 2;

/// How often in a row others may write the same sessions before the drainer takes a rest.
const MOST_OVERTAKEN: u32 = 8;

/// Applies the records of one journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Applier<'a> {
    pub(super) db: &'a Db,
    /// Tells the direction of a router's counters and whose a user name is.
    pub(super) directory: &'a Directory,
    /// The key of our cookies.
    pub(super) class_key: &'a ClassKey,
    pub(super) clock: &'a Clock,
    pub(super) journal: JournalId,
}

/// Why records were not applied. None of them is to blame: trying again may help.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    #[error("the database failed")]
    Database(#[from] db::Error),
    #[error("a first use was not stored")]
    FirstUse(#[source] LearnMacError),
    /// The database's position is another than was thought: an earlier commit of ours whose answer was lost, or another
    /// drainer. The position is to be read anew.
    #[error("the journal's position in the database was moved meanwhile")]
    PositionMoved,
    /// Other nodes keep writing the same sessions.
    #[error("others keep writing the same sessions")]
    Overtaken,
}

/// Why a record is set aside.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the record's kind or version is unknown")]
    Unknown,
    #[error("the payload is no RADIUS packet")]
    Packet(#[source] radius::packet::ParseError),
    #[error("the payload is no first use")]
    FirstUse,
    #[error("the database refuses the record")]
    Database(#[source] db::Error),
    #[error("the subscriber of a first use cannot be changed")]
    Subscriber(#[source] LearnMacError),
}

/// Why a transaction failed.
enum Failure {
    /// One of its records is to blame.
    Refused(Refusal),
    /// Somebody else wrote one of its sessions since it was read.
    Overtaken,
    Passing(ApplyError),
}

impl From<db::Error> for Failure {
    fn from(error: db::Error) -> Self {
        // A stored row that cannot be read stops the records of its session alone.
        if error.is_refusal() || matches!(error, db::Error::Decode(_)) {
            Self::Refused(Refusal::Database(error))
        } else {
            Self::Passing(error.into())
        }
    }
}

/// What became of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) applied: u64,
    pub(super) refused: u64,
}

impl Applier<'_> {
    /// Reads records, for [`apply`](Self::apply). Gives way often: it is done while others are written.
    pub(super) async fn read<'r>(&self, records: impl ExactSizeIterator<Item = Stored<'r>>) -> Window<'r> {
        let mut window = Window { records: Vec::with_capacity(records.len()), work: Work::default() };
        if records.len() > FEW {
            window.work.items.reserve_exact(records.len());
            for stored in records {
                self.sort_one(&stored, &mut window.work);
                window.records.push(stored);
                if window.records.len().is_multiple_of(SLICE) {
                    tokio::task::yield_now().await;
                }
            }
        } else {
            window.records.extend(records);
        }
        window
    }

    /// Applies what was read, where `from` is the journal's position in the database.
    ///
    /// # Errors
    /// As [`ApplyError`] says; some of the records may be applied, and the position in the database says which.
    pub(super) async fn apply(&self, window: Window<'_>, from: Position) -> Result<Tally, ApplyError> {
        let Window { records, work } = window;
        let records = records.as_slice();
        if records.len() > FEW
            && let Some(tally) = self.fold(records, work, from).await?
        {
            counter!("rrnetd_drain_records_total").increment(tally.applied);
            return Ok(tally);
        }
        let mut tally = Tally::default();
        let mut from = from;
        let mut overtaken = 0;
        let mut pieces = cut(records);
        while let Some(piece) = pieces.pop() {
            let Some(last) = piece.last() else { continue };
            match (self.commit(piece, from, last.position).await, piece) {
                (Ok(refused), _) => {
                    tally.refused += refused;
                    tally.applied += piece.len() as u64 - refused;
                }
                (Err(Failure::Refused(refusal)), [only]) => {
                    self.set_aside(only, from, &refusal).await?;
                    tally.refused += 1;
                }
                (Err(Failure::Refused(_)), _) => {
                    let (first, second) = piece.split_at(piece.len() / 2);
                    pieces.extend([second, first]);
                    continue;
                }
                (Err(Failure::Overtaken), _) if overtaken < MOST_OVERTAKEN => {
                    counter!("rrnetd_drain_overtaken_total").increment(1);
                    overtaken += 1;
                    pieces.push(piece);
                    continue;
                }
                (Err(Failure::Overtaken), _) => return Err(ApplyError::Overtaken),
                (Err(Failure::Passing(error)), _) => return Err(error),
            }
            overtaken = 0;
            from = last.position;
        }
        counter!("rrnetd_drain_records_total").increment(tally.applied);
        Ok(tally)
    }

    /// Folds many records, and writes what they change in several transactions. `None` when that was not possible: something
    /// is refused, others write the same sessions, or it is too much at once. Then nothing moved the position, and the
    /// records may be applied in any other way.
    async fn fold(
        &self,
        records: &[Stored<'_>],
        work: Work<'_>,
        from: Position,
    ) -> Result<Option<Tally>, ApplyError> {
        let Some(last) = records.last() else { return Ok(None) };
        match self.fold_and_write(records, work, from, last.position).await {
            Ok(tally) => Ok(tally),
            Err(Failure::Passing(error)) => Err(error),
            Err(Failure::Refused(_) | Failure::Overtaken) => {
                counter!("rrnetd_drain_unfolded_total").increment(1);
                Ok(None)
            }
        }
    }

    async fn fold_and_write(
        &self,
        records: &[Stored<'_>],
        mut work: Work<'_>,
        from: Position,
        to: Position,
    ) -> Result<Option<Tally>, Failure> {
        let others = work.refused.len() + work.first_uses.len() * ROWS_OF_FIRST_USE;
        let mut conn = self.db.conn().await?;
        let folded = apply::fold(&mut conn, &std::mem::take(&mut work.items)).await?;
        drop(conn);
        let Some((parts, restarts)) = folded.cut(MOST_ROWS) else { return Ok(None) };
        let others = others + restarts.len();
        if others > MOST_ROWS {
            return Ok(None);
        }
        // The last goes with the position, if there is room.
        let mut parts = parts.peekable();
        let mut last = Part::default();
        while let Some(part) = parts.next() {
            if others == 0 && parts.peek().is_none() {
                last = part;
                break;
            }
            let mut tx = self.db.begin_bulk().await?;
            if !part.write(&mut tx).await? {
                tx.rollback().await?;
                return Err(Failure::Overtaken);
            }
            tx.commit().await?;
        }
        let refused = work.refused.len() as u64;
        let tx = self.begin(from, to).await?;
        self.finish(tx, last, restarts, work).await?;
        Ok(Some(Tally { applied: records.len() as u64 - refused, refused }))
    }

    /// Applies records in one transaction; how many were set aside in it.
    async fn commit(&self, records: &[Stored<'_>], from: Position, to: Position) -> Result<u64, Failure> {
        let work = self.sort(records);
        let refused = work.refused.len() as u64;
        let mut tx = self.begin(from, to).await?;
        let (part, restarts) = apply::fold(&mut tx, &work.items).await?.whole();
        self.finish(tx, part, restarts, work).await?;
        Ok(refused)
    }

    /// Begins the transaction that moves the position: first, so that two drainers of one journal meet here and not in the
    /// middle.
    async fn begin(&self, from: Position, to: Position) -> Result<Tx, Failure> {
        let mut tx = self.db.begin_bulk().await?;
        if !journal::advance(&mut tx, self.journal, number(from), number(to), self.clock.wall()).await? {
            return Err(Failure::Passing(ApplyError::PositionMoved));
        }
        Ok(tx)
    }

    /// Writes what is left, and commits.
    async fn finish(
        &self,
        mut tx: Tx,
        part: Part,
        restarts: Restarts,
        Work { first_uses, refused, .. }: Work<'_>,
    ) -> Result<(), Failure> {
        let now = self.clock.wall();
        if !part.write(&mut tx).await? {
            // Undone before the next attempt reads.
            tx.rollback().await?;
            return Err(Failure::Overtaken);
        }
        restarts.write(&mut tx).await?;
        let platform = Platform::system("session.drain", now);
        for (tenant, first_use) in first_uses {
            let scope = platform.within(tenant);
            if let Err(error) =
                subscriber::learn_mac(&mut tx, &scope, first_use.subscriber, first_use.mac).await
            {
                return Err(match error.is_transient() {
                    true => Failure::Passing(ApplyError::FirstUse(error)),
                    false => Failure::Refused(Refusal::Subscriber(error)),
                });
            }
        }
        journal::refuse(&mut tx, &refused, now).await?;
        tx.commit().await?;
        for record in &refused {
            alarm(record);
        }
        Ok(())
    }

    /// Reads records.
    fn sort<'r>(&self, records: &[Stored<'r>]) -> Work<'r> {
        let mut work = Work { items: Vec::with_capacity(records.len()), ..Work::default() };
        for stored in records {
            self.sort_one(stored, &mut work);
        }
        work
    }

    fn sort_one<'r>(&self, stored: &Stored<'r>, work: &mut Work<'r>) {
        match self.parse(&stored.record) {
            Ok(Meaning::Session(item)) => work.items.push(item),
            Ok(Meaning::FirstUse(tenant, first_use)) => work.first_uses.push((tenant, first_use)),
            Err(refusal) => work.refused.push(self.refused(stored, &refusal)),
        }
    }

    fn parse<'r>(&self, record: &Record<'r>) -> Result<Meaning<'r>, Refusal> {
        match (record.kind, record.version) {
            (Kind::ACCOUNTING, ACCOUNTING_VERSION) => self.item(record).map(Meaning::Session),
            (Kind::FIRST_USE, FIRST_USE_VERSION) => {
                let first_use = FirstUse::parse(record.payload).ok_or(Refusal::FirstUse)?;
                Ok(Meaning::FirstUse(record.tenant, first_use))
            }
            _ => Err(Refusal::Unknown),
        }
    }

    fn item<'r>(&self, record: &Record<'r>) -> Result<Item<'r>, Refusal> {
        let router = self.directory.router(record.router);
        let octets = router.map_or(OctetDirection::InputIsUpload, |router| router.octets);
        let reading = Reading { tenant: record.tenant, octets, class_key: self.class_key };
        let event = reading.parse(record.payload, record.received_at).map_err(Refusal::Packet)?;
        let subscriber = match event.cookie {
            Some(cookie) => Some(cookie.subscriber),
            None => self
                .directory
                .tenant(record.tenant)
                .and_then(|tenant| policy::find_subscriber(self.directory, &tenant, event.username))
                .map(|subscriber| subscriber.view().id()),
        };
        Ok(Item { tenant: record.tenant, router: record.router, subscriber, event })
    }

    /// Sets one record aside that the database refused, in a transaction of its own.
    async fn set_aside(
        &self,
        stored: &Stored<'_>,
        from: Position,
        refusal: &Refusal,
    ) -> Result<(), ApplyError> {
        let now = self.clock.wall();
        let refused = self.refused(stored, refusal);
        let mut tx = self.db.begin_bulk().await?;
        if !journal::advance(&mut tx, self.journal, number(from), refused.position, now).await? {
            return Err(ApplyError::PositionMoved);
        }
        journal::refuse(&mut tx, std::slice::from_ref(&refused), now).await?;
        tx.commit().await?;
        alarm(&refused);
        Ok(())
    }

    fn refused<'r>(&self, Stored { position, record }: &Stored<'r>, refusal: &Refusal) -> Refused<'r> {
        Refused {
            journal: self.journal,
            position: number(*position),
            kind: i64::from(record.kind.0),
            version: i64::from(record.version),
            received_at: record.received_at,
            tenant: record.tenant,
            router: record.router,
            payload: record.payload,
            reason: chain(refusal),
        }
    }
}

/// What a record asks for.
#[expect(clippy::large_enum_variant, reason = "one at a time, nearly all of them sessions")]
enum Meaning<'a> {
    Session(Item<'a>),
    FirstUse(TenantId, FirstUse),
}

/// Records of the journal that are read, and not applied yet.
pub(super) struct Window<'r> {
    records: Vec<Stored<'r>>,
    /// What they ask for; empty where they are so few that they need no folding.
    work: Work<'r>,
}

impl Window<'_> {
    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The position of the last one; none without records.
    pub(super) fn last(&self) -> Option<Position> {
        Some(self.records.last()?.position)
    }
}

/// What records ask for, by kind; the order is kept within each.
#[derive(Default)]
struct Work<'r> {
    items: Vec<Item<'r>>,
    first_uses: Vec<(TenantId, FirstUse)>,
    refused: Vec<Refused<'r>>,
}

/// Cuts records into pieces of one transaction each; the last piece comes first, to be popped.
fn cut<'s, 'r>(records: &'s [Stored<'r>]) -> Vec<&'s [Stored<'r>]> {
    let mut pieces = Vec::new();
    let (mut start, mut rows) = (0, 0);
    for (at, stored) in records.iter().enumerate() {
        let more = if stored.record.kind == Kind::FIRST_USE { ROWS_OF_FIRST_USE } else { ROWS_OF_ACCOUNTING };
        if rows + more > MOST_ROWS {
            pieces.push(&records[start..at]);
            (start, rows) = (at, 0);
        }
        rows += more;
    }
    pieces.push(&records[start..]);
    pieces.reverse();
    pieces
}

/// Says that a record was set aside, once it is.
fn alarm(refused: &Refused<'_>) {
    counter!("rrnetd_drain_refused_total").increment(1);
    tracing::error!(
        journal.position = refused.position,
        journal.kind = refused.kind,
        router.id = %refused.router,
        reason = refused.reason,
        "a journal record was refused for good and set aside; see the table journal_refused"
    );
}

/// A position as it is stored.
fn number(position: Position) -> i64 {
    i64::try_from(position.number()).unwrap_or(i64::MAX)
}

/// An error with its causes, for a stored reason.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
