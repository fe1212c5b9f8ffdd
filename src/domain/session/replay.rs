//! After a start: records that were acknowledged before the stop and that the database does not have yet are applied to the live
//! table, so that it need not wait for the drain.

use aaa::{
    directory::entry::OctetDirection,
    journal::{Kind, Position, ReadError, Record, StartError},
    live::{Live, Origin, Profile},
    policy::{self, ACCOUNTING_VERSION, Reading},
};
use foundation::db;

use super::{Drain, store::journal};

/// Why the journal's records are not in the live table, or only some of them.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The database does not say how far the journal is applied.
    #[error("the journal's position in the database cannot be read")]
    Database(#[from] db::Error),
    /// The journal does not reach back to there, or is not open.
    #[error("the journal cannot be read from where the database stands")]
    Start(#[from] StartError),
    /// A segment cannot be read.
    #[error("the journal cannot be read")]
    Read(#[from] ReadError),
}

impl Drain {
    /// Applies to `live` what the journal holds behind the database's position. Call it after
    /// [`restore_live`](super::housekeeping::restore_live) and before [`Drain::run`]. Says how many records there were.
    ///
    /// # Errors
    /// As [`ReplayError`] says; the records before the failure are in the table.
    pub async fn replay(&self, live: &Live) -> Result<usize, ReplayError> {
        let id = self.journal.id().ok_or(StartError::NotOpen)?;
        let stored = journal::position(&mut self.db.conn().await?, id).await?;
        let stored = Position::new(u64::try_from(stored).unwrap_or(0));
        let mut reader = self.journal.reader(stored.next())?;
        let mut count = 0;
        while let Some(stored) = reader.next_record()? {
            self.replay_one(live, &stored.record);
            count += 1;
        }
        Ok(count)
    }

    fn replay_one(&self, live: &Live, record: &Record<'_>) {
        if (record.kind, record.version) != (Kind::ACCOUNTING, ACCOUNTING_VERSION) {
            return;
        }
        let router = self.directory.router(record.router);
        let octets = router.map_or(OctetDirection::InputIsUpload, |router| router.octets);
        let reading = Reading { tenant: record.tenant, octets, class_key: &self.class_key };
        let Ok(event) = reading.parse(record.payload, record.received_at) else { return };
        let profile = || {
            let tenant = self.directory.tenant(record.tenant);
            let subscriber = tenant
                .and_then(|tenant| policy::find_subscriber(&self.directory, &tenant, event.username))
                .map(|subscriber| (subscriber.view().id(), self.directory.plan(subscriber.view().plan())));
            let Some((subscriber, plan)) = subscriber else { return Profile::default() };
            Profile { subscriber: Some(subscriber), interval: plan.map_or(0, |plan| plan.interim_interval) }
        };
        let router = live.router(record.router, record.tenant);
        live.apply(self.clock.now(), &Origin { router: &router, profile: &profile }, &event);
    }
}
