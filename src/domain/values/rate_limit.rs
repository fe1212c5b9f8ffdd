//! Speeds, and the text in which MikroTik takes them. They are stored within documents that a later version may have
//! written, so a field that is not known here is passed over.
//!
//! `Mikrotik-Rate-Limit` speaks as the router sees it: rx is what it receives from the subscriber, the **upload**, and
//! stands first.
//!
//! ```text
//! rx[/tx] [rx-burst[/tx-burst] [rx-threshold[/tx-threshold] [rx-time[/tx-time] [priority [rx-min[/tx-min]]]]]]
//! ```

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Invalid, invalid::ensure};

/// Least rate, bit/s: below it a page does not load at all.
pub const MIN_RATE: u64 = 1_000;
/// Greatest rate, bit/s: faster than any port of a router that terminates subscribers.
pub const MAX_RATE: u64 = 100_000_000_000;
/// Longest time over which a burst is averaged, seconds.
pub const MAX_BURST_SECONDS: u32 = 3_600;
/// The priority that a queue has when nothing is said.
const DEFAULT_PRIORITY: u8 = 8;

/// The speed of a subscriber, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// From the subscriber to the network.
    pub upload: Shape,
    /// From the network to the subscriber.
    pub download: Shape,
    /// Priority of its queues, 1 (first) to 8 (last, and what a queue has otherwise).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
}

/// The speed one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RateShape)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// Bit/s.
    pub rate: u64,
    /// Faster for a short while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// Bit/s that are kept for the subscriber when the line is full; at most the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guaranteed: Option<u64>,
}

/// A burst: up to `rate` while the average over `seconds` stays below `threshold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RateBurst)]
#[serde(rename_all = "camelCase")]
pub struct Burst {
    /// Bit/s, more than the normal rate.
    pub rate: u64,
    /// Bit/s, at most the burst's rate.
    pub threshold: u64,
    /// 1 to [`MAX_BURST_SECONDS`].
    pub seconds: u32,
}

impl Shape {
    /// `rate` without bursts.
    #[must_use]
    pub const fn plain(rate: u64) -> Self {
        Self { rate, burst: None, guaranteed: None }
    }

    fn validate(&self) -> Result<(), Invalid> {
        ensure((MIN_RATE..=MAX_RATE).contains(&self.rate), "rate", "must be 1 kbit/s to 100 Gbit/s")?;
        if let Some(burst) = self.burst {
            ensure(
                burst.rate > self.rate && burst.rate <= MAX_RATE,
                "burst.rate",
                "must be above the rate and at most 100 Gbit/s",
            )?;
            ensure(
                (MIN_RATE..=burst.rate).contains(&burst.threshold),
                "burst.threshold",
                "must be 1 kbit/s to the burst's rate",
            )?;
            ensure((1..=MAX_BURST_SECONDS).contains(&burst.seconds), "burst.seconds", "must be 1 to 3600")?;
        }
        if let Some(guaranteed) = self.guaranteed {
            ensure(
                (MIN_RATE..=self.rate).contains(&guaranteed),
                "guaranteed",
                "must be 1 kbit/s to the rate itself",
            )?;
        }
        Ok(())
    }
}

impl RateLimit {
    /// `upload` and `download` in bit/s, without bursts.
    #[must_use]
    pub const fn plain(upload: u64, download: u64) -> Self {
        Self { upload: Shape::plain(upload), download: Shape::plain(download), priority: None }
    }

    /// Checks that a router can keep to it.
    ///
    /// # Errors
    /// When a value is out of range or contradicts another.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.upload.validate().map_err(|invalid| invalid.within("upload"))?;
        self.download.validate().map_err(|invalid| invalid.within("download"))?;
        ensure(self.priority.is_none_or(|priority| (1..=8).contains(&priority)), "priority", "must be 1 to 8")
    }

    /// The value of `Mikrotik-Rate-Limit`, as short as it can be. At most 140 octets.
    #[must_use]
    pub fn compose(&self) -> String {
        let (rx, tx) = (&self.upload, &self.download);
        let mut text = String::with_capacity(48);
        pair(&mut text, Some(rx.rate), Some(tx.rate), rate_text);
        let guaranteed = rx.guaranteed.is_some() || tx.guaranteed.is_some();
        let priority = guaranteed || self.priority.is_some();
        if rx.burst.is_some() || tx.burst.is_some() || priority {
            // A zero is "no burst" to the router; the way without one keeps its place.
            pair(&mut text, rx.burst.map(|it| it.rate), tx.burst.map(|it| it.rate), rate_text);
            pair(&mut text, rx.burst.map(|it| it.threshold), tx.burst.map(|it| it.threshold), rate_text);
            pair(
                &mut text,
                rx.burst.map(|it| it.seconds.into()),
                tx.burst.map(|it| it.seconds.into()),
                |n| n.to_string(),
            );
        }
        if priority {
            let _ = write!(text, " {}", self.priority.unwrap_or(DEFAULT_PRIORITY));
        }
        if guaranteed {
            // The router would take the rate itself for the way that names none.
            let minimum = |shape: &Shape| Some(shape.guaranteed.unwrap_or(MIN_RATE.min(shape.rate)));
            pair(&mut text, minimum(rx), minimum(tx), rate_text);
        }
        text
    }

    /// Reads the text of `Mikrotik-Rate-Limit`. What is left out is filled in as the router does: a missing tx is the
    /// rx, a missing threshold the rate, a missing time one second.
    ///
    /// # Errors
    /// When the text is of another form or a value is out of range.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let malformed = || {
            Invalid::new(
                "rateLimit",
                "is not of the form \"10M/20M [burst [threshold [time [priority [min]]]]]\"",
            )
        };
        let mut words = text.split_ascii_whitespace();
        let mut next_pair = |parse: fn(&str) -> Option<u64>| -> Result<Option<(u64, u64)>, Invalid> {
            let Some(word) = words.next() else { return Ok(None) };
            let (rx, tx) = word.split_once('/').unwrap_or((word, word));
            Ok(Some((parse(rx).ok_or_else(malformed)?, parse(tx).ok_or_else(malformed)?)))
        };
        let rate = next_pair(parse_rate)?.ok_or_else(malformed)?;
        let burst = next_pair(parse_rate)?;
        let threshold = next_pair(parse_rate)?;
        let time = next_pair(parse_seconds)?;
        let priority = words.next().map(|word| word.parse().map_err(|_| malformed())).transpose()?;
        let minimum = words
            .next()
            .map(|word| {
                let (rx, tx) = word.split_once('/').unwrap_or((word, word));
                Ok((parse_rate(rx).ok_or_else(malformed)?, parse_rate(tx).ok_or_else(malformed)?))
            })
            .transpose()?;
        if words.next().is_some() {
            return Err(malformed());
        }
        let shape = |way: fn((u64, u64)) -> u64| -> Result<Shape, Invalid> {
            let rate = way(rate);
            let burst = match burst.map(way) {
                None | Some(0) => None,
                Some(burst) => Some(Burst {
                    rate: burst,
                    threshold: match threshold.map(way) {
                        None | Some(0) => rate,
                        Some(threshold) => threshold,
                    },
                    seconds: match time.map(way) {
                        None | Some(0) => 1,
                        Some(seconds) => u32::try_from(seconds).map_err(|_| malformed())?,
                    },
                }),
            };
            Ok(Shape { rate, burst, guaranteed: minimum.map(way) })
        };
        let limit = Self { upload: shape(|pair| pair.0)?, download: shape(|pair| pair.1)?, priority };
        limit.validate()?;
        Ok(limit)
    }
}

/// Appends `rx/tx`, with zero for what is not there.
fn pair(text: &mut String, rx: Option<u64>, tx: Option<u64>, compose: fn(u64) -> String) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(&compose(rx.unwrap_or(0)));
    text.push('/');
    text.push_str(&compose(tx.unwrap_or(0)));
}

/// k is 1,000 and M 1,000,000 to the router, where they divide evenly.
fn rate_text(rate: u64) -> String {
    match rate {
        0 => "0".to_owned(),
        _ if rate.is_multiple_of(1_000_000) => format!("{}M", rate / 1_000_000),
        _ if rate.is_multiple_of(1_000) => format!("{}k", rate / 1_000),
        _ => rate.to_string(),
    }
}

fn parse_rate(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1_000),
        (at, 'm' | 'M') => (&text[..at], 1_000_000),
        (at, 'g' | 'G') => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn parse_seconds(text: &str) -> Option<u64> {
    text.strip_suffix('s').unwrap_or(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn upload_stands_first() {
        assert_eq!(RateLimit::plain(5_000_000, 20_000_000).compose(), "5M/20M");
        assert_eq!(RateLimit::plain(128_000, 128_000).compose(), "128k/128k");
        assert_eq!(RateLimit::plain(1_500_500, 1_500_000).compose(), "1500500/1500k");
    }

    #[test]
    fn bursts_of_one_way_leave_the_other_without() {
        let burst = Burst { rate: 40_000_000, threshold: 15_000_000, seconds: 8 };
        let limit = RateLimit {
            upload: Shape::plain(5_000_000),
            download: Shape { burst: Some(burst), ..Shape::plain(20_000_000) },
            priority: None,
        };
        assert_eq!(limit.compose(), "5M/20M 0/40M 0/15M 0/8");
        let with_minimum = RateLimit {
            download: Shape { guaranteed: Some(2_000_000), ..Shape::plain(20_000_000) },
            ..limit
        };
        assert_eq!(with_minimum.compose(), "5M/20M 0/0 0/0 0/0 8 1k/2M");
    }

    #[test]
    fn reads_the_examples_of_the_manual() {
        assert_eq!(RateLimit::parse("128k"), Ok(RateLimit::plain(128_000, 128_000)));
        assert_eq!(RateLimit::parse("64k/128M"), Ok(RateLimit::plain(64_000, 128_000_000)));
        let burst = Burst { rate: 256_000, threshold: 64_000, seconds: 1 };
        let shape = Shape { burst: Some(burst), ..Shape::plain(64_000) };
        assert_eq!(
            RateLimit::parse("64k 256k"),
            Ok(RateLimit { upload: shape, download: shape, priority: None })
        );
        let burst = Burst { rate: 256_000, threshold: 128_000, seconds: 10 };
        let shape = Shape { burst: Some(burst), ..Shape::plain(64_000) };
        assert_eq!(
            RateLimit::parse("64k/64k 256k/256k 128k/128k 10/10"),
            Ok(RateLimit { upload: shape, download: shape, priority: None })
        );
        for text in ["", "fast", "64k/64k 256k/256k 128k/128k 10/10 9", "0/0", "1M 2M 1M 1 8 1M 7", "é"] {
            assert!(RateLimit::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn contradictions_are_refused_by_field() {
        let slow_burst = Shape {
            burst: Some(Burst { rate: 1_000_000, threshold: 500_000, seconds: 8 }),
            ..Shape::plain(2_000_000)
        };
        let limit = RateLimit { upload: slow_burst, ..RateLimit::plain(1, 2_000_000) };
        assert_eq!(limit.validate().unwrap_err().field, "upload.burst.rate");
        assert_eq!(RateLimit::plain(2_000_000, 999).validate().unwrap_err().field, "download.rate");
    }

    fn rates() -> impl Strategy<Value = u64> {
        prop_oneof![
            MIN_RATE..MAX_RATE / 2,
            (1_u64..50_000).prop_map(|k| k * 1_000),
            (1_u64..50_000).prop_map(|m| m * 1_000_000)
        ]
    }

    prop_compose! {
        fn bursts(rate: u64)(extra in 1..MAX_RATE / 2, part in 0.0..=1.0_f64, seconds in 1..=MAX_BURST_SECONDS) -> Burst {
            let burst = rate + extra;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
                reason = "any value in the range will do")]
            let threshold = (burst as f64 * part) as u64;
            Burst { rate: burst, threshold: threshold.clamp(MIN_RATE, burst), seconds }
        }
    }

    fn shapes(guaranteed: bool) -> impl Strategy<Value = Shape> {
        rates().prop_flat_map(move |rate| {
            (proptest::option::of(bursts(rate)), MIN_RATE..=rate).prop_map(move |(burst, least)| Shape {
                rate,
                burst,
                guaranteed: guaranteed.then_some(least),
            })
        })
    }

    fn limits() -> impl Strategy<Value = RateLimit> {
        any::<bool>().prop_flat_map(|guaranteed| {
            (shapes(guaranteed), shapes(guaranteed), proptest::option::of(1..=8_u8)).prop_map(
                move |(upload, download, priority)| RateLimit {
                    upload,
                    download,
                    // A minimum needs a priority before it.
                    priority: if guaranteed { priority.or(Some(8)) } else { priority },
                },
            )
        })
    }

    proptest! {
        #[test]
        fn what_is_composed_reads_back_the_same(limit in limits()) {
            prop_assert_eq!(limit.validate(), Ok(()));
            let text = limit.compose();
            prop_assert!(text.len() <= 140, "{}", text);
            prop_assert_eq!(RateLimit::parse(&text), Ok(limit));
            prop_assert!(text.split(['/', ' ']).next().and_then(parse_rate) == Some(limit.upload.rate));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,60}") {
            let _ = RateLimit::parse(&text);
        }
    }
}
