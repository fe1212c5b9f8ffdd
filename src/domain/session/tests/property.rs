//! The packets of a session in any order, any number of times, in one batch or in many: one row, and each octet once.

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use super::*;

foundation::battery! { order_repetition_and_batches_change_nothing }

/// Sessions that are tried on each database: each costs some ten transactions.
const CASES: u16 = 40;

/// The packets of one session as a router makes them, and the same as they may arrive, cut into batches.
#[derive(Clone, Debug)]
struct Case {
    made: Vec<Packet>,
    batches: Vec<Vec<Packet>>,
}

fn made() -> impl Strategy<Value = Vec<Packet>> {
    let steps = proptest::collection::vec((1..4_000_u32, 0..1_u32 << 30, 0..6_u32), 1..7);
    (steps, any::<bool>(), any::<bool>()).prop_map(|(steps, starts, stops)| {
        let mut packets = Vec::new();
        if starts {
            packets.push(packet(START, 0, None));
        }
        let (mut time, mut octets, mut gigawords) = (0, 0, 0);
        let last = steps.len();
        for (number, (seconds, more, words)) in (1..).zip(steps) {
            (time, octets, gigawords) = (time + seconds, octets + more / 8, gigawords + words);
            let status = if stops && number == last { STOP } else { INTERIM };
            packets.push(packet(status, time.into(), Some(time)).downloading(octets, Some(gigawords)));
        }
        packets
    })
}

fn case() -> impl Strategy<Value = Case> {
    (made(), any::<u64>(), any::<u64>()).prop_flat_map(|(made, again, cuts)| {
        let mut arrived = made.clone();
        for (number, packet) in (0_u32..).zip(&made) {
            if again >> number & 1 == 1 {
                // A retransmission comes later and says so (RFC 2866 §5.2).
                let delay = number + 1;
                let received = packet.received + i64::from(delay);
                arrived.push(Packet { received, ..packet.clone() }.with(41, &delay.to_be_bytes()));
            }
        }
        (Just(made), Just(arrived).prop_shuffle()).prop_map(move |(made, arrived)| {
            let mut batches = vec![Vec::new()];
            for (number, packet) in arrived.into_iter().enumerate() {
                if cuts >> number & 1 == 1 {
                    batches.push(Vec::new());
                }
                batches.last_mut().unwrap().push(packet);
            }
            Case { made, batches }
        })
    })
}

/// RFC 2869 §2.1, RFC 5080 §2.3.2.
async fn order_repetition_and_batches_change_nothing(db: TestDb) {
    let world = World::new(db).await;
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let mut last_usage = 0;
    for number in 0..CASES {
        let case = case().new_tree(&mut runner).unwrap().current();
        let cookie = number % 2 == 0;
        // The same session on two routers: in order and at once on one, as it arrives on the other.
        let on = |packet: &Packet, router: u16, session: u16| {
            let packet = packet.clone().on(router);
            if cookie { packet.with_cookie(session) } else { packet }
        };
        let (one, two) = (number * 2 + 101, number * 2 + 102);
        world.take(&case.made.iter().map(|packet| on(packet, one, one)).collect::<Vec<_>>()).await;
        let used = world.usage_of(2, if cookie { 1 } else { 2 }).await;
        for batch in &case.batches {
            world.take(&batch.iter().map(|packet| on(packet, two, two)).collect::<Vec<_>>()).await;
        }
        let expected = world.row_on(one).await;
        let found = world.row_on(two).await;
        let blank = |row: StoredSession| StoredSession { id: session(0), router: router(0), ..row };
        assert_eq!(blank(found.clone()), blank(expected), "{case:#?}");
        let both = world.usage_of(2, if cookie { 1 } else { 2 }).await;
        let download = i64::try_from(found.usage.download).unwrap();
        assert_eq!(both - used, download, "{case:#?}");
        last_usage += 2 * download;
    }
    assert_eq!(world.usage_of(2, 1).await + world.usage_of(2, 2).await, last_usage);
    assert_eq!(world.refused().await, 0);
}

impl World {
    /// The only session on a router of tenant 2.
    async fn row_on(&self, number: u16) -> StoredSession {
        let mut conn = self.db.conn().await.unwrap();
        let filter = Filter { router: Some(router(number)), ..Filter::default() };
        let page = list(&mut conn, &self.scope(2), &filter, &PageRequest::new(None, None)).await.unwrap();
        let [row] = page.rows.try_into().unwrap();
        row
    }

    /// Octets that a subscriber of tenant 2 downloaded.
    async fn usage_of(&self, number: u16, whose: u16) -> i64 {
        let mut conn = self.db.conn().await.unwrap();
        let whole = (at(-1_000_000), at(10_000_000));
        usage(&mut conn, &self.scope(number), subscriber(whose), whole.0, whole.1).await.unwrap().1
    }
}
