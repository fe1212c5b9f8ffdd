//! The dry run: what would become of a table. Nothing is written.

use std::collections::{HashMap, HashSet};

use base::Scope;
use foundation::{Conn, db};
use jiff::tz::TimeZone;

use super::{
    super::{
        super::{
            nas, plan,
            tenant::{
                self,
                limit::{self, Limit, LimitReached},
            },
            values::text::search_key,
        },
        store,
    },
    Draft, LineError, MAX_REPORTED, Report, SheetError,
    row::{References, draft},
    sheet::Sheet,
};

/// A table that was checked.
#[derive(Debug)]
pub struct Checked {
    /// What would become of it.
    pub report: Report,
    /// The lines that can be imported.
    pub drafts: Vec<Draft>,
}

/// Why a table cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It cannot be read at all.
    #[error("the table cannot be read")]
    Sheet(#[from] SheetError),
    /// The database cannot be read.
    #[error("the table cannot be compared with what is there")]
    Database(#[from] db::Error),
}

/// Checks a table against what the tenant has.
///
/// # Errors
/// As [`CheckError`] says; what is wrong with single lines is in the report.
pub async fn check(conn: &mut Conn, scope: &Scope, octets: &[u8]) -> Result<Checked, CheckError> {
    let sheet = Sheet::parse(octets)?;
    let references = references(conn, scope).await?;
    let mut findings = Findings::default();
    let mut drafts = Vec::with_capacity(sheet.lines.len());
    let (mut usernames, mut addresses) = (HashMap::new(), HashMap::new());
    for line in &sheet.lines {
        match draft(&sheet, line, &references) {
            Ok(draft) => {
                let repeated = usernames.insert(draft.spec.username.clone(), draft.line);
                let same_address = draft.spec.static_address.and_then(|it| addresses.insert(it, draft.line));
                if let Some(first) = repeated {
                    findings.add(draft.line, "username", format!("stands in line {first} already"));
                } else if let Some(first) = same_address {
                    findings.add(draft.line, "staticAddress", format!("stands in line {first} already"));
                } else {
                    drafts.push(draft);
                }
            }
            Err(errors) => {
                for invalid in errors {
                    findings.add(line.number, invalid.field, invalid.problem);
                }
            }
        }
    }
    let mut ready = Vec::with_capacity(drafts.len());
    for chunk in chunks(drafts) {
        let taken = store::import::taken(conn, scope, &chunk).await?;
        ready.extend(free(chunk, &taken, &mut findings));
    }
    let places = limit::state(conn, scope, Limit::Subscribers).await?;
    if let Some(maximum) = places.maximum {
        let free = usize::try_from(maximum.saturating_sub(places.used)).unwrap_or(0);
        let reached = LimitReached {
            limit: places.limit,
            used: places.used.max(maximum),
            maximum,
            is_overridden: places.overridden,
        };
        for draft in ready.drain(free.min(ready.len())..) {
            findings.add(draft.line, "username", reached.to_string());
        }
    }
    let report = findings.into_report(&sheet, ready.len());
    Ok(Checked { report, drafts: ready })
}

/// The drafts whose names and addresses are free; the others are told.
pub(super) fn free(drafts: Vec<Draft>, taken: &store::import::Taken, findings: &mut Findings) -> Vec<Draft> {
    drafts
        .into_iter()
        .filter(|draft| {
            if taken.usernames.contains(&draft.spec.username) {
                findings.add(draft.line, "username", "is taken");
                return false;
            }
            if draft.spec.static_address.is_some_and(|address| taken.addresses.contains(&address)) {
                findings.add(draft.line, "staticAddress", "is another subscriber's");
                return false;
            }
            true
        })
        .collect()
}

/// Cuts a list into pieces that one transaction, and one IN list, may hold.
pub(super) fn chunks(mut drafts: Vec<Draft>) -> Vec<Vec<Draft>> {
    let mut pieces = Vec::with_capacity(drafts.len().div_ceil(store::import::CHUNK));
    while !drafts.is_empty() {
        let rest = drafts.split_off(drafts.len().min(store::import::CHUNK));
        pieces.push(std::mem::replace(&mut drafts, rest));
    }
    pieces
}

/// What was found wrong, bounded.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<LineError>,
    pub(super) more: usize,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        line: u64,
        field: impl Into<std::borrow::Cow<'static, str>>,
        problem: impl Into<std::borrow::Cow<'static, str>>,
    ) {
        // Errors come from several passes; the report shows the first lines, so the last are given up.
        self.errors.push(LineError { line, field: field.into(), problem: problem.into() });
        if self.errors.len() > 2 * MAX_REPORTED {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        self.errors.sort_by_key(|error| error.line);
        self.more += self.errors.len().saturating_sub(MAX_REPORTED);
        self.errors.truncate(MAX_REPORTED);
    }

    fn into_report(mut self, sheet: &Sheet, ready: usize) -> Report {
        self.shorten();
        Report {
            rows: sheet.lines.len(),
            ready,
            errors: self.errors,
            more_errors: self.more,
            ignored_columns: sheet.ignored.clone(),
        }
    }

    pub(super) fn finish(mut self) -> (Vec<LineError>, usize) {
        self.shorten();
        (self.errors, self.more)
    }
}

async fn references(conn: &mut Conn, scope: &Scope) -> db::Result<References> {
    let tenant = tenant::load(conn, scope).await?;
    Ok(References {
        plans: keyed(plan::names(conn, scope).await?),
        routers: keyed(nas::names(conn, scope).await?),
        zone: TimeZone::get(&tenant.spec.time_zone).unwrap_or(TimeZone::UTC),
    })
}

/// Names as search keys, without those that several things share then.
fn keyed<T>(names: HashMap<String, T>) -> HashMap<String, T> {
    let mut keyed = HashMap::with_capacity(names.len());
    let mut ambiguous = HashSet::new();
    for (name, thing) in names {
        let key = search_key(&name);
        if keyed.insert(key.clone(), thing).is_some() {
            ambiguous.insert(key);
        }
    }
    keyed.retain(|key, _| !ambiguous.contains(key));
    keyed
}
