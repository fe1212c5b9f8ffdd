//! The deliveries of notices: one job for each notice and channel, tried again until the receiver takes it, for a day.

use std::{future::Future, sync::Arc, time::Duration};

use foundation::job::{Job, JobContext, JobError, Lane, Priority, Registry, RegistryError, Work};
use metrics::counter;
use serde::{Deserialize, Serialize};

use super::{Channels, Notice};

/// With the queue's waits, of which the longest is an hour: about a day.
const ATTEMPTS: u32 = 30;
/// Longer than what a channel gives its receiver.
const TIME_LIMIT: Duration = Duration::from_secs(120);
/// Deliveries over a channel at a time: a receiver that hangs holds up nothing but notices.
const AT_ONCE: u32 = 2;

/// Posts a notice to the webhook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoticeWebhook {
    /// What is told.
    pub notice: Notice,
}

impl Job for NoticeWebhook {
    const KIND: &'static str = "notice_webhook_job";
    const PRIORITY: Priority = Priority::Urgent;
    const MAX_ATTEMPTS: u32 = ATTEMPTS;
    const TIME_LIMIT: Duration = TIME_LIMIT;

    fn lane(&self) -> Lane {
        Lane::named("notice_webhook", AT_ONCE)
    }

    fn unique_key(&self) -> Option<String> {
        Some(self.notice.id.clone())
    }
}

/// Mails a notice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoticeMail {
    /// What is told.
    pub notice: Notice,
}

impl Job for NoticeMail {
    const KIND: &'static str = "notice_mail_job";
    const PRIORITY: Priority = Priority::Urgent;
    const MAX_ATTEMPTS: u32 = ATTEMPTS;
    const TIME_LIMIT: Duration = TIME_LIMIT;

    fn lane(&self) -> Lane {
        Lane::named("notice_mail", AT_ONCE)
    }

    fn unique_key(&self) -> Option<String> {
        Some(self.notice.id.clone())
    }
}

/// Delivers notices.
#[derive(Clone, Debug)]
struct Courier(Arc<Channels>);

impl Work<NoticeWebhook> for Courier {
    async fn run(&self, job: NoticeWebhook, context: &JobContext) -> Result<(), JobError> {
        let Some(webhook) = &self.0.webhook else {
            return Err(JobError::discard("no webhook is configured on this node any more"));
        };
        deliver(context, "webhook", webhook.send(&job.notice, context.now())).await
    }
}

impl Work<NoticeMail> for Courier {
    async fn run(&self, job: NoticeMail, context: &JobContext) -> Result<(), JobError> {
        let Some(mail) = &self.0.mail else {
            return Err(JobError::discard("no mail relay is configured on this node any more"));
        };
        deliver(context, "mail", mail.send(&job.notice)).await
    }
}

/// Awaits one attempt, and counts it.
async fn deliver<E: std::error::Error + Send + Sync + 'static>(
    context: &JobContext,
    channel: &'static str,
    sending: impl Future<Output = Result<String, E>>,
) -> Result<(), JobError> {
    let sent = sending.await;
    let outcome = if sent.is_ok() { "sent" } else { "failed" };
    counter!("rrnetd_notices_total", "channel" => channel, "outcome" => outcome).increment(1);
    context.log(format!("taken by the receiver: {}", sent?));
    Ok(())
}

/// Lets this node deliver notices.
///
/// # Errors
/// When a kind is known already.
pub fn register(registry: &mut Registry, channels: &Arc<Channels>) -> Result<(), RegistryError> {
    registry.register::<NoticeWebhook>(Courier(Arc::clone(channels)))?;
    registry.register::<NoticeMail>(Courier(Arc::clone(channels)))
}
