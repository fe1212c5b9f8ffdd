//! What a job is: its kind, its place in line, and the states of its life.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use base::RouterId;
use serde::{Serialize, de::DeserializeOwned};

use super::Backoff;

/// Something to be done later, once: ids and little else, for its rows are read when it runs. It may run more than once
/// when a node dies under it, so its effects go through its context, or do no harm twice.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name for ever, such as `radius_acct_job`: rows in the table bear it.
    const KIND: &'static str;
    /// The form of its arguments. A node leaves jobs of a newer form to newer nodes.
    const VERSION: i64 = 1;
    /// Who goes first.
    const PRIORITY: Priority = Priority::Normal;
    /// How often it may run before it is dead.
    const MAX_ATTEMPTS: u32 = 12;
    /// The waits between its runs.
    const BACKOFF: Backoff = Backoff::DEFAULT;
    /// How long one run may take; then it counts as failed.
    const TIME_LIMIT: Duration = Duration::from_secs(300);

    /// In which line of its tenant it waits.
    fn lane(&self) -> Lane {
        Lane::tenant()
    }

    /// While a job of this tenant, kind and key waits or runs, no second one is taken.
    fn unique_key(&self) -> Option<String> {
        None
    }
}

/// A line of a tenant's jobs, of which so many may run at a time on all nodes together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    name: Cow<'static, str>,
    concurrency: u32,
}

/// Jobs of a tenant's common lane that run at a time: enough that one slow job does not hold up the rest, and few enough
/// that a tenant does not fill the database.
const TENANT_CONCURRENCY: u32 = 4;

impl Lane {
    /// The tenant's common lane.
    #[must_use]
    pub const fn tenant() -> Self {
        Self { name: Cow::Borrowed("tenant"), concurrency: TENANT_CONCURRENCY }
    }

    /// One router's: a router is asked one thing at a time.
    #[must_use]
    pub fn router(id: RouterId) -> Self {
        Self { name: Cow::Owned(format!("router/{id}")), concurrency: 1 }
    }

    /// A line of its own, such as `wa`, of which `concurrency` (at least 1) may run at a time.
    #[must_use]
    pub const fn named(name: &'static str, concurrency: u32) -> Self {
        Self { name: Cow::Borrowed(name), concurrency: if concurrency == 0 { 1 } else { concurrency } }
    }

    /// Its name within the tenant.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many run at a time.
    #[must_use]
    pub const fn concurrency(&self) -> u32 {
        self.concurrency
    }
}

/// Who goes first. Now and then the order is turned round, so that nobody waits for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Priority {
    /// Somebody waits for it: a payment's effect on the network, a message to a technician.
    Urgent = 0,
    /// The usual.
    Normal = 1,
    /// Whenever there is time: roll-ups, reconciliation, reports.
    Bulk = 2,
}

impl Priority {
    /// All, who goes first first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Bulk];

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }
}

base::text_enum! {
    /// Where a job stands in its life.
    pub enum State {
        /// Waits for its time: asked for later, or to be tried again.
        Scheduled = "scheduled",
        /// May run now.
        Available = "available",
        /// Is claimed by a node.
        Running = "running",
        /// Has done what it was for.
        Done = "done",
        /// Failed as often as it may; somebody decides.
        Dead = "dead",
        /// Was taken out, by itself or by somebody.
        Discarded = "discarded",
    }
}

impl State {
    /// Whether it is still to come to an end.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Scheduled | Self::Available | Self::Running)
    }
}

/// A job's number.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize, sqlx::Type,
)]
#[sqlx(transparent)]
#[serde(transparent)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for JobId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
