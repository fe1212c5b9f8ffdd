//! Importing what was checked, in short transactions of bulk work: people who click wait for one of them at most.

use std::collections::HashSet;

use base::{Scope, SecretString, SubscriberId, seal::Sealer};
use foundation::{Db, Tx, db};
use radius::dictionary::Dictionary;

use super::{
    super::{
        super::tenant::limit::{self, Limit, LimitReached},
        CreateError, SubscriberSpec,
        create::{Prepared, hold_references, prepare, tell},
        customer, store,
    },
    Draft, LineError,
    check::{Findings, chunks, free},
};

/// How often a chunk is tried that lost against another writer of the same names.
const TRIES: usize = 3;

/// A subscriber that was imported.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its line in the file.
    pub line: u64,
    /// Its id.
    pub id: SubscriberId,
    /// Its user name.
    pub username: String,
    /// Its password, when we made it: to be shown once.
    pub generated_password: Option<SecretString>,
}

/// What became of an import.
#[derive(Debug)]
pub struct Applied {
    /// What was made.
    pub made: Vec<Made>,
    /// Lines that could not be imported any more, because something changed since they were checked.
    pub errors: Vec<LineError>,
    /// How many errors there are beyond those.
    pub more_errors: usize,
}

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
#[error("the import stopped after {} subscribers; it may be repeated: those are reported as taken then", made.len())]
pub struct ApplyError {
    /// What was made before.
    pub made: Vec<Made>,
    /// Why it stopped.
    #[source]
    pub source: db::Error,
}

/// Imports drafts, each with a customer of its own. Each transaction is whole; what was made before a failure stays.
///
/// # Errors
/// When the database cannot be used; with what was made until then.
pub async fn apply(
    db: &Db,
    scope: &Scope,
    sealer: &Sealer,
    dictionary: &Dictionary,
    drafts: Vec<Draft>,
) -> Result<Applied, ApplyError> {
    let mut made = Vec::with_capacity(drafts.len());
    let mut findings = Findings::default();
    for chunk in chunks(drafts) {
        match apply_chunk(db, scope, sealer, dictionary, chunk, &mut findings).await {
            Ok(of_chunk) => made.extend(of_chunk),
            Err(source) => return Err(ApplyError { made, source }),
        }
    }
    let (errors, more_errors) = findings.finish();
    Ok(Applied { made, errors, more_errors })
}

async fn apply_chunk(
    db: &Db,
    scope: &Scope,
    sealer: &Sealer,
    dictionary: &Dictionary,
    chunk: Vec<Draft>,
    findings: &mut Findings,
) -> db::Result<Vec<Made>> {
    let mut tries = 0;
    loop {
        tries += 1;
        let mut of_try = Findings::default();
        let mut tx = db.begin_bulk().await?;
        let outcome = write(&mut tx, scope, sealer, dictionary, chunk.clone(), &mut of_try).await;
        let outcome = match outcome {
            Ok(made) => tx.commit().await.map(|()| made),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(made) => {
                for error in of_try.errors {
                    findings.add(error.line, error.field, error.problem);
                }
                return Ok(made);
            }
            // Somebody took a name between the look and the insertion: the next look finds it.
            Err(error @ (db::Error::Unique(_) | db::Error::Conflict(_))) if tries < TRIES => {
                tracing::debug!(%error, import.tries = tries, "an import chunk is tried again");
            }
            Err(error) => return Err(error),
        }
    }
}

async fn write(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    dictionary: &Dictionary,
    chunk: Vec<Draft>,
    findings: &mut Findings,
) -> db::Result<Vec<Made>> {
    // First of all, as everybody who takes a place; what the lines then do not need is given back.
    let (places, reached) = limit::take_available(tx, scope, Limit::Subscribers, count(&chunk)).await?;
    let chunk = referring(tx, scope, chunk, findings).await?;
    let taken = store::import::taken(tx, scope, &chunk).await?;
    let mut customers = Vec::with_capacity(chunk.len());
    let mut subscribers: Vec<(u64, Prepared)> = Vec::with_capacity(chunk.len());
    for draft in free(chunk, &taken, findings) {
        let prepared =
            customer::prepare(scope, sealer, draft.customer, draft.identity_number).and_then(|customer| {
                let mut prepared =
                    prepare(scope, sealer, dictionary, draft.spec, draft.login, customer.0.id)?;
                prepared.subscriber.status = draft.status;
                Ok((customer, prepared))
            });
        match prepared {
            Ok((customer, prepared)) => {
                customers.push(customer);
                subscribers.push((draft.line, prepared));
            }
            Err(invalid) => findings.add(draft.line, invalid.field, invalid.problem),
        }
    }
    if let Some(reached) = reached {
        refuse(&mut customers, &mut subscribers, places, reached, findings);
    }
    limit::give_back(tx, scope, Limit::Subscribers, places - count(&subscribers)).await?;
    let rows: Vec<_> = customers.iter().map(|(customer, sealed)| (customer, sealed.as_deref())).collect();
    store::customer::insert(tx, scope, &rows).await?;
    let rows: Vec<_> = subscribers.iter().map(|(_, prepared)| prepared.row()).collect();
    store::subscriber::insert_all(tx, scope, &rows, "").await?;
    Ok(subscribers
        .into_iter()
        .map(|(line, prepared)| {
            tell(tx, scope, &prepared.subscriber, "subscriber.import");
            Made {
                line,
                id: prepared.subscriber.id,
                username: prepared.subscriber.spec.username,
                generated_password: prepared.generated_password,
            }
        })
        .collect())
}

/// Leaves out the lines for which no place is left.
fn refuse<C>(
    customers: &mut Vec<C>,
    subscribers: &mut Vec<(u64, Prepared)>,
    places: u32,
    reached: LimitReached,
    findings: &mut Findings,
) {
    let places = usize::try_from(places).unwrap_or(usize::MAX).min(subscribers.len());
    customers.truncate(places);
    for (line, _) in subscribers.drain(places..) {
        findings.add(line, "username", reached.to_string());
    }
}

fn count<T>(lines: &[T]) -> u32 {
    u32::try_from(lines.len()).unwrap_or(u32::MAX)
}

/// The drafts whose plan and router are still there, and stay until the commit.
async fn referring(
    tx: &mut Tx,
    scope: &Scope,
    chunk: Vec<Draft>,
    findings: &mut Findings,
) -> db::Result<Vec<Draft>> {
    let (mut held, mut gone) = (HashSet::new(), HashSet::new());
    let mut kept = Vec::with_capacity(chunk.len());
    for draft in chunk {
        let key = (draft.spec.plan, draft.spec.router);
        if !held.contains(&key) && !gone.contains(&key) {
            match hold_references(tx, scope, &reference(&draft.spec)).await {
                Ok(()) => held.insert(key),
                Err(CreateError::Database(error)) => return Err(error),
                Err(_) => gone.insert(key),
            };
        }
        if held.contains(&key) {
            kept.push(draft);
        } else {
            findings.add(draft.line, "plan", "or the router was removed meanwhile");
        }
    }
    Ok(kept)
}

/// What of a specification refers to others.
fn reference(spec: &SubscriberSpec) -> SubscriberSpec {
    SubscriberSpec { router: spec.router, ..SubscriberSpec::new(String::new(), spec.plan) }
}
