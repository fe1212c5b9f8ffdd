//! What a generator counts, and the report that comes of it.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::reply::Wrong;

/// The longest latency that is told apart.
const LONGEST: Duration = Duration::from_secs(120);

/// What one thread has seen.
#[derive(Debug)]
pub struct Tally {
    /// Answered and right, while measuring.
    pub answered: u64,
    /// Of them, accounting.
    pub accounting: u64,
    /// Requests that were to be sent while measuring, with a fixed rate.
    pub due: u64,
    /// Requests never answered, over the whole run.
    pub lost: u64,
    /// Requests sent once more, over the whole run.
    pub repeated: u64,
    /// Replies that no request waited for.
    pub late: u64,
    /// Requests whose answer took longer than the bound, or never came, over the whole run.
    pub slow: u64,
    /// Wrong replies by kind, over the whole run.
    pub wrong: [u64; Wrong::ALL.len()],
    /// Replies that the generator's own sockets dropped: if there are any, the figures tell of the generator.
    pub dropped_here: u64,
    /// Latency in nanoseconds, while measuring.
    pub latency: Histogram<u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            answered: 0,
            accounting: 0,
            due: 0,
            lost: 0,
            repeated: 0,
            late: 0,
            slow: 0,
            wrong: [0; Wrong::ALL.len()],
            dropped_here: 0,
            latency: Histogram::new_with_bounds(1_000, nanos(LONGEST), 3)
                .expect("the bounds of the histogram are in order"),
        }
    }

    pub(super) fn took(&mut self, latency: Duration) {
        self.latency.saturating_record(nanos(latency));
    }

    pub(super) fn wrong(&mut self, wrong: Wrong) {
        if let Some(at) = Wrong::ALL.iter().position(|kind| *kind == wrong) {
            self.wrong[at] += 1;
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.accounting += other.accounting;
        self.due += other.due;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.late += other.late;
        self.slow += other.slow;
        for (sum, count) in self.wrong.iter_mut().zip(other.wrong) {
            *sum += count;
        }
        self.dropped_here += other.dropped_here;
        // Both have the same bounds.
        let _ = self.latency.add(&other.latency);
    }

    /// The report of a run that measured for `measured`, in which the server used `cpu`.
    #[must_use]
    pub fn report(&self, measured: Duration, cpu: Option<Duration>, drained: Option<Drained>) -> Report {
        let at = |quantile| micros(self.latency.value_at_quantile(quantile));
        let answered = self.answered.max(1) as f64;
        Report {
            seconds: measured.as_secs_f64(),
            answered: self.answered,
            accounting: self.accounting,
            rate: self.answered as f64 / measured.as_secs_f64().max(1e-9),
            cpu_micros: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / answered),
            cpu_cores: cpu.map(|cpu| cpu.as_secs_f64() / measured.as_secs_f64().max(1e-9)),
            p50_micros: at(0.5),
            p90_micros: at(0.9),
            p99_micros: at(0.99),
            p999_micros: at(0.999),
            max_micros: micros(self.latency.max()),
            lost: self.lost,
            slow: self.slow,
            repeated: self.repeated,
            late: self.late,
            dropped_here: self.dropped_here,
            drained,
            wrong: self.wrong.iter().sum(),
            wrong_kinds: Wrong::ALL
                .iter()
                .zip(self.wrong)
                .filter(|(_, count)| *count > 0)
                .map(|(kind, count)| (kind.to_string(), count))
                .collect(),
        }
    }
}

/// What it took until the database had all that was acknowledged. It covers the whole run.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Drained {
    /// From the end of the load on, seconds.
    pub seconds: f64,
    /// Records a second, from the first request until the last was in the database.
    pub rate: f64,
    /// The server's processor time for each record, its database's included, microseconds.
    pub cpu_micros: Option<f64>,
}

/// The figures of a run. Times are microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How long was measured.
    pub seconds: f64,
    /// Requests answered and found right in that time.
    pub answered: u64,
    /// Of them, accounting.
    pub accounting: u64,
    /// Answers a second.
    pub rate: f64,
    /// The server's processor time for each answer.
    pub cpu_micros: Option<f64>,
    /// Processors that the server kept busy.
    pub cpu_cores: Option<f64>,
    /// Half of the answers came within.
    pub p50_micros: f64,
    /// Nine of ten.
    pub p90_micros: f64,
    /// 99 of 100.
    pub p99_micros: f64,
    /// 999 of 1000.
    pub p999_micros: f64,
    /// All.
    pub max_micros: f64,
    /// Never answered.
    pub lost: u64,
    /// Answered later than the bound, or never.
    pub slow: u64,
    /// Sent once more.
    pub repeated: u64,
    /// Replies that no request waited for.
    pub late: u64,
    /// Replies that the generator itself dropped.
    pub dropped_here: u64,
    /// Where the run waited for the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained: Option<Drained>,
    /// Wrong replies.
    pub wrong: u64,
    /// The same by kind.
    pub wrong_kinds: std::collections::BTreeMap<String, u64>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "answered      {} in {:.2} s: {:.0} a second", self.answered, self.seconds, self.rate)?;
        if let (Some(micros), Some(cores)) = (self.cpu_micros, self.cpu_cores) {
            writeln!(f, "server's CPU  {micros:.2} µs a request, {cores:.2} cores")?;
        }
        writeln!(
            f,
            "latency       p50 {} p90 {} p99 {} p99.9 {} max {}",
            Millis(self.p50_micros),
            Millis(self.p90_micros),
            Millis(self.p99_micros),
            Millis(self.p999_micros),
            Millis(self.max_micros)
        )?;
        write!(
            f,
            "lost {}, slow {}, sent again {}, late {}, wrong {}",
            self.lost, self.slow, self.repeated, self.late, self.wrong
        )?;
        for (kind, count) in &self.wrong_kinds {
            write!(f, ", {kind} {count}")?;
        }
        if let Some(Drained { seconds, rate, cpu_micros }) = self.drained {
            let micros = cpu_micros.unwrap_or(0.0);
            write!(
                f,
                "\ndrained after {seconds:.1} s: {rate:.0} records a second in all, {micros:.2} µs each"
            )?;
        }
        if self.dropped_here > 0 {
            write!(f, "\nthe generator itself dropped {} replies", self.dropped_here)?;
        }
        Ok(())
    }
}

struct Millis(f64);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} ms", self.0 / 1e3)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}
