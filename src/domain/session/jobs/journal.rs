//! The journal against the database: of the newest records that are said to be applied, each must have left its mark. What is
//! missing (the database was restored, or its disk lost what it had confirmed) is applied again, which changes nothing
//! where it was there.

use std::time::Duration;

use aaa::{
    directory::entry::OctetDirection,
    journal::{Batch, Kind, Position, Stored},
    policy::{ACCOUNTING_VERSION, Reading},
};
use base::{JournalId, SessionId, Timestamp};
use foundation::job::{JobContext, JobError};

use super::{
    super::{
        applier::Applier,
        store::{journal, lists},
    },
    Accountant, drifted,
};

/// Records looked at, from the newest applied one back: some minutes of a busy provider.
const LOOKED_AT: u64 = 20_000;
/// How long to wait for a journal that is not open yet.
const NOT_OPEN: Duration = Duration::from_secs(60);
/// Records of one step.
const BATCH: usize = 448;

/// Compares position and marks.
pub(super) async fn compare(accountant: &Accountant, context: &JobContext) -> Result<(), JobError> {
    accountant.check_lag()?;
    let own = &accountant.journal;
    let mut conn = context.db().conn().await?;
    let Some(id) = own.id() else {
        return Err(JobError::snooze(NOT_OPEN, "the journal's disk is away"));
    };
    let stored = journal::position(&mut conn, id).await?;
    let stored = Position::new(u64::try_from(stored).unwrap_or(0));
    let refused = journal::count_refused(&mut conn).await?;
    drop(conn);
    let lag = own.durable().since(stored);
    context.log(format!(
        "the database is at record {}, {lag} behind the journal; {refused} records are set aside",
        stored.number()
    ));
    if refused > 0 {
        context.warn("records are set aside: see the table journal_refused");
    }
    let Some(oldest) = own.oldest().filter(|oldest| *oldest <= stored) else { return Ok(()) };
    let first = oldest.max(Position::new(stored.number().saturating_sub(LOOKED_AT)).next());
    let mut reader = own.reader(first)?;
    let mut batch = Batch::new();
    let (mut seen, mut missing) = (0_u64, 0_u64);
    while reader.next_position() <= stored {
        reader.fill(&mut batch, BATCH)?;
        let records: Vec<Stored<'_>> = batch.iter().filter(|record| record.position <= stored).collect();
        if records.is_empty() {
            break;
        }
        seen += records.len() as u64;
        let gaps = without_mark(accountant, context, &records).await?;
        if gaps > 0 {
            apply_again(accountant, context, &records).await?;
            // Some leave none by the rules, such as a word that is older than what is known.
            missing += gaps.saturating_sub(without_mark(accountant, context, &records).await?);
        }
    }
    if missing > 0 {
        drifted("journal_record_missing", missing);
        context
            .warn(format!("{missing} of the newest {seen} records had left no mark, and were applied again"));
    } else {
        context.log(format!("the newest {seen} records have left their mark"));
    }
    Ok(())
}

/// A record that names its session by our cookie can be looked for: the session must be there, and must have heard of it.
async fn without_mark(
    accountant: &Accountant,
    context: &JobContext,
    records: &[Stored<'_>],
) -> Result<u64, JobError> {
    let mut conn = context.db().conn().await?;
    let mut count = 0;
    for stored in records {
        let Some((session, at)) = mark_of(accountant, stored) else { continue };
        let found = lists::find(&mut conn, stored.record.tenant, session).await?;
        count += u64::from(found.is_none_or(|row| row.updated_at < at));
    }
    Ok(count)
}

/// The session of a record, and the moment that its row must have reached.
fn mark_of(accountant: &Accountant, stored: &Stored<'_>) -> Option<(SessionId, Timestamp)> {
    let record = &stored.record;
    if (record.kind, record.version) != (Kind::ACCOUNTING, ACCOUNTING_VERSION) {
        return None;
    }
    let octets = accountant
        .directory
        .router(record.router)
        .map_or(OctetDirection::InputIsUpload, |router| router.octets);
    let reading = Reading { tenant: record.tenant, octets, class_key: &accountant.class_key };
    let event = reading.parse(record.payload, record.received_at).ok()?;
    Some((event.cookie?.session, event.at))
}

/// Applies records under the name of a journal that nobody has, so that the position of the real one stays.
async fn apply_again(
    accountant: &Accountant,
    context: &JobContext,
    records: &[Stored<'_>],
) -> Result<(), JobError> {
    let scratch = JournalId::generate(context.now());
    let applier = Applier {
        db: context.db(),
        directory: &accountant.directory,
        class_key: &accountant.class_key,
        clock: context.clock(),
        journal: scratch,
    };
    let applied = applier.apply(applier.read(records.iter().copied()).await, Position::new(0)).await;
    let mut tx = context.begin().await?;
    journal::forget(&mut tx, scratch).await?;
    context.commit(tx).await?;
    Ok(applied.map(drop)?)
}
