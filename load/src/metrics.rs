//! The server's own counters, from its page of metrics.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, bail};

/// How long the page may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most octets of a page.
const MOST: u64 = 16 << 20;

/// A page of metrics.
#[derive(Clone, Debug)]
pub struct Page(String);

impl Page {
    /// Reads `http://HOST:PORT/PATH`.
    ///
    /// # Errors
    /// When the server is not there, or answers anything but 200.
    pub fn read(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").context("a URL of metrics starts with http://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, "metrics"));
        let mut stream = TcpStream::connect(host).with_context(|| format!("connecting to {host}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(MOST).read_to_string(&mut answer).context("reading the metrics")?;
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("no answer") };
        let status = head.split_whitespace().nth(1).unwrap_or_default();
        if status != "200" {
            bail!("the metrics answer with {status}");
        }
        Ok(Self(body.to_owned()))
    }

    /// The sum of all series of a metric; `None` when there is none.
    #[must_use]
    pub fn sum(&self, metric: &str) -> Option<u64> {
        self.series(metric, "")
    }

    /// The sum of the series of a metric that have this label, as in `reason="malformed"`.
    #[must_use]
    pub fn with(&self, metric: &str, label: &str) -> u64 {
        self.series(metric, label).unwrap_or(0)
    }

    /// How many records the journal holds on the disk, and how many of them the database has.
    ///
    /// # Errors
    /// When the server does not tell.
    pub fn journal(&self) -> anyhow::Result<(u64, u64)> {
        let durable = self.sum("rrnetd_journal_durable_position");
        let applied = self.sum("rrnetd_journal_applied_position");
        durable.zip(applied).context("the metrics tell nothing of a journal")
    }

    fn series(&self, metric: &str, label: &str) -> Option<u64> {
        let mut sum = None;
        for line in self.0.lines() {
            let Some(rest) = line.strip_prefix(metric) else { continue };
            if !rest.starts_with(['{', ' ']) || !rest.contains(label) {
                continue;
            }
            let value = rest.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok());
            sum = Some(sum.unwrap_or(0) + value.unwrap_or(0));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_name_and_label() {
        let page =
            Page("# HELP a\na_total{reason=\"x\"} 3\na_total{reason=\"y\"} 4\na_total_more 9\nb 1\n".into());
        assert_eq!(page.sum("a_total"), Some(7));
        assert_eq!(page.with("a_total", "reason=\"y\""), 4);
        assert_eq!(page.sum("b"), Some(1));
        assert_eq!(page.sum("c"), None);
    }
}
