//! A session as its row: what is stored, and how the rules' values become columns and back.

use std::net::{IpAddr, Ipv4Addr};

use aaa::live::{
    AccountingEvent, End, EndCause, Identifiers, Progress, StoredIdentifiers, Usage,
    identifiers::{ACCT_SESSION_ID, KEPT, USER_NAME},
    identity::Known,
};
use base::{MacAddress, RouterId, SessionId, SubscriberId, TenantId, Timestamp};
use radius::attribute::Ipv6Prefix;

/// What a packet changed of a row, the least first: the more it is, the more indexes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touched {
    /// Nothing; not to be written.
    #[default]
    Nothing,
    /// Times and counters.
    Progress,
    /// Those, and the end.
    End,
    /// Anything else, or the row is new.
    Whole,
}

/// A row of `session`.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) tenant_id: TenantId,
    pub(super) id: SessionId,
    pub(super) router_id: RouterId,
    pub(super) subscriber_id: Option<SubscriberId>,
    pub(super) name_hash: i64,
    pub(super) from_cookie: bool,
    pub(super) overlay_generation: Option<i64>,
    pub(super) username: String,
    pub(super) acct_session_id: String,
    pub(super) identifiers: Vec<u8>,
    pub(super) framed_address: Option<String>,
    pub(super) framed_ipv6_address: Option<String>,
    pub(super) framed_ipv6_prefix: Option<String>,
    pub(super) delegated_ipv6_prefix: Option<String>,
    pub(super) mac: Option<MacAddress>,
    pub(super) nas_port: Option<i64>,
    pub(super) started_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) session_seconds: i64,
    pub(super) upload_octets: i64,
    pub(super) download_octets: i64,
    pub(super) upload_packets: i64,
    pub(super) download_packets: i64,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) end_cause: Option<String>,
    pub(super) terminate_cause: i64,
    /// How often it was written; 0 for one that is not stored yet.
    pub(super) revision: i64,
    /// What changed since it was read.
    #[sqlx(skip)]
    pub(super) touched: Touched,
}

impl Row {
    /// The row of a session of which `event` is the first packet.
    pub(super) fn open(
        tenant: TenantId,
        router: RouterId,
        id: SessionId,
        name_hash: i64,
        event: &AccountingEvent<'_>,
    ) -> (Self, Usage) {
        let (progress, change) = Progress::open(event);
        let mut row = Self {
            tenant_id: tenant,
            id,
            router_id: router,
            subscriber_id: None,
            name_hash,
            from_cookie: event.cookie.is_some_and(|cookie| cookie.session == id),
            overlay_generation: event.cookie.map(|cookie| i64::from(cookie.overlay_generation)),
            username: text(event.username),
            acct_session_id: text(event.session_id),
            identifiers: Vec::new(),
            framed_address: None,
            framed_ipv6_address: None,
            framed_ipv6_prefix: None,
            delegated_ipv6_prefix: None,
            mac: None,
            nas_port: None,
            started_at: progress.started,
            updated_at: progress.updated,
            session_seconds: 0,
            upload_octets: 0,
            download_octets: 0,
            upload_packets: 0,
            download_packets: 0,
            ended_at: None,
            end_cause: None,
            terminate_cause: 0,
            revision: 0,
            touched: Touched::Whole,
        };
        row.set_progress(&progress);
        row.note(event);
        (row, change.added)
    }

    /// Takes one more packet of the session; how much its usage rose.
    pub(super) fn take(&mut self, event: &AccountingEvent<'_>) -> Usage {
        let mut progress = self.progress();
        let change = progress.apply(event);
        self.set_progress(&progress);
        self.note(event);
        change.added
    }

    /// Ends it by inference; an end that is known stays. False when there was one.
    pub(super) fn presume_ended(&mut self, at: Timestamp, cause: EndCause) -> bool {
        let mut progress = self.progress();
        let was_open = progress.end.is_none();
        progress.presume_ended(at.max(self.started_at), cause);
        self.set_progress(&progress);
        was_open
    }

    /// What a packet tells beside the progress: later values replace earlier ones, absent ones change nothing.
    fn note(&mut self, event: &AccountingEvent<'_>) {
        // Most packets tell what the first one told: that is found out without an allocation.
        let is_stored = |(kind, value)| attribute(&self.identifiers, kind) == Some(value);
        let mut is_new = !event.identifiers.iter().all(is_stored);
        if is_new {
            let mut stored = self.stored_identifiers();
            stored.update(&event.identifiers);
            self.identifiers = stored.as_attributes().to_vec();
        }
        if event.framed_address.is_some() && event.framed_address != self.framed_address() {
            self.framed_address = event.framed_address.map(|it| it.to_string());
            is_new = true;
        }
        let prefix = |(prefix, length)| format!("{prefix}/{length}");
        is_new |= replace(&mut self.framed_ipv6_address, event.framed_ipv6_address.map(|it| it.to_string()));
        is_new |= replace(&mut self.framed_ipv6_prefix, event.framed_ipv6_prefix.map(prefix));
        is_new |= replace(&mut self.delegated_ipv6_prefix, event.delegated_ipv6_prefix.map(prefix));
        is_new |= replace(&mut self.mac, event.mac);
        is_new |= replace(&mut self.nas_port, event.nas_port.map(i64::from));
        if self.username.is_empty() && !event.username.is_empty() {
            self.username = text(event.username);
            is_new = true;
        }
        if is_new {
            self.touched = Touched::Whole;
        }
    }

    /// Notes whose session it is, unless that is known.
    pub(super) fn belongs_to(&mut self, subscriber: Option<SubscriberId>) {
        if self.subscriber_id.is_none() && subscriber.is_some() {
            self.subscriber_id = subscriber;
            self.touched = Touched::Whole;
        }
    }

    /// The attributes that name the session to its router.
    pub(super) fn stored_identifiers(&self) -> StoredIdentifiers {
        StoredIdentifiers::store(&self.identifiers())
    }

    /// The same, borrowed.
    pub(super) fn identifiers(&self) -> Identifiers<'_> {
        Identifiers::collect(|kind| {
            KEPT.contains(&kind).then(|| attribute(&self.identifiers, kind)).flatten()
        })
    }

    /// What tells whether a packet belongs to it.
    pub(super) fn known(&self) -> Known<'_> {
        Known {
            session: self.id,
            from_cookie: self.from_cookie,
            started: self.started_at,
            username: attribute(&self.identifiers, USER_NAME).unwrap_or_default(),
            nas_port: self.nas_port.and_then(|port| u32::try_from(port).ok()),
        }
    }

    /// Its Acct-Session-Id, octet for octet.
    pub(super) fn session_id(&self) -> &[u8] {
        attribute(&self.identifiers, ACCT_SESSION_ID).unwrap_or_default()
    }

    pub(super) fn progress(&self) -> Progress {
        let end = self.ended_at.zip(self.end_cause.as_deref()).map(|(at, cause)| End {
            at,
            cause: cause.parse().unwrap_or(EndCause::Stopped),
            terminate_cause: u32::try_from(self.terminate_cause).unwrap_or(0),
        });
        Progress {
            started: self.started_at,
            updated: self.updated_at,
            session_time: u32::try_from(self.session_seconds).unwrap_or(u32::MAX),
            usage: self.usage(),
            end,
        }
    }

    pub(super) fn usage(&self) -> Usage {
        let count = |stored: i64| u64::try_from(stored).unwrap_or(0);
        Usage {
            upload: count(self.upload_octets),
            download: count(self.download_octets),
            upload_packets: count(self.upload_packets),
            download_packets: count(self.download_packets),
        }
    }

    fn set_progress(&mut self, progress: &Progress) {
        let Progress { started: _, updated, session_time, usage, end } = *progress;
        let was_ended = (self.ended_at, self.terminate_cause);
        self.updated_at = updated;
        self.session_seconds = i64::from(session_time);
        self.upload_octets = stored(usage.upload);
        self.download_octets = stored(usage.download);
        self.upload_packets = stored(usage.upload_packets);
        self.download_packets = stored(usage.download_packets);
        self.ended_at = end.map(|end| end.at);
        let cause = end.map(|end| end.cause.as_str());
        let is_other_cause = self.end_cause.as_deref() != cause;
        if is_other_cause {
            self.end_cause = cause.map(str::to_owned);
        }
        self.terminate_cause = end.map_or(0, |end| i64::from(end.terminate_cause));
        let has_ended = is_other_cause || was_ended != (self.ended_at, self.terminate_cause);
        self.touched = self.touched.max(if has_ended { Touched::End } else { Touched::Progress });
    }

    pub(super) fn framed_address(&self) -> Option<Ipv4Addr> {
        self.framed_address.as_deref()?.parse().ok()
    }
}

/// Replaces what is there by what came, if anything did; whether that is something else.
fn replace<T: PartialEq>(there: &mut Option<T>, came: Option<T>) -> bool {
    let is_new = came.is_some() && *there != came;
    if is_new {
        *there = came;
    }
    is_new
}

/// A count as it is stored: both databases have 63 bits, which no line fills in a thousand years.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Octets as text for people and indexes: what is no UTF-8 is replaced, and so is NUL, which PostgreSQL refuses.
fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).replace('\0', "\u{fffd}")
}

/// The value of an attribute among attributes that stand one after the other.
fn attribute(mut attributes: &[u8], kind: u8) -> Option<&[u8]> {
    loop {
        let &[found, length] = attributes.first_chunk()?;
        let value = attributes.get(2..usize::from(length))?;
        if found == kind {
            return Some(value);
        }
        attributes = attributes.get(usize::from(length)..)?;
    }
}

/// The forms in which an address may stand in a row: itself, and for IPv6 the prefixes that hold it.
pub(super) fn prefixes_of(address: IpAddr) -> Vec<String> {
    /// The shortest prefix that anybody hands to one line.
    const SHORTEST: u8 = 32;
    let IpAddr::V6(address) = address else { return Vec::new() };
    (SHORTEST..=64)
        .chain([128])
        .filter_map(|length| Some(Ipv6Prefix::new(address, length)?.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_found_by_its_prefixes() {
        let prefixes = prefixes_of("2001:db8:aa:bb::5".parse().unwrap());
        assert!(prefixes.contains(&"2001:db8:aa:bb::/64".to_owned()), "{prefixes:?}");
        assert!(prefixes.contains(&"2001:db8:aa::/56".to_owned()), "{prefixes:?}");
        assert!(prefixes.contains(&"2001:db8:aa:bb::5/128".to_owned()), "{prefixes:?}");
        assert!(prefixes_of("10.0.0.1".parse().unwrap()).is_empty());
    }

    #[test]
    fn names_that_are_no_text_are_stored_all_the_same() {
        assert_eq!(text(b"budi\0\xff"), "budi\u{fffd}\u{fffd}");
    }
}
