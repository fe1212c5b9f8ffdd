//! What a listener is sent.

use aaa::policy::Attempt;
use axum::response::sse;
use base::{TenantId, Timestamp};
use foundation::event::{Envelope, Event as _, Reach};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::event::{AttemptSample, RadiusAuthAttempt};

/// Attempts of one frame that are told one by one.
pub(super) const SAMPLE: usize = 20;

/// An event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct EventView {
    /// Whose; all zeros for the platform's own.
    tenant_id: TenantId,
    /// 1, 2, 3, … for each tenant, without gaps.
    sequence: i64,
    /// What happened.
    kind: String,
    /// The form of its body.
    version: i64,
    /// When.
    at: Timestamp,
    /// Ids, and what cannot be looked up later.
    body: serde_json::Value,
}

impl From<Envelope> for EventView {
    fn from(envelope: Envelope) -> Self {
        Self {
            tenant_id: envelope.tenant,
            sequence: envelope.sequence,
            kind: envelope.kind,
            version: envelope.version,
            at: envelope.at,
            body: envelope.body,
        }
    }
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The token is not valid any more, or lost the permission.
    Revoked,
    /// The tenant's panel is locked.
    Locked,
    /// The daemon stops.
    Stopping,
    /// The listener does not take what it is sent.
    Slow,
    /// It closed the connection.
    Gone,
    /// The database cannot be read.
    Unavailable,
}

impl End {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Locked => "locked",
            Self::Stopping => "stopping",
            Self::Slow => "slow",
            Self::Gone => "gone",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A committed event. Its id is the position to resume from: the number alone within one tenant, with the tenant before
/// it in the stream of all.
pub(super) fn committed(envelope: Envelope, all: bool) -> Result<sse::Event, axum::Error> {
    let id = position(envelope.tenant, envelope.sequence, all);
    let kind = envelope.kind.clone();
    sse::Event::default().id(id).event(kind).json_data(EventView::from(envelope))
}

fn position(tenant: TenantId, sequence: i64, all: bool) -> String {
    if all { format!("{tenant}:{sequence}") } else { sequence.to_string() }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reset {
    /// Whose stream; not there when all of them are meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<TenantId>,
    /// The oldest event that is still kept.
    oldest: i64,
    /// The last event; the stream goes on behind it.
    head: i64,
}

/// What came since the position is not there (any more): read the lists anew, then listen on from here.
pub(super) fn reset(tenant: Option<TenantId>, reach: Reach) -> Result<sse::Event, axum::Error> {
    let frame = Reset { tenant_id: tenant, oldest: reach.trimmed + 1, head: reach.head };
    let event = sse::Event::default().event("reset");
    match tenant {
        Some(_) => event.id(reach.head.to_string()).json_data(frame),
        None => event.json_data(frame),
    }
}

#[derive(Serialize)]
struct Ended {
    reason: &'static str,
}

/// The last frame of a stream.
pub(super) fn end(end: End) -> Result<sse::Event, axum::Error> {
    sse::Event::default().event("end").json_data(Ended { reason: end.as_str() })
}

/// Attempts to get online since the last look. They are not resumed, so they have no id.
pub(super) fn attempts(
    tenant: TenantId,
    attempts: &[Attempt],
    now: Timestamp,
) -> Result<sse::Event, axum::Error> {
    let accepted = attempts.iter().filter(|attempt| attempt.outcome.is_accept()).count();
    let sample = |attempt: &Attempt| AttemptSample {
        at: attempt.at,
        router: attempt.router,
        subscriber: attempt.subscriber,
        username: attempt.username.to_string(),
        mac: attempt.mac,
        outcome: attempt.outcome.to_string(),
    };
    let body = RadiusAuthAttempt {
        accepted,
        rejected: attempts.len() - accepted,
        sample: attempts.iter().take(SAMPLE).map(sample).collect(),
    };
    let view = EventView {
        tenant_id: tenant,
        sequence: 0,
        kind: RadiusAuthAttempt::KIND.to_owned(),
        version: RadiusAuthAttempt::VERSION,
        at: now,
        body: serde_json::to_value(body).map_err(axum::Error::new)?,
    };
    sse::Event::default().event(RadiusAuthAttempt::KIND).json_data(view)
}
