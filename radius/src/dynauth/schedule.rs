//! When copies are sent: one soon, for a datagram lost on the way, then the back-off of RFC 5080 §2.2.1.
//!
//! ```text
//!  copy     0    1         2              3                        4            5, or the end
//!  after    0  300 ms    2.3 s          6.3 s                   14.3 s          at most 30 s
//!                 |--IRT--|----2 RT------|--------2 RT-----------|
//! ```

use core::time::Duration;

/// Wait before the first copy. It is not in RFC 5080, whose 2 seconds would cost a paying customer those 2 seconds for one
/// lost datagram; a router that is there answers well within it.
const FIRST_COPY: Duration = Duration::from_millis(300);

/// IRT, the first wait of the back-off (RFC 5080 §2.2.1).
const INITIAL: Duration = Duration::from_secs(2);

/// MRT, the longest wait (RFC 5080 §2.2.1).
const LONGEST: Duration = Duration::from_secs(16);

/// MRC, the most copies (RFC 5080 §2.2.1).
pub(super) const MOST_COPIES: u8 = 5;

/// MRD, the longest time from the first datagram to the end (RFC 5080 §2.2.1), unless less is asked for.
pub(super) const LONGEST_EXCHANGE: Duration = Duration::from_secs(30);

/// The wait after copy number `copy` (0 is the first datagram), where `before` is the wait before it. `random` spreads it by
/// a tenth to both sides, so that the requests of one event do not stay in step.
pub(super) fn wait_after(copy: u8, before: Duration, random: u32) -> Duration {
    match copy {
        0 => FIRST_COPY,
        1 => spread(INITIAL, INITIAL, random),
        _ => {
            let wait = spread(before * 2, before, random);
            if wait > LONGEST { spread(LONGEST, LONGEST, random) } else { wait }
        }
    }
}

/// `wait`, give or take a tenth of `base`: RT = 2 * RTprev + RAND * RTprev.
fn spread(wait: Duration, base: Duration, random: u32) -> Duration {
    let tenth = base / 10;
    wait - tenth + tenth * 2 * (random & 0xffff) / 0xffff
}
