//! The ledger against rrnetd's database: every acknowledged record is reflected there, and once.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use clap::ValueEnum;
use foundation::db::{Config, Conn, DatabaseUrl, Db};
use serde::Serialize;

use crate::{
    ledger::{self, Acknowledged, Contents},
    session::Usage,
};

/// How often the database is looked at while it catches up.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How many faults are named one by one; the rest is counted.
const NAMED: usize = 20;

/// What Acct-Input-Octets of the routers counts, as the database has them configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputIs {
    /// The subscriber's upload.
    Upload,
    /// The subscriber's download.
    Download,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// Records that were acknowledged.
    pub records: u64,
    /// Sessions that they belong to.
    pub sessions: u64,
    /// Acknowledged sessions that the database does not have.
    pub missing: u64,
    /// Acknowledged sessions that the database has more than once.
    pub doubled: u64,
    /// Sessions whose counters are neither those of the last acknowledged record nor of the one sent after it.
    pub wrong_usage: u64,
    /// Sessions with another user name, a shorter time, or whose Stop is not there.
    pub wrong_state: u64,
    /// Sessions whose database row is one record ahead of the ledger: recorded, and the answer did not arrive.
    pub ahead: u64,
    /// Sessions of which nothing was acknowledged.
    pub unacknowledged: u64,
    /// Records that the database has set aside.
    pub refused: u64,
    /// Whether the sums by hour are those of the sessions: no step was added twice or left out.
    pub usage_adds_up: bool,
    /// The first faults, one by one.
    pub faults: Vec<String>,
}

impl Findings {
    /// Whether every promise was kept.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.missing == 0
            && self.doubled == 0
            && self.wrong_usage == 0
            && self.wrong_state == 0
            && self.refused == 0
            && self.usage_adds_up
    }

    fn fault(&mut self, text: impl FnOnce() -> String) {
        if self.faults.len() < NAMED {
            self.faults.push(text());
        }
    }
}

/// A session as stored.
#[derive(Clone, Debug)]
struct Stored {
    username: String,
    upload: i64,
    download: i64,
    seconds: i64,
    end_cause: Option<String>,
}

/// Compares the ledger at `path` with the database at `url`; looks again until all is there, for at most `patience`.
///
/// # Errors
/// When the ledger or the database cannot be read.
pub async fn verify(
    path: &Path,
    url: &DatabaseUrl,
    input: InputIs,
    patience: Duration,
) -> anyhow::Result<Findings> {
    let contents = ledger::read(path)?;
    let db = Db::open(&Config::new(url.clone())).await.context("opening the database")?;
    let mut waited = Duration::ZERO;
    loop {
        let mut conn = db.snapshot().await.context("reading the database")?;
        let findings = compare(&mut conn, &contents, input).await.context("reading the sessions")?;
        if findings.is_clean() || waited >= patience {
            return Ok(findings);
        }
        drop(conn);
        tokio::time::sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
    }
}

async fn compare(conn: &mut Conn, contents: &Contents, input: InputIs) -> foundation::db::Result<Findings> {
    let mut findings = Findings {
        records: contents.records,
        sessions: contents.sessions.len() as u64,
        ..Findings::default()
    };
    let mut rows: HashMap<String, Vec<Stored>> = HashMap::new();
    conn.query(
        "SELECT acct_session_id, username, upload_octets, download_octets, session_seconds, end_cause FROM session",
    )
    .for_each(|(id, username, upload, download, seconds, end_cause): Row| {
        rows.entry(id).or_default().push(Stored { username, upload, download, seconds, end_cause });
    })
    .await?;
    for (id, acknowledged) in &contents.sessions {
        match rows.get(id).map(Vec::as_slice) {
            None | Some([]) => {
                findings.missing += 1;
                findings.fault(|| format!("session {id}: not in the database"));
            }
            Some([row]) => judge(&mut findings, id, acknowledged, row, input),
            Some(several) => {
                findings.doubled += 1;
                findings.fault(|| format!("session {id}: {} rows", several.len()));
            }
        }
    }
    let known: HashSet<&String> = contents.sessions.keys().collect();
    findings.unacknowledged = rows.keys().filter(|id| !known.contains(id)).count() as u64;

    let mut sums = (0_i128, 0_i128);
    let mut of_sessions = sums;
    conn.query("SELECT upload_octets, download_octets FROM session WHERE subscriber_id IS NOT NULL")
        .for_each(|(upload, download): (i64, i64)| {
            of_sessions.0 += i128::from(upload);
            of_sessions.1 += i128::from(download);
        })
        .await?;
    conn.query("SELECT upload_octets, download_octets FROM usage_hour")
        .for_each(|(upload, download): (i64, i64)| {
            sums.0 += i128::from(upload);
            sums.1 += i128::from(download);
        })
        .await?;
    findings.usage_adds_up = sums == of_sessions;
    if !findings.usage_adds_up {
        findings.fault(|| format!("usage by hour is {sums:?}, of the sessions {of_sessions:?}"));
    }
    let (refused,): (i64,) = conn.query("SELECT COUNT(*) FROM journal_refused").fetch_one().await?;
    findings.refused = u64::try_from(refused).unwrap_or(0);
    Ok(findings)
}

type Row = (String, String, i64, i64, i64, Option<String>);

fn judge(findings: &mut Findings, id: &str, acknowledged: &Acknowledged, row: &Stored, input: InputIs) {
    let (upload, download) = (row.upload.unsigned_abs(), row.download.unsigned_abs());
    let stored = match input {
        InputIs::Upload => Usage { input: upload, output: download },
        InputIs::Download => Usage { input: download, output: upload },
    };
    if stored == acknowledged.usage() {
    } else if !acknowledged.is_over && stored == acknowledged.usage_of_next() {
        findings.ahead += 1;
    } else {
        findings.wrong_usage += 1;
        findings.fault(|| {
            let step = acknowledged.step;
            format!("session {id}: {stored:?} stored, {:?} acknowledged at step {step}", acknowledged.usage())
        });
    }
    let is_stopped = row.end_cause.as_deref() == Some("stopped");
    if (acknowledged.is_over && !is_stopped)
        || row.username.as_bytes() != acknowledged.username
        || row.seconds < i64::from(acknowledged.seconds)
    {
        findings.wrong_state += 1;
        findings.fault(|| format!("session {id}: {row:?} stored, {acknowledged:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::usage;

    fn acknowledged(step: u8, is_over: bool) -> Acknowledged {
        Acknowledged { number: 9, step, is_over, seconds: 3, username: b"budi".to_vec() }
    }

    fn row(step: u8, end_cause: Option<&str>) -> Stored {
        let Usage { input, output } = usage(9, step);
        Stored {
            username: "budi".into(),
            upload: i64::try_from(input).unwrap(),
            download: i64::try_from(output).unwrap(),
            seconds: 3,
            end_cause: end_cause.map(Into::into),
        }
    }

    fn judged(acknowledged: &Acknowledged, row: &Stored) -> Findings {
        let mut findings = Findings { usage_adds_up: true, ..Findings::default() };
        judge(&mut findings, "81000009", acknowledged, row, InputIs::Upload);
        findings
    }

    #[test]
    fn what_was_acknowledged_or_one_step_more_is_right_and_nothing_else() {
        assert!(judged(&acknowledged(1, false), &row(1, None)).is_clean());
        let ahead = judged(&acknowledged(1, false), &row(2, None));
        assert!(ahead.is_clean() && ahead.ahead == 1);
        assert_eq!(judged(&acknowledged(2, false), &row(1, None)).wrong_usage, 1);
        assert_eq!(judged(&acknowledged(1, false), &row(3, None)).wrong_usage, 1);
        assert!(judged(&acknowledged(2, true), &row(2, Some("stopped"))).is_clean());
        assert_eq!(judged(&acknowledged(2, true), &row(2, None)).wrong_state, 1);
        assert_eq!(judged(&acknowledged(2, true), &row(2, Some("silent"))).wrong_state, 1);
        assert_eq!(judged(&acknowledged(2, true), &row(3, Some("stopped"))).wrong_usage, 1);
    }

    #[test]
    fn the_direction_of_the_counters_is_the_routers() {
        let mut findings = Findings::default();
        judge(&mut findings, "81000009", &acknowledged(1, false), &row(1, None), InputIs::Download);
        assert_eq!(findings.wrong_usage, 1);
    }
}
