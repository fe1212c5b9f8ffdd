//! `radius_acct_job`: what accounting needs beside its packets. Usage is rolled up by the day, silent sessions are swept,
//! and journal, database and live table are compared with one another.

mod journal;
mod live;
mod roll_up;

use std::{sync::Arc, time::Duration};

use aaa::{directory::Directory, journal::Journal, live::Live, policy::ClassKey};
use foundation::job::{
    Cadence, Job, JobContext, JobError, Lane, Priority, Registry, RegistryError, Schedule, Whose, Work,
};
use metrics::counter;
use serde::{Deserialize, Serialize};

use super::housekeeping::Reconciler;
pub(super) use roll_up::{date_of, day_number};

/// A part of what accounting needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "part")]
pub enum RadiusAcct {
    /// Sums a tenant's usage of the last so many local days, today included.
    RollUp {
        /// How many.
        days: u16,
    },
    /// Closes sessions of which nobody has heard for long, wherever the live table does not have them any more.
    Sweep,
    /// Compares the live table with the database, both ways.
    LiveSessions,
    /// Compares the journal with the database, and applies again what is missing there.
    Journal,
}

impl Job for RadiusAcct {
    const KIND: &'static str = "radius_acct_job";
    const PRIORITY: Priority = Priority::Bulk;
    const TIME_LIMIT: Duration = Duration::from_secs(1_800);

    fn lane(&self) -> Lane {
        Lane::named("radius_acct", 1)
    }

    fn unique_key(&self) -> Option<String> {
        Some(
            match self {
                Self::RollUp { .. } => "roll_up",
                Self::Sweep => "sweep",
                Self::LiveSessions => "live_sessions",
                Self::Journal => "journal",
            }
            .to_owned(),
        )
    }
}

/// Does [`RadiusAcct`].
#[derive(Clone, Debug)]
pub struct Accountant {
    /// Who is online.
    pub live: Arc<Live>,
    /// What the hot path knows.
    pub directory: Arc<Directory>,
    /// What was acknowledged.
    pub journal: Arc<Journal>,
    /// The key of our cookies.
    pub class_key: ClassKey,
}

/// Days that each hour sums anew: today, and yesterday for what came late.
const RECENT_DAYS: u16 = 2;
/// Days that the first hour of a day sums anew: for what an outage of the database held back.
const NIGHTLY_DAYS: u16 = 10;

/// How long the database may be behind the journal before a comparison makes no sense.
const LAG: Duration = Duration::from_secs(60);

impl Accountant {
    /// Signs up for its kind.
    ///
    /// # Errors
    /// When the kind is known already.
    pub fn register(self, registry: &mut Registry) -> Result<(), RegistryError> {
        registry.register::<RadiusAcct>(self)
    }

    /// When its parts are due.
    #[must_use]
    pub fn schedules() -> Vec<Schedule> {
        let every = |minutes: u64| Cadence::Every(Duration::from_secs(minutes * 60));
        vec![
            Schedule::new("radius_acct.roll_up", Whose::EachTenant, every(60), |occasion| {
                let local = jiff::Timestamp::from_millisecond(occasion.at.as_millis())
                    .map_or(0, |at| at.to_zoned(occasion.zone.clone()).hour());
                RadiusAcct::RollUp { days: if local == 0 { NIGHTLY_DAYS } else { RECENT_DAYS } }
            }),
            Schedule::new("radius_acct.sweep", Whose::Platform, every(10), |_| RadiusAcct::Sweep),
            Schedule::new("radius_acct.live_sessions", Whose::Platform, every(15), |_| {
                RadiusAcct::LiveSessions
            }),
            Schedule::new("radius_acct.journal", Whose::Platform, every(30), |_| RadiusAcct::Journal),
        ]
    }

    async fn sweep(&self, context: &JobContext) -> Result<(), JobError> {
        self.check_lag()?;
        let mut reconciler = Reconciler::default();
        while reconciler.step(context.db(), &self.live, &self.directory, context.clock()).await? {}
        if reconciler.closed() > 0 {
            drifted("silent_session", reconciler.closed());
            context.warn(format!("{} open rows that nobody is online for were closed", reconciler.closed()));
        } else {
            context.log("every open row is online or was heard a short time ago");
        }
        Ok(())
    }

    /// While the database is far behind the journal, or the directory is not there, every comparison would be wrong.
    fn check_lag(&self) -> Result<(), JobError> {
        if !self.directory.ready() {
            return Err(JobError::snooze(LAG, "the directory is not loaded"));
        }
        let lag = self.journal.lag();
        if lag.age > LAG {
            return Err(JobError::snooze(
                LAG,
                format!("the database is {} records behind the journal", lag.records),
            ));
        }
        Ok(())
    }
}

impl Work<RadiusAcct> for Accountant {
    async fn run(&self, job: RadiusAcct, context: &JobContext) -> Result<(), JobError> {
        match job {
            RadiusAcct::RollUp { days } => roll_up::roll_up(context, days).await,
            RadiusAcct::Sweep => self.sweep(context).await,
            RadiusAcct::LiveSessions => live::compare(self, context).await,
            RadiusAcct::Journal => journal::compare(self, context).await,
        }
    }
}

/// What was derived was not what its source says.
fn drifted(what: &'static str, count: u64) {
    counter!("rrnetd_drift_total", "what" => what).increment(count);
    tracing::warn!(what, count, "derived state was not what its source says: see the log of radius_acct_job");
}
