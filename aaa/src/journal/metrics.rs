//! The journal's metrics. Their handles are made once, so the recorder must be installed before the journal opens.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};

use super::{
    health::{Alarm, Health},
    queue::AppendError,
};

/// The handles.
pub(crate) struct Meters {
    pub(crate) groups: Counter,
    pub(crate) records: Counter,
    pub(crate) octets: Counter,
    pub(crate) failures: Counter,
    pub(crate) damaged_records: Counter,
    pub(crate) sync: Histogram,
    pub(crate) group_records: Histogram,
    pub(crate) durable: Gauge,
    pub(crate) applied: Gauge,
    pub(crate) segments: Gauge,
    pub(crate) size: Gauge,
    pub(crate) lag_records: Gauge,
    pub(crate) lag_octets: Gauge,
    pub(crate) lag_age: Gauge,
    refused: [Counter; AppendError::ALL.len()],
    alarms: [Gauge; Alarm::ALL.len()],
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meters")
    }
}

impl Meters {
    pub(crate) fn new() -> Self {
        describe();
        Self {
            groups: metrics::counter!("rrnetd_journal_groups_total"),
            records: metrics::counter!("rrnetd_journal_records_total"),
            octets: metrics::counter!("rrnetd_journal_bytes_total"),
            failures: metrics::counter!("rrnetd_journal_failures_total"),
            damaged_records: metrics::counter!("rrnetd_journal_damaged_records_total"),
            sync: metrics::histogram!("rrnetd_journal_sync_seconds"),
            group_records: metrics::histogram!("rrnetd_journal_group_records"),
            durable: metrics::gauge!("rrnetd_journal_durable_position"),
            applied: metrics::gauge!("rrnetd_journal_applied_position"),
            segments: metrics::gauge!("rrnetd_journal_segments"),
            size: metrics::gauge!("rrnetd_journal_size_bytes"),
            lag_records: metrics::gauge!("rrnetd_journal_lag_records"),
            lag_octets: metrics::gauge!("rrnetd_journal_lag_bytes"),
            lag_age: metrics::gauge!("rrnetd_journal_lag_age_seconds"),
            refused: AppendError::ALL
                .map(|error| metrics::counter!("rrnetd_journal_refused_total", "reason" => error.as_str())),
            alarms: Alarm::ALL
                .map(|alarm| metrics::gauge!("rrnetd_journal_alarm", "alarm" => alarm.as_str())),
        }
    }

    pub(crate) fn refused(&self, error: AppendError) {
        for (known, counter) in AppendError::ALL.iter().zip(&self.refused) {
            if *known == error {
                counter.increment(1);
            }
        }
    }

    /// Shows the alarms that are on.
    pub(crate) fn show(&self, health: &Health) {
        let on = health.alarms();
        for (alarm, gauge) in Alarm::ALL.iter().zip(&self.alarms) {
            gauge.set(if on.contains(alarm) { 1.0 } else { 0.0 });
        }
    }

    pub(crate) fn committed(&self, records: u64, octets: u64, took: Duration) {
        self.groups.increment(1);
        self.records.increment(records);
        self.octets.increment(octets);
        self.sync.record(took.as_secs_f64());
        self.group_records.record(float(records));
    }
}

/// For gauges and histograms, which are floating point: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

    describe_counter!("rrnetd_journal_groups_total", "Groups made durable");
    describe_counter!("rrnetd_journal_records_total", "Records made durable");
    describe_counter!("rrnetd_journal_bytes_total", Unit::Bytes, "Octets made durable");
    describe_counter!(
        "rrnetd_journal_failures_total",
        "Groups that the disk failed to take or confirm at a try"
    );
    describe_counter!("rrnetd_journal_damaged_records_total", "Records lost to damage");
    describe_counter!("rrnetd_journal_refused_total", "Records refused, hence requests left unanswered");
    describe_histogram!("rrnetd_journal_sync_seconds", Unit::Seconds, "Time to write and sync a group");
    describe_histogram!("rrnetd_journal_group_records", "Records in a group");
    describe_gauge!("rrnetd_journal_durable_position", "Position of the last durable record");
    describe_gauge!("rrnetd_journal_applied_position", "Position of the last record durable in the database");
    describe_gauge!("rrnetd_journal_segments", "Segment files");
    describe_gauge!("rrnetd_journal_size_bytes", Unit::Bytes, "Size of all segment files");
    describe_gauge!("rrnetd_journal_lag_records", "Durable records not yet applied to the database");
    describe_gauge!("rrnetd_journal_lag_bytes", Unit::Bytes, "Their size");
    describe_gauge!("rrnetd_journal_lag_age_seconds", Unit::Seconds, "Age of the oldest of them");
    describe_gauge!("rrnetd_journal_alarm", "1 while the alarm is on");
}
