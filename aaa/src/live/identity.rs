//! Which session a packet belongs to.
//!
//! The identity of a session is our Class cookie, unique for each Accept. Where a router does not return it, it is
//! router and Acct-Session-Id and a start that fits: Acct-Session-Ids repeat, on other routers at any time, on the same one
//! after reboots (RouterOS counts only 16 of them; RFC 2866 §5.5 asks for no more), and with some programs even within
//! one second.

use base::{RouterId, SessionId, Timestamp};
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use std::{hash::Hasher as _, time::Duration};

use super::event::AccountingEvent;

/// How far the start that a packet computes may lie from the session's own. Event-Timestamp is trusted up to two minutes
/// ([`EVENT_TIMESTAMP_WINDOW`]), clocks drift over a session of weeks, and retransmissions come seconds late; a router that
/// reboots needs longer than this to come to the same id again.
pub const START_TOLERANCE: Duration = Duration::from_secs(300);

/// How far Event-Timestamp (RFC 2869 §5.3) may lie from the arrival less Acct-Delay-Time. Beyond it the router's clock is
/// wrong (it boots in 1970, or counts local time), and the arrival is the better witness.
pub const EVENT_TIMESTAMP_WINDOW: Duration = Duration::from_secs(120);

/// A session that is known under the same router and Acct-Session-Id.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its id.
    pub session: SessionId,
    /// Whether the id came from our cookie; else it was derived.
    pub from_cookie: bool,
    /// When it started.
    pub started: Timestamp,
    /// Its User-Name; empty when never told.
    pub username: &'a [u8],
    /// Its NAS-Port.
    pub nas_port: Option<u32>,
}

/// How a packet relates to a known session of the same router and Acct-Session-Id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It belongs to it.
    Same,
    /// It belongs to another session at the same time: a program that gives one id to two sessions of one second.
    Sibling,
    /// It belongs to a later session: the known one is over, and its Stop was lost.
    Later,
    /// It belongs to an earlier session, and comes late.
    Earlier,
}

/// Tells how `event` relates to `known`.
#[must_use]
pub fn relate(known: &Known<'_>, event: &AccountingEvent<'_>) -> Relation {
    if let Some(cookie) = &event.cookie {
        if cookie.session == known.session {
            return Relation::Same;
        }
        if known.from_cookie && is_same_line(known, event) {
            // Two Accepts on one line: ids sort by the time of the Accept.
            return if cookie.session > known.session { Relation::Later } else { Relation::Earlier };
        }
    }
    let here = if is_same_line(known, event) { Relation::Same } else { Relation::Sibling };
    let Some(started) = event.started() else { return here };
    let tolerance = i64::try_from(START_TOLERANCE.as_millis()).unwrap_or(i64::MAX);
    match started.as_millis().saturating_sub(known.started.as_millis()) {
        later if later > tolerance => Relation::Later,
        earlier if earlier < -tolerance => Relation::Earlier,
        _ => here,
    }
}

/// Same user and port, as far as both are told.
fn is_same_line(known: &Known<'_>, event: &AccountingEvent<'_>) -> bool {
    let same_user =
        known.username.is_empty() || event.username.is_empty() || known.username == event.username;
    let same_port = match (known.nas_port, event.nas_port) {
        (Some(known), Some(told)) => known == told,
        _ => true,
    };
    same_user && same_port
}

/// The id of a session that brings no cookie: a function of router, Acct-Session-Id, user, port and start, so that the
/// same first packet always gives the same id. Its first 48 bits are the start, as in every id of ours.
#[must_use]
pub fn derive(router: RouterId, event: &AccountingEvent<'_>) -> SessionId {
    let started = event.started().unwrap_or(event.at);
    let mut hasher = SipHasher13::new();
    hasher.write(router.as_bytes());
    hasher.write_u64(event.session_id.len() as u64);
    hasher.write(event.session_id);
    hasher.write_u64(event.username.len() as u64);
    hasher.write(event.username);
    hasher.write(&event.nas_port.unwrap_or(0).to_be_bytes());
    hasher.write(&started.as_millis().to_be_bytes());
    let [a, b, c, d, e, f, g, h, i, j, ..] = hasher.finish128().as_bytes();
    let millis = u64::try_from(started.as_millis()).unwrap_or(0);
    let random = [a, b, c, d, e, f, g, h, i, j];
    SessionId::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// What a RouterOS Acct-Session-Id tells: eight hexadecimal digits, two of the service, one that rises with each boot, and
/// five that count sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterOsId {
    /// The service.
    pub service: RouterOsService,
    /// The boot counter, 0 to 15.
    pub boot: u8,
}

/// The services whose sessions we see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouterOsService {
    /// `80`.
    Hotspot,
    /// `81`.
    Ppp,
}

impl RouterOsId {
    /// Parses an Acct-Session-Id of that form.
    #[must_use]
    pub fn parse(session_id: &[u8]) -> Option<Self> {
        let digits: &[u8; 8] = session_id.try_into().ok()?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let service = match digits {
            [b'8', b'0', ..] => RouterOsService::Hotspot,
            [b'8', b'1', ..] => RouterOsService::Ppp,
            _ => return None,
        };
        let boot = char::from(digits[2]).to_digit(16).and_then(|digit| u8::try_from(digit).ok())?;
        Some(Self { service, boot })
    }
}
