//! The rules by which accounting packets make up a session: one pure state machine, for the live table and the database.
//!
//! ```text
//!            open(first packet)            Stop
//!   (none) ---------------------> online ---------> ended for good
//!                                  |  ^    Stop         ^
//!                        inferred  |  | newer           |
//!                        end       v  | interim         |
//!                              ended, presumably -------+
//! ```
//!
//! Packets come late, twice and in any order (RFC 5080 §2.3.2, RFC 2866 §4.1), so every rule is a maximum or a minimum:
//! counters only rise, the earliest Stop ends, and an end told by the router is never taken back. Only an end that was
//! *inferred* (silence, a restart of the router) gives way to a newer packet of the session. Applying packets again,
//! or in another order, gives the same totals and the same end.

use base::Timestamp;

use super::event::{AccountingEvent, Counters, Status};

/// What the packets of one session have told so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// When it started, by the first packet that was seen; fixed from then on.
    pub started: Timestamp,
    /// When the newest event happened.
    pub updated: Timestamp,
    /// The longest Acct-Session-Time seen, seconds.
    pub session_time: u32,
    /// Traffic since it started.
    pub usage: Usage,
    /// How it ended.
    pub end: Option<End>,
}

/// Traffic of a session in the subscriber's direction; 64 bits, only rising.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Octets from the subscriber.
    pub upload: u64,
    /// Octets to the subscriber.
    pub download: u64,
    /// Packets from the subscriber.
    pub upload_packets: u64,
    /// Packets to the subscriber.
    pub download_packets: u64,
}

/// The end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// How it is known.
    pub cause: EndCause,
    /// Acct-Terminate-Cause of a Stop (RFC 2866 §5.10); 0 without one.
    pub terminate_cause: u32,
}

base::text_enum! {
    /// How the end of a session became known.
    pub enum EndCause {
        /// The router said so.
        Stopped = "stopped",
        /// A new session began under the same Acct-Session-Id: its Stop was lost.
        Superseded = "superseded",
        /// The router restarted: Accounting-On or -Off, or a new boot counter in its session ids.
        RouterRestarted = "router_restarted",
        /// No word of it for too long, or its router was asked and knows it no more.
        Silent = "silent",
        /// The same device logged in anew: its Stop was lost.
        Replaced = "replaced",
    }
}

impl EndCause {
    /// Whether the session stays ended whatever comes later. The other causes are inferred: a newer packet of the
    /// session shows that it lives.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Stopped | Self::Superseded)
    }
}

/// What a packet changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The step that the session took.
    pub step: Step,
    /// By how much its totals rose: what a quota or a bill counts.
    pub added: Usage,
}

/// The step that a session took with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is online, as before.
    Online,
    /// It ended with this packet.
    Ended,
    /// It was presumed ended, and is online after all.
    Resumed,
    /// It had ended before, and stays so; totals or the time of the end may have become more exact.
    Over,
}

impl Progress {
    /// The session of which `event` is the first packet seen. An Interim or a Stop dates it back by its session time.
    #[must_use]
    pub fn open(event: &AccountingEvent<'_>) -> (Self, Change) {
        let started = event.started().unwrap_or(event.at);
        let mut progress =
            Self { started, updated: started, session_time: 0, usage: Usage::default(), end: None };
        let change = progress.apply(event);
        (progress, change)
    }

    /// Takes one more packet of this session. Packets that tell of no session ([`Status::On`], [`Status::Off`],
    /// [`Status::Other`]) change nothing.
    pub fn apply(&mut self, event: &AccountingEvent<'_>) -> Change {
        if !matches!(event.status, Status::Start | Status::Interim | Status::Stop) {
            return Change { step: self.standing(), added: Usage::default() };
        }
        let added = self.raise(event);
        self.session_time = self.session_time.max(event.session_time.unwrap_or(0));
        self.updated = self.updated.max(event.at);
        let step = if event.status == Status::Stop { self.stop(event) } else { self.go_on(event) };
        Change { step, added }
    }

    /// Ends it by inference. An end that is known already stays.
    pub fn presume_ended(&mut self, at: Timestamp, cause: EndCause) {
        if self.end.is_none() {
            self.end = Some(End { at, cause, terminate_cause: 0 });
        }
    }

    fn standing(&self) -> Step {
        if self.end.is_some() { Step::Over } else { Step::Online }
    }

    /// Of several Stops the earliest counts, whichever came first: a retransmission may be dated a second later.
    fn stop(&mut self, event: &AccountingEvent<'_>) -> Step {
        let stop = End {
            at: event.at,
            cause: EndCause::Stopped,
            terminate_cause: event.terminate_cause.unwrap_or(0),
        };
        let before = self.end.replace(match self.end {
            Some(known) if known.cause == EndCause::Stopped => {
                if (stop.at, stop.terminate_cause) < (known.at, known.terminate_cause) { stop } else { known }
            }
            _ => stop,
        });
        if before.is_some() { Step::Over } else { Step::Ended }
    }

    /// An Interim or Start after the end reopens nothing, unless the end was inferred and the packet is newer.
    fn go_on(&mut self, event: &AccountingEvent<'_>) -> Step {
        match &mut self.end {
            None => Step::Online,
            Some(end) if !end.cause.is_final() && event.at > end.at => {
                self.end = None;
                Step::Resumed
            }
            Some(end) => {
                // Nobody told when it ended: not before its last word, whichever packet came first.
                if end.cause == EndCause::Superseded {
                    end.at = end.at.max(event.at);
                }
                Step::Over
            }
        }
    }

    /// Raises the totals to what the packet shows; never lowers them.
    fn raise(&mut self, event: &AccountingEvent<'_>) -> Usage {
        let counters = &event.counters;
        // A Stop on lost carrier may come with zeros: that is no wrap, and tells nothing.
        if counters.is_zero() {
            return Usage::default();
        }
        let order = self.order(event);
        let before = self.usage;
        let Counters { upload, download, upload_packets, download_packets, gigawords } = *counters;
        self.usage = Usage {
            upload: raised(before.upload, upload, gigawords, order),
            download: raised(before.download, download, gigawords, order),
            upload_packets: raised(before.upload_packets, upload_packets.into(), false, order),
            download_packets: raised(before.download_packets, download_packets.into(), false, order),
        };
        self.usage.since(&before)
    }

    /// Where the packet stands in the router's own counting of the session's time. That clock alone is used, for arrival
    /// times tell nothing of order.
    fn order(&self, event: &AccountingEvent<'_>) -> Order {
        match event.session_time {
            Some(time) if self.session_time == 0 || time > self.session_time => Order::Newer,
            Some(time) if time < self.session_time => Order::Older,
            _ => Order::Unknown,
        }
    }
}

impl Usage {
    /// What came in addition to `earlier`.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            upload: self.upload.saturating_sub(earlier.upload),
            download: self.download.saturating_sub(earlier.download),
            upload_packets: self.upload_packets.saturating_sub(earlier.upload_packets),
            download_packets: self.download_packets.saturating_sub(earlier.download_packets),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Newer,
    Older,
    /// The same moment, or no session time to tell by.
    Unknown,
}

/// One total after a packet that shows `value`. Without Gigawords `value` is the lower 32 bits alone, and a wrap is
/// counted only when it is proven: a newer packet shows less, or an older one shows more than the newest while no wrap
/// is counted yet. So the total may lag behind when packets around a wrap are lost, but never exceeds the truth.
fn raised(total: u64, value: u64, gigawords: bool, order: Order) -> u64 {
    /// One more than the largest counter of 32 bits.
    const WRAP: u64 = 1 << 32;
    if gigawords {
        return total.max(value);
    }
    let (high, low) = (total & !(WRAP - 1), total & (WRAP - 1));
    match order {
        Order::Newer if value < low => high.saturating_add(WRAP) | value,
        Order::Newer => high | value,
        Order::Older if value > low && high == 0 => WRAP | low,
        Order::Older => total,
        Order::Unknown => high | value.max(low),
    }
}
