//! One listener: a task that reads on from a position and sends, until one side has had enough.

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use axum::response::{IntoResponse as _, Response, sse};
use base::{TenantId, Timestamp};
use foundation::{
    db,
    event::{Event as _, Reach, events_after, reach, reaches},
    wake::{Follower, Woken},
};
use futures_util::stream;
use http::{HeaderName, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::frame::{self, End};
use crate::{
    domain::{
        access::{self, Permissions, Token},
        event::RadiusAuthAttempt,
    },
    http::{problem::Problem, state::State},
};

/// Frames that wait for a listener; beyond it the task waits too.
const BUFFER: usize = 64;
/// How often the listener's token is looked at again while nothing is sent: what is revoked is cut off so soon.
const CHECK: Duration = Duration::from_secs(2);
/// Checks between two signs of life, so that proxies keep the connection open.
const CHECKS_TO_BEAT: u32 = 7;
/// Events read at a time.
const PAGE: u32 = 100;
/// Attempts of a tenant that are looked through at a time.
const ATTEMPTS: usize = 500;

/// Whose events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Watched {
    /// One tenant's, or the platform's own.
    Tenant(TenantId),
    /// Everybody's.
    All,
}

/// What a listener asks for.
#[derive(Debug)]
pub(in super::super) struct Listening {
    /// Whose events.
    pub(in super::super) watched: Watched,
    /// What it must be allowed to, all the time.
    pub(in super::super) permissions: Permissions,
    /// What it showed.
    pub(in super::super) token: Token,
    /// The kinds that it wants; all when empty.
    pub(in super::super) kinds: BTreeSet<String>,
    /// The last event that it has; `None` to begin with the next. What is no position of ours is as good as lost.
    pub(in super::super) last: Option<String>,
}

struct Listener {
    state: Arc<State>,
    listening: Listening,
    follower: Follower,
    positions: HashMap<TenantId, i64>,
    /// The newest attempt that was told.
    attempts: Timestamp,
    frames: mpsc::Sender<sse::Event>,
    _turn: OwnedSemaphorePermit,
}

/// Opens the stream.
///
/// # Errors
/// When too many listen already, or the database cannot be read.
pub(in super::super) async fn open(state: &Arc<State>, listening: Listening) -> Result<Response, Problem> {
    let turn = state.streams.turn()?;
    let (frames, receiver) = mpsc::channel(BUFFER);
    let mut listener = Listener {
        // First of all: what is committed from here on wakes it.
        follower: state.db.wake().follow(),
        state: Arc::clone(state),
        listening,
        positions: HashMap::new(),
        attempts: state.clock.wall(),
        frames,
        _turn: turn,
    };
    let first = listener.begin().await?;
    tokio::spawn(listener.run(first));
    let frames = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|frame| (Ok::<_, Infallible>(frame), receiver))
    });
    let mut response = sse::Sse::new(frames).into_response();
    // A proxy that gathers the answer before it passes it on would make nonsense of it.
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

impl Listener {
    /// Takes its place in the streams; the frame that says so when it is not where the listener wanted.
    async fn begin(&mut self) -> db::Result<Option<sse::Event>> {
        let mut conn = self.state.db.conn().await?;
        let last = self.listening.last.take();
        match self.listening.watched {
            Watched::Tenant(tenant) => {
                let reach = reach(&mut conn, tenant).await?;
                let wanted = last.map(|last| last.parse().ok().filter(|position| reach.continues(*position)));
                let position = match wanted {
                    Some(Some(position)) => position,
                    Some(None) | None => reach.head,
                };
                self.positions.insert(tenant, position);
                Ok(match wanted {
                    Some(None) => frame::reset(Some(tenant), reach).ok(),
                    _ => None,
                })
            }
            Watched::All => {
                for (tenant, reach) in reaches(&mut conn).await? {
                    self.positions.insert(tenant, reach.head);
                }
                // One position does not say where it stood in all the others.
                Ok(last.and_then(|_| frame::reset(None, Reach::default()).ok()))
            }
        }
    }

    async fn run(mut self, first: Option<sse::Event>) {
        metrics::gauge!("rrnetd_event_streams").increment(1);
        let ended = self.serve(first).await;
        let Err(end) = ended;
        if let Ok(frame) = frame::end(end) {
            // If there is room: it is going to be closed in any case.
            let _ = self.frames.try_send(frame);
        }
        metrics::gauge!("rrnetd_event_streams").decrement(1);
        metrics::counter!("rrnetd_event_streams_ended_total", "reason" => end.as_str()).increment(1);
    }

    async fn serve(&mut self, first: Option<sse::Event>) -> Result<Infallible, End> {
        // The answer's headers go out with the first frame.
        self.send(first.unwrap_or_else(|| sse::Event::default().comment("listening"))).await?;
        let stop = self.state.streams.stop.clone();
        let mut check = tokio::time::interval(CHECK);
        check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut checks = 0_u32;
        self.look(Woken::All).await?;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Err(End::Stopping),
                () = self.frames.closed() => return Err(End::Gone),
                woken = self.follower.woken() => self.look(woken).await?,
                _ = check.tick() => {
                    // Nobody can be let in while the database is away, and nobody be thrown out; nothing is read meanwhile either.
                    self.ensure_allowed().await.unwrap_or(Ok(()))?;
                    self.tell_attempts().await?;
                    checks += 1;
                    if checks.is_multiple_of(CHECKS_TO_BEAT) {
                        self.send(sse::Event::default().comment("")).await?;
                    }
                }
            }
        }
    }

    /// Sends what is new where something grew.
    async fn look(&mut self, woken: Woken) -> Result<(), End> {
        let tenants: Vec<TenantId> = match (self.listening.watched, woken) {
            (Watched::Tenant(own), Woken::Tenant(tenant)) if own != tenant => return Ok(()),
            (Watched::Tenant(own), _) => vec![own],
            (Watched::All, Woken::Tenant(tenant)) => vec![tenant],
            (Watched::All, Woken::All) => {
                let state = Arc::clone(&self.state);
                let read = async { reaches(&mut state.db.conn().await?).await };
                let found = read.await.map_err(|_: db::Error| End::Unavailable)?;
                let grown = |(tenant, reach): &(TenantId, Reach)| {
                    self.positions.get(tenant).is_none_or(|position| *position < reach.head)
                };
                found.iter().filter(|found| grown(found)).map(|(tenant, _)| *tenant).collect()
            }
        };
        for tenant in tenants {
            self.follow(tenant).await?;
        }
        Ok(())
    }

    /// Sends what follows the position in one stream.
    async fn follow(&mut self, tenant: TenantId) -> Result<(), End> {
        loop {
            // A stream that is not known yet has only now begun.
            let position = self.positions.get(&tenant).copied().unwrap_or(0);
            let state = Arc::clone(&self.state);
            let read = async {
                let mut conn = state.db.conn().await?;
                let events = events_after(&mut conn, tenant, position, PAGE).await?;
                let lost = events.first().is_some_and(|event| event.sequence != position + 1);
                Ok((events, if lost { Some(reach(&mut conn, tenant).await?) } else { None }))
            };
            let (events, lost) = read.await.map_err(|_: db::Error| End::Unavailable)?;
            if let Some(reach) = lost {
                self.positions.insert(tenant, reach.head);
                let frame = frame::reset(Some(tenant), reach).map_err(|_| End::Unavailable)?;
                return self.send(frame).await;
            }
            let Some(last) = events.last().map(|event| event.sequence) else { return Ok(()) };
            let all = self.listening.watched == Watched::All;
            // Read before the token is looked at: what is committed after the token was revoked is never sent.
            if events.iter().any(|event| self.wants(&event.kind)) {
                self.ensure_allowed().await.map_err(|_: db::Error| End::Unavailable)??;
            }
            for event in events {
                if self.wants(&event.kind) {
                    let frame = frame::committed(event, all).map_err(|_| End::Unavailable)?;
                    self.send(frame).await?;
                }
            }
            self.positions.insert(tenant, last);
            // However much there is to catch up with: who is not let in any more gets no more of it.
            if self.state.streams.stop.is_cancelled() {
                return Err(End::Stopping);
            }
        }
    }

    /// Tells who tried to get online, where that is asked for and one tenant is watched.
    async fn tell_attempts(&mut self) -> Result<(), End> {
        let Watched::Tenant(tenant) = self.listening.watched else { return Ok(()) };
        // Not a part of "everything": it is asked for by name.
        if !self.listening.kinds.contains(RadiusAuthAttempt::KIND) {
            return Ok(());
        }
        let since = self.attempts;
        let attempts = self.state.observed.attempts(tenant, ATTEMPTS, |attempt| attempt.at > since);
        let Some(newest) = attempts.iter().map(|attempt| attempt.at).max() else { return Ok(()) };
        self.attempts = newest;
        let frame =
            frame::attempts(tenant, &attempts, self.state.clock.wall()).map_err(|_| End::Unavailable)?;
        self.send(frame).await
    }

    fn wants(&self, kind: &str) -> bool {
        self.listening.kinds.is_empty() || self.listening.kinds.contains(kind)
    }

    /// The token is looked at again, as with a request.
    async fn ensure_allowed(&self) -> db::Result<Result<(), End>> {
        let mut conn = self.state.db.conn().await?;
        let now = self.state.clock.wall();
        Ok(match access::authenticate(&mut conn, &self.listening.token, now).await? {
            Some(caller) if !caller.panel_is_open() => Err(End::Locked),
            Some(caller) if caller.authority().permissions.include(self.listening.permissions) => Ok(()),
            _ => Err(End::Revoked),
        })
    }

    async fn send(&self, frame: sse::Event) -> Result<(), End> {
        match self.frames.send_timeout(frame, self.state.streams.patience).await {
            Ok(()) => Ok(()),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err(End::Slow),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(End::Gone),
        }
    }
}
