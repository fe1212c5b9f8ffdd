//! Packets in any order, any number of times.

use proptest::prelude::*;

use super::{
    super::{Progress, Status},
    *,
};

/// The packets of one session as a router makes them: counters and times rise together.
fn packets() -> impl Strategy<Value = Vec<AccountingEvent<'static>>> {
    let steps = proptest::collection::vec((1..4_000_u32, 0..1_u64 << 40, 0..1_u64 << 40), 1..8);
    (steps, any::<bool>()).prop_map(|(steps, stops)| {
        let mut packets = vec![event(Status::Start, 0, None)];
        let (mut time, mut upload, mut download) = (0, 0, 0);
        for (seconds, up, down) in steps {
            (time, upload, download) = (time + seconds, upload + up, download + down);
            packets.push(counting(upload, download, event(Status::Interim, time.into(), Some(time))));
        }
        if stops {
            let stop = event(Status::Stop, i64::from(time) + 5, Some(time + 5));
            packets.push(counting(upload + 1, download + 1, stop));
        }
        packets
    })
}

/// Every packet at least once, some again, in any order; a copy arrives later and says so.
fn disorder() -> impl Strategy<Value = (Vec<AccountingEvent<'static>>, Vec<AccountingEvent<'static>>)> {
    (packets(), any::<u64>()).prop_flat_map(|(packets, mask)| {
        let mut arrived = packets.clone();
        for (number, packet) in packets.iter().enumerate() {
            if mask >> number & 1 == 1 {
                let delay = u32::try_from(number).unwrap_or(0) + 1;
                arrived.push(AccountingEvent { delay, received: packet.received, ..*packet });
            }
        }
        (Just(packets), Just(arrived).prop_shuffle())
    })
}

proptest! {
    /// RFC 2869 §2.1, RFC 5080 §2.3.2: any permutation and duplication gives the same totals and the same end.
    #[test]
    fn totals_and_end_do_not_depend_on_order((packets, arrived) in disorder()) {
        let fold = |packets: &[AccountingEvent<'static>]| {
            let (first, rest) = packets.split_first().unwrap();
            let (mut progress, change) = Progress::open(first);
            let mut added = change.added.download;
            let mut over = progress.end.is_some();
            for packet in rest {
                added += progress.apply(packet).added.download;
                assert!(progress.end.is_some() || !over, "reopened");
                over = progress.end.is_some();
            }
            assert_eq!(added, progress.usage.download, "each octet is added once");
            (progress.usage, progress.session_time, progress.updated, progress.end, progress.started)
        };
        prop_assert_eq!(fold(&arrived), fold(&packets));
    }

    /// The table never shows a session behind its Stop, with and without our cookie.
    #[test]
    fn the_table_never_reopens((packets, arrived) in disorder(), cookie in any::<bool>()) {
        let bench = Bench::new();
        let mut stopped = false;
        for packet in &arrived {
            let packet = if cookie { with_cookie(1, *packet) } else { *packet };
            bench.apply(100, &packet);
            stopped |= packet.status == Status::Stop;
            prop_assert_eq!(bench.online(100), usize::from(!stopped));
        }
        if !stopped {
            let last = packets.last().unwrap();
            let session = &bench.live.of_subscriber(now(100), subscriber(1))[0];
            prop_assert_eq!(session.usage.download, last.counters.download);
            prop_assert_eq!(session.started, at(0));
        }
        prop_assert_eq!(bench.live.stats().open, u64::from(!stopped));
    }

    /// Octets of 32 bits: in order, with repetitions, the totals are exact; in any order they never exceed the truth.
    #[test]
    fn narrow_counters_never_exceed_the_truth(
        steps in proptest::collection::vec(0..u32::MAX, 1..12),
        order in proptest::collection::vec(0..12_usize, 0..24),
    ) {
        let mut truth = 1_u64;
        let mut packets = vec![narrow(1, event(Status::Interim, 10, Some(10)))];
        for (number, step) in (2..).zip(steps) {
            truth += u64::from(step);
            let low = u32::try_from(truth & u64::from(u32::MAX)).unwrap();
            packets.push(narrow(low, event(Status::Interim, number * 10, Some(u32::try_from(number).unwrap() * 10))));
        }
        let (mut progress, _) = Progress::open(&packets[0]);
        for packet in packets.iter().flat_map(|packet| [packet, packet]) {
            progress.apply(packet);
        }
        if packets.iter().skip(1).all(|packet| packet.counters.download > 0) {
            prop_assert_eq!(progress.usage.download, truth);
        }
        let (mut progress, _) = Progress::open(&packets[0]);
        for number in order {
            progress.apply(&packets[number % packets.len()]);
            prop_assert!(progress.usage.download <= truth);
        }
    }
}
