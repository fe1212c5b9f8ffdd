//! Carries wake-ups between the nodes that share a PostgreSQL: NOTIFY outside of business transactions (inside, it puts
//! them all in one line), many commits in one, on a connection of its own.

use std::{
    convert::Infallible,
    error::Error as StdError,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use base::TenantId;
use sqlx::{
    Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio_util::sync::CancellationToken;

use super::{Pending, Woken};
use crate::{
    Db,
    db::{Error, Result},
};

/// Tenants in one notification: PostgreSQL takes 8,000 octets, an id is 32.
const TENANTS_PER_NOTIFICATION: usize = 200;
/// The notification that means every stream.
const ALL: &str = "*";
/// How long to wait before a broken connection is made again.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells other nodes of this one's commits, and this one of theirs, until `stop`. On SQLite there are no others, and it
/// returns at once. While the database is away it tries again every second; polling covers what is missed.
pub async fn relay(db: &Db, stop: &CancellationToken) {
    let Some(pool) = db.postgres() else { return };
    let options = pool.connect_options();
    let relay = Relay { db, options: &options, own: AtomicU32::new(0), lost: AtomicBool::new(false) };
    tokio::select! {
        () = stop.cancelled() => {}
        () = relay.keep_announcing() => {}
        () = relay.keep_listening() => {}
    }
}

struct Relay<'a> {
    db: &'a Db,
    options: &'a PgConnectOptions,
    /// The announcer's process at the server, 0 while there is none: what it says is no news here.
    own: AtomicU32,
    /// The other nodes are out of touch, and the log knows.
    lost: AtomicBool,
}

impl Relay<'_> {
    async fn keep_announcing(&self) {
        loop {
            let Err(error) = self.announce().await;
            self.pause(&error).await;
        }
    }

    async fn keep_listening(&self) {
        loop {
            let Err(error) = self.listen().await;
            self.pause(&error).await;
        }
    }

    async fn pause(&self, error: &Error) {
        if !self.lost.swap(true, Relaxed) {
            let error = error as &dyn StdError;
            tracing::warn!(error, "out of touch with the other nodes; polling goes on");
        }
        tokio::time::sleep(PAUSE).await;
    }

    async fn announce(&self) -> Result<Infallible> {
        // Notifications survive nothing, so their commits need not wait for the disk.
        let options = self.options.clone().options([("synchronous_commit", "off")]);
        let mut connection = PgConnection::connect_with(&options).await?;
        let (process,): (i32,) = sqlx::query_as("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
        self.own.store(process.cast_unsigned(), Relaxed);
        let channel = self.channel().await?;
        loop {
            let pending = self.db.wake().announcements().await;
            for text in compose(&pending) {
                let sent = sqlx::query("SELECT pg_notify($1, $2)").bind(&channel).bind(text);
                if let Err(error) = sent.execute(&mut connection).await {
                    self.own.store(0, Relaxed);
                    self.db.wake().announce_all();
                    return Err(error.into());
                }
            }
        }
    }

    async fn listen(&self) -> Result<Infallible> {
        // A pool of its own, whose only connection stays taken.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(PAUSE)
            .connect_lazy_with(self.options.clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(&self.channel().await?).await?;
        if self.lost.swap(false, Relaxed) {
            tracing::info!("in touch with the other nodes again");
        }
        // Whatever was announced before is missed.
        self.db.wake().deliver(Woken::All);
        loop {
            let Some(notification) = listener.try_recv().await? else {
                self.db.wake().deliver(Woken::All);
                continue;
            };
            if notification.process_id() != self.own.load(Relaxed) {
                parse(notification.payload(), |woken| self.db.wake().deliver(woken));
            }
        }
    }

    /// Databases on one server, and schemas in one database, do not wake each other.
    async fn channel(&self) -> Result<String> {
        let identity = self.db.identity().await?;
        Ok(format!("rrnetd_{}", identity.as_uuid().simple()))
    }
}

fn compose(pending: &Pending) -> Vec<String> {
    if pending.all {
        return vec![ALL.to_owned()];
    }
    let tenants: Vec<&TenantId> = pending.tenants.iter().collect();
    let text =
        |tenants: &[&TenantId]| tenants.iter().map(|tenant| tenant.as_uuid().simple().to_string()).collect();
    tenants.chunks(TENANTS_PER_NOTIFICATION).map(text).collect()
}

/// What is not of our form, from a newer node perhaps, is taken as "all".
fn parse(text: &str, mut deliver: impl FnMut(Woken)) {
    let ids = text.as_bytes().chunks(32).map(|id| uuid::Uuid::try_parse_ascii(id).map(TenantId::from_uuid));
    match ids.collect::<std::result::Result<Vec<_>, _>>() {
        Ok(tenants) => tenants.into_iter().for_each(|tenant| deliver(Woken::Tenant(tenant))),
        Err(_) => deliver(Woken::All),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_fit_and_come_back() {
        let tenants = (0..450).map(|number| TenantId::from_uuid(uuid::Uuid::from_u128(number)));
        let pending = Pending { tenants: tenants.clone().collect(), all: false };
        let texts = compose(&pending);
        assert_eq!(texts.len(), 3);
        let mut heard = Vec::new();
        for text in texts {
            assert!(text.len() < 8_000, "{} octets", text.len());
            parse(&text, |woken| heard.push(woken));
        }
        heard.sort_by_key(|woken| format!("{woken:?}"));
        assert_eq!(heard, tenants.map(Woken::Tenant).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_understood_wakes_everybody() {
        for text in [ALL, "2:whatever comes", "0123456789abcdef0123456789abcdef0"] {
            let mut heard = Vec::new();
            parse(text, |woken| heard.push(woken));
            assert_eq!(heard, [Woken::All], "{text}");
        }
    }
}
