//! Stores what is seen of routers (where they are, which of our addresses they ask, whether they sign), and puts it back
//! after a start: CoA must leave from the address that a router knows. Never in the packet path.

use std::{collections::HashMap, sync::Arc, time::Duration};

use aaa::{
    directory::Directory,
    live::{Live, Path},
};
use base::{Clock, Platform, RouterId, TenantId, Timestamp};
use foundation::{Db, db};
use metrics::counter;

use crate::domain::nas::{self, Observation};

/// How often a router that is where it was is noted anew: what is lost by a crash is a minute of `lastSeenAt`. A router that
/// is new or moved is noted at once.
const REFRESH: Duration = Duration::from_secs(60);

/// Routers of one transaction.
const CHUNK: usize = 500;

/// Keeps what was seen.
#[derive(Debug)]
pub(super) struct Observer {
    db: Db,
    live: Arc<Live>,
    directory: Arc<Directory>,
    clock: Clock,
    /// What the database has.
    noted: HashMap<RouterId, (Path, Timestamp)>,
    /// What it is about to have: kept here while it cannot be written.
    waiting: Vec<(TenantId, RouterId, Observation)>,
    is_restored: bool,
}

impl Observer {
    pub(super) fn new(db: Db, live: Arc<Live>, directory: Arc<Directory>, clock: Clock) -> Self {
        Self { db, live, directory, clock, noted: HashMap::new(), waiting: Vec::new(), is_restored: false }
    }

    /// Puts back what the database knows. Called again it does nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn restore(&mut self) -> db::Result<()> {
        if self.is_restored {
            return Ok(());
        }
        let platform = Platform::system("daemon.observer", self.clock.wall());
        let mut conn = self.db.conn().await?;
        nas::observations(&mut conn, &platform, |tenant, router, seen| {
            // Without our own address it is no way back.
            if let Some(local) = seen.local_address {
                let path = Path { peer: seen.source_address, local };
                self.live.restore_router(router, tenant, seen.last_seen_at, path);
                self.noted.insert(router, (path, seen.last_seen_at));
            }
        })
        .await?;
        self.is_restored = true;
        Ok(())
    }

    /// Notes what is new; what could not be written is written by the next call.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub(super) async fn step(&mut self) -> db::Result<()> {
        self.restore().await?;
        if self.waiting.is_empty() {
            self.collect();
        }
        while !self.waiting.is_empty() {
            let chunk = &self.waiting[..self.waiting.len().min(CHUNK)];
            match self.write(chunk).await {
                // A router that the database does not have, such as one whose backup is older: the others are noted.
                Err(error) if error.is_refusal() => self.write_each(chunk).await?,
                written => written?,
            }
            let count = chunk.len();
            self.waiting.drain(..count);
        }
        Ok(())
    }

    fn collect(&mut self) {
        for router in self.live.routers() {
            let view = router.view();
            if self.directory.ready() && self.directory.router(router.id()).is_none() {
                self.live.forget_router(router.id(), self.clock.wall());
                self.noted.remove(&router.id());
                continue;
            }
            let (Some(path), Some(seen)) = (view.path, view.last_seen) else { continue };
            let is_old = self
                .noted
                .get(&router.id())
                .is_some_and(|(known, at)| *known == path && seen.since(*at) < REFRESH);
            if is_old {
                continue;
            }
            let signatures = router.take_signatures();
            let observation = Observation {
                last_seen_at: seen,
                source_address: path.peer,
                local_address: (!path.local.is_unspecified()).then_some(path.local),
                with_message_authenticator_at: signatures.with.then_some(seen),
                without_message_authenticator_at: signatures.without.then_some(seen),
            };
            self.noted.insert(router.id(), (path, seen));
            self.waiting.push((router.tenant(), router.id(), observation));
        }
    }

    async fn write(&self, routers: &[(TenantId, RouterId, Observation)]) -> db::Result<()> {
        let platform = Platform::system("daemon.observer", self.clock.wall());
        let mut tx = self.db.begin_bulk().await?;
        nas::observe_all(&mut tx, &platform, routers).await?;
        tx.commit().await?;
        counter!("rrnetd_router_observations_total").increment(routers.len() as u64);
        Ok(())
    }

    async fn write_each(&self, routers: &[(TenantId, RouterId, Observation)]) -> db::Result<()> {
        for router in routers {
            match self.write(std::slice::from_ref(router)).await {
                Err(error) if error.is_refusal() => {
                    tracing::warn!(router.id = %router.1, %error, "what was seen of a router cannot be stored");
                }
                written => written?,
            }
        }
        Ok(())
    }
}
