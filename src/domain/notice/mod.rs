//! Notices to the super admin over the channels that the operator configured: a signed webhook, mail.
//!
//! `react` takes each death of a job that the queue tells of (the same kind of the same tenant once an hour) and enqueues a
//! delivery for each channel, in one transaction · `jobs` are the deliveries, which outlive a crash and come back until the
//! receiver takes them · `webhook` and `mail` are the channels. A notice keeps its id however often it is sent. A delivery
//! that dies is told as an event, in the log and by metrics, never by another delivery.

pub mod jobs;
mod mail;
mod react;
#[cfg(test)]
mod tests;
mod webhook;

use base::{DatabaseId, Timestamp};
use foundation::{event::Event as _, job::JobFailed};
use serde::{Deserialize, Serialize};

pub use mail::{Mail, MailError};
pub use react::TellSuperAdmin;
pub use webhook::{Webhook, WebhookError};

/// The ways to the super admin, as far as they are configured.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    /// An HTTP endpoint.
    pub webhook: Option<Webhook>,
    /// A mail relay and who gets mail.
    pub mail: Option<Mail>,
}

/// What the super admin is told, once over each channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Nobody else's, and the same however often it is sent, so that a receiver can drop what it has.
    pub id: String,
    /// Whose jobs.
    pub installation: DatabaseId,
    /// When it happened.
    pub at: Timestamp,
    /// The death of a job.
    pub failed: JobFailed,
}

impl Notice {
    /// A job is dead: the `sequence`th event of the platform's stream.
    #[must_use]
    pub fn of(installation: DatabaseId, sequence: i64, at: Timestamp, failed: JobFailed) -> Self {
        let id = format!("notice_{}_{sequence}", installation.as_uuid().simple());
        Self { id, installation, at, failed }
    }

    /// As programs read it.
    ///
    /// # Errors
    /// Never, but for a defect.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(Serialize)]
        struct Message<'a> {
            r#type: &'static str,
            timestamp: Timestamp,
            data: Data<'a>,
        }
        #[derive(Serialize)]
        struct Data<'a> {
            installation: DatabaseId,
            #[serde(flatten)]
            failed: &'a JobFailed,
        }
        serde_json::to_vec(&Message {
            r#type: JobFailed::KIND,
            timestamp: self.at,
            data: Data { installation: self.installation, failed: &self.failed },
        })
    }

    /// In one line, for people.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("rrnetd: a job is dead: {}", self.failed.kind)
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let JobFailed { job, kind, tenant, attempts, error, suppressed } = &self.failed;
        format!(
            "Job {job} ({kind}) failed for good after {attempts} attempts.\n\nTenant:  {tenant}\nTime:    {}\nError:   {error}\n\n\
             Others of this kind and tenant since the last notice: {suppressed}\n\n\
             Its log: GET /api/v1/platform/jobs/{job}. Then replay it with POST …/replay, or take it out with POST …/discard.\n\n\
             Installation {}, notice {}\n",
            self.at, self.installation, self.id
        )
    }
}
