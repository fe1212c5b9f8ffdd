//! What notices do when a job is dead: a delivery for each channel, with the place in the stream in one transaction.

use std::sync::Arc;

use base::{DatabaseId, Scope};
use foundation::{
    Tx,
    event::{Envelope, Failure, Kind, Subscriber},
    job::{self, Job as _, JobFailed, Options},
};

use super::{
    Channels, Notice,
    jobs::{NoticeMail, NoticeWebhook},
};

/// Enqueues a delivery over each channel for every death of a job that is told.
#[derive(Clone, Debug)]
pub struct TellSuperAdmin {
    /// Where to.
    pub channels: Arc<Channels>,
    /// Whose jobs.
    pub installation: DatabaseId,
}

impl Subscriber for TellSuperAdmin {
    const NAME: &'static str = "notice.tell_super_admin";
    const KINDS: &'static [Kind] = &[Kind::of::<JobFailed>()];

    async fn handle(&self, tx: &mut Tx, scope: &Scope, envelope: &Envelope) -> Result<(), Failure> {
        let Some(failed) = envelope.read::<JobFailed>()? else { return Ok(()) };
        if [NoticeWebhook::KIND, NoticeMail::KIND].contains(&failed.kind.as_str()) {
            // Told over a channel that is broken, this would die as well, and be told again, for ever.
            return Ok(());
        }
        let notice = Notice::of(self.installation, envelope.sequence, envelope.at, failed);
        if self.channels.webhook.is_some() {
            job::enqueue(tx, scope, &NoticeWebhook { notice: notice.clone() }, Options::default()).await?;
        }
        if self.channels.mail.is_some() {
            job::enqueue(tx, scope, &NoticeMail { notice }, Options::default()).await?;
        }
        Ok(())
    }
}
