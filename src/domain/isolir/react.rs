//! What isolir does when others tell of something: whoever may not be online any more is disconnected.

use std::{collections::BTreeMap, sync::Arc};

use aaa::live::Live;
use base::{Clock, RouterId, Scope, SessionId, SubscriberId, page::PageRequest};
use foundation::{
    Tx,
    event::{Envelope, Failure, Kind, Subscriber},
};

use super::{
    super::{
        session,
        subscriber::{self, Status, SubscriberDeleted, SubscriberEnded, SubscriberSuspended},
    },
    order::disconnect,
};

/// Sessions of one subscriber that are ended at a time: more than any limit of simultaneous use allows.
const SESSIONS: u32 = 100;

/// Orders that the sessions of a subscriber be ended who was suspended, whose service is over, or who was removed.
#[derive(Clone, Debug)]
pub struct DisconnectBarred {
    /// Who is online at this node: it knows before the database does.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Clock,
}

impl Subscriber for DisconnectBarred {
    const NAME: &'static str = "isolir.disconnect_barred";
    const KINDS: &'static [Kind] =
        &[Kind::of::<SubscriberSuspended>(), Kind::of::<SubscriberEnded>(), Kind::of::<SubscriberDeleted>()];

    async fn handle(&self, tx: &mut Tx, scope: &Scope, envelope: &Envelope) -> Result<(), Failure> {
        let Some(id) = barred(envelope)? else { return Ok(()) };
        let now = subscriber::find(tx, scope, id).await?;
        if now.is_some_and(|subscriber| subscriber.status == Status::Active) {
            // Resumed since: an old event ends nobody's session.
            return Ok(());
        }
        for (session, router) in self.sessions(tx, scope, id).await? {
            disconnect(tx, scope, session, router).await?;
        }
        Ok(())
    }
}

impl DisconnectBarred {
    /// Who is online as this node has seen it, and as others have told the database.
    async fn sessions(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: SubscriberId,
    ) -> Result<BTreeMap<SessionId, RouterId>, Failure> {
        let live = self.live.of_subscriber(self.clock.now(), id);
        let mut sessions: BTreeMap<SessionId, RouterId> = live
            .into_iter()
            .filter(|session| session.tenant == scope.tenant())
            .map(|session| (session.id, session.router))
            .collect();
        let filter = session::Filter { subscriber: Some(id), open_only: true, ..session::Filter::default() };
        let stored = session::list(tx, scope, &filter, &PageRequest::new(Some(SESSIONS), None)).await?;
        sessions.extend(stored.rows.into_iter().map(|session| (session.id, session.router)));
        Ok(sessions)
    }
}

fn barred(envelope: &Envelope) -> Result<Option<SubscriberId>, Failure> {
    if let Some(event) = envelope.read::<SubscriberSuspended>()? {
        return Ok(Some(event.subscriber));
    }
    if let Some(event) = envelope.read::<SubscriberEnded>()? {
        return Ok(Some(event.subscriber));
    }
    Ok(envelope.read::<SubscriberDeleted>()?.map(|event| event.subscriber))
}
