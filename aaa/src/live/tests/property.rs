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

/// Every packet at least once, some again, in order and in any order. A copy arrives later, says so, and may be dated a
/// second off: that is how exact arrival times are.
fn disorder() -> impl Strategy<Value = (Vec<AccountingEvent<'static>>, Vec<AccountingEvent<'static>>)> {
    (packets(), any::<u16>(), any::<u16>()).prop_flat_map(|(packets, copied, dated)| {
        let mut arrived = packets.clone();
        for (number, packet) in packets.iter().enumerate() {
            if copied >> number & 1 == 1 {
                let delay = u32::try_from(number).unwrap_or(0) + 1;
                let off = Duration::from_secs((dated >> number & 1).into());
                arrived.push(AccountingEvent { delay, at: packet.at.saturating_add(off), ..*packet });
            }
        }
        (Just(arrived.clone()), Just(arrived).prop_shuffle())
    })
}

proptest! {
    /// RFC 2869 §2.1, RFC 5080 §2.3.2: any permutation and duplication gives the same totals and the same end.
    #[test]
    fn totals_and_end_do_not_depend_on_order((ordered, arrived) in disorder()) {
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
            (progress.usage, progress.session_time, progress.updated, progress.end)
        };
        prop_assert_eq!(fold(&arrived), fold(&ordered));
    }

    /// The table never shows a session behind its Stop, with and without our cookie.
    #[test]
    fn the_table_never_reopens((ordered, arrived) in disorder(), cookie in any::<bool>()) {
        let bench = Bench::new();
        let mut stopped = false;
        for packet in &arrived {
            let packet = if cookie { with_cookie(1, *packet) } else { *packet };
            bench.apply(100, &packet);
            stopped |= packet.status == Status::Stop;
            prop_assert_eq!(bench.online(100), usize::from(!stopped));
        }
        if !stopped {
            let most = ordered.iter().map(|packet| packet.counters.download).max();
            let session = &bench.live.of_subscriber(now(100), subscriber(1))[0];
            prop_assert_eq!(Some(session.usage.download), most);
            prop_assert!(session.started == at(0) || session.started == at(1));
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
