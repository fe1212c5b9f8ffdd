//! What an Accounting-Request tells: from the wire to an [`AccountingEvent`].
//!
//! Pure, so that the worker, the drainer of the journal and a test read one datagram alike.

use std::time::Duration;

use base::{MacAddress, TenantId, Timestamp};
use radius::{
    attribute::{AcctStatusType, AttributeType, Ipv6Prefix},
    index::Index,
    packet::ParseError,
};

use super::class::{self, ClassKey};
use crate::{
    directory::entry::OctetDirection,
    live::{AccountingEvent, Counters, Identifiers, Status, identity::EVENT_TIMESTAMP_WINDOW},
};

/// The longest Acct-Delay-Time that is believed, seconds: 90 days. A router whose clock jumps from 1970 to the present while a
/// record waits says half a century.
const LONGEST_DELAY: u32 = 90 * 24 * 3_600;

/// The longest Acct-Session-Time that is believed, seconds: 10 years. More is a clock that jumped.
const LONGEST_SESSION: u32 = 10 * 366 * 24 * 3_600;

/// How a router's packets are to be read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Whose router it is: a cookie of ours counts at its own tenant alone.
    pub tenant: TenantId,
    /// The direction of the router's octet counters.
    pub octets: OctetDirection,
    /// The key of our cookies.
    pub class_key: &'a ClassKey,
}

impl Reading<'_> {
    /// Parses the datagram of an Accounting-Request as the journal keeps it. Its signature was verified before it got
    /// there.
    ///
    /// # Errors
    /// When it is no packet.
    pub fn parse<'d>(
        &self,
        datagram: &'d [u8],
        received: Timestamp,
    ) -> Result<AccountingEvent<'d>, ParseError> {
        Ok(self.read(&Index::parse(datagram)?, received))
    }

    /// Reads a parsed packet. Values that are not of their type count as absent (RFC 2865 §5).
    #[must_use]
    pub fn read<'d>(&self, packet: &Index<'d>, received: Timestamp) -> AccountingEvent<'d> {
        let delay = packet.acct_delay_time().filter(|delay| *delay <= LONGEST_DELAY).unwrap_or(0);
        let identifiers = Identifiers::collect(|kind| {
            let attribute = packet.find(AttributeType(kind))?;
            // 0.0.0.0 is what routers say before they know the address.
            let unknown = kind == AttributeType::FRAMED_IP_ADDRESS.0 && attribute.value == [0; 4];
            (!unknown).then_some(attribute.value)
        });
        AccountingEvent {
            status: status(packet.acct_status_type()),
            received,
            at: happened(received, delay, packet.event_timestamp()),
            delay,
            session_id: packet.acct_session_id().unwrap_or_default(),
            cookie: packet.classes().find_map(|value| class::parse(value, self.tenant, self.class_key)),
            username: packet.user_name().unwrap_or_default(),
            session_time: packet.acct_session_time().filter(|time| *time <= LONGEST_SESSION),
            counters: self.counters(packet),
            framed_address: packet.framed_ip_address().filter(|address| !address.is_unspecified()),
            framed_ipv6_address: packet.framed_ipv6_address(),
            framed_ipv6_prefix: packet.framed_ipv6_prefix().map(pair),
            delegated_ipv6_prefix: packet.delegated_ipv6_prefix().map(pair),
            nas_port: packet.nas_port(),
            mac: packet.calling_station_id().and_then(MacAddress::parse),
            terminate_cause: packet.acct_terminate_cause().map(|cause| cause.0),
            identifiers,
        }
    }

    fn counters(&self, packet: &Index<'_>) -> Counters {
        let input = (packet.input_octets().unwrap_or(0), packet.input_packets().unwrap_or(0));
        let output = (packet.output_octets().unwrap_or(0), packet.output_packets().unwrap_or(0));
        let (upload, download) = match self.octets {
            OctetDirection::InputIsUpload => (input, output),
            OctetDirection::InputIsDownload => (output, input),
        };
        Counters {
            upload: upload.0,
            download: download.0,
            upload_packets: upload.1,
            download_packets: download.1,
            gigawords: packet.has_gigawords(),
        }
    }
}

/// RFC 2866 §5.1. An unknown value is no error: the record is kept as it came.
fn status(kind: Option<AcctStatusType>) -> Status {
    match kind {
        Some(AcctStatusType::START) => Status::Start,
        Some(AcctStatusType::INTERIM_UPDATE) => Status::Interim,
        Some(AcctStatusType::STOP) => Status::Stop,
        Some(AcctStatusType::ACCOUNTING_ON) => Status::On,
        Some(AcctStatusType::ACCOUNTING_OFF) => Status::Off,
        Some(AcctStatusType(other)) => Status::Other(other),
        None => Status::Other(0),
    }
}

/// When the event happened: the arrival less Acct-Delay-Time (RFC 2866 §5.2), or Event-Timestamp (RFC 2869 §5.3) where the
/// two agree within [`EVENT_TIMESTAMP_WINDOW`]; a router whose clock is wrong is not believed.
fn happened(received: Timestamp, delay: u32, event_timestamp: Option<u32>) -> Timestamp {
    let sent = received.saturating_sub(Duration::from_secs(delay.into()));
    let window = i64::try_from(EVENT_TIMESTAMP_WINDOW.as_millis()).unwrap_or(i64::MAX);
    event_timestamp
        .map(|seconds| Timestamp::from_millis(i64::from(seconds) * 1_000))
        .filter(|at| (at.as_millis() - sent.as_millis()).abs() <= window)
        .unwrap_or(sent)
}

fn pair(prefix: Ipv6Prefix) -> (std::net::Ipv6Addr, u8) {
    (prefix.address(), prefix.length())
}
