//! Many records at once: folded in memory, written in several transactions, and the same in the end as one by one.

use super::*;

foundation::battery! {
    a_fold_that_is_cut_off_anywhere_ends_like_one_by_one,
    sessions_that_are_all_called_alike_are_applied_all_the_same,
}

const NAMES: u16 = 300;

/// What a busy minute brings: whole sessions, names that come again before and after a Stop, cookies, a lost Stop, two
/// routers and two tenants with the same names, a restart in the middle, repeated and unreadable records.
fn busy() -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut add = |made: fn(u16, Packet) -> Packet, status: u32, received: i64, time: u32, octets: u32| {
        for number in 0..NAMES {
            let router = [1, 2, 101][usize::from(number % 3)];
            let packet = packet(status, received, (status != START).then_some(time))
                .on(router)
                .named(format!("81{:06x}", number / 3).as_bytes())
                .downloading(octets * u32::from(number + 1), Some(0));
            packets.push(made(number, packet));
        }
    };
    let plain = |_, packet| packet;
    let cookie = |number: u16, packet: Packet| match number % 5 {
        0 => packet.with_cookie(number),
        _ => packet,
    };
    add(cookie, START, 0, 0, 0);
    add(cookie, INTERIM, 600, 600, 10);
    add(cookie, INTERIM, 4_200, 4_200, 25);
    // A Start under the same name, whose router told of no Stop.
    add(plain, START, 5_000, 0, 0);
    add(plain, INTERIM, 5_600, 600, 7);
    add(plain, STOP, 9_000, 4_000, 90);
    let restart = packets.len() / 2;
    packets.insert(restart, packet(ON, 4_800, None).on(2));
    packets.extend(packets[100..150].to_vec());
    packets
}

impl World {
    async fn forget_all(&self) {
        let mut tx = self.db.begin().await.unwrap();
        for statement in [
            "DELETE FROM session",
            "DELETE FROM usage_hour",
            "DELETE FROM router_restart",
            "DELETE FROM journal_refused",
        ] {
            tx.query(statement).execute().await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// All that records make, without how often and from which position.
    async fn dump(&self) -> Vec<String> {
        let mut conn = self.db.conn().await.unwrap();
        let mut rows: Vec<Row> = conn.query("SELECT * FROM session").fetch_all().await.unwrap();
        for row in &mut rows {
            row.revision = 0;
        }
        let usage: Vec<(SubscriberId, i64, i64, i64)> = conn
            .query("SELECT subscriber_id, hour, upload_octets, download_octets FROM usage_hour")
            .fetch_all()
            .await
            .unwrap();
        let restarts: Vec<(RouterId, Timestamp)> =
            conn.query("SELECT router_id, restarted_at FROM router_restart").fetch_all().await.unwrap();
        let refused: Vec<(String,)> =
            conn.query("SELECT reason FROM journal_refused").fetch_all().await.unwrap();
        let mut lines: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        lines.extend(usage.iter().map(|row| format!("{row:?}")));
        lines.extend(restarts.iter().map(|row| format!("{row:?}")));
        lines.extend(refused.iter().map(|row| format!("{row:?}")));
        lines.sort_unstable();
        lines
    }

    fn append_busy(&self, packets: &[Packet]) {
        for packet in packets {
            self.append(packet);
        }
        self.append_raw(Kind(77), 1, &packets[0], b"from the future");
        self.sync();
    }
}

/// A crash between any two statements, and the records once more: the law of the acknowledged record (RFC 2866 §4.1).
async fn a_fold_that_is_cut_off_anywhere_ends_like_one_by_one(db: TestDb) {
    let world = World::new(db).await;
    let packets = busy();
    for few in packets.chunks(7) {
        world.take(few).await;
    }
    world.append_raw(Kind(77), 1, &packets[0], b"from the future");
    world.take(&[]).await;
    let expected = world.dump().await;
    assert!(expected.len() > usize::from(NAMES) * 2, "{}", expected.len());
    let mut points = 0;
    for point in 1.. {
        world.forget_all().await;
        world.append_busy(&packets);
        world.db.faults().arm(point);
        let cut_off = world.drain.drain_now().await;
        if world.db.faults().disarm() {
            cut_off.unwrap();
            break;
        }
        world.drain.drain_now().await.unwrap();
        assert_eq!(world.position().await, i64::try_from(world.drain.journal.durable().number()).unwrap());
        let found = world.dump().await;
        let differs = expected.iter().zip(&found).find(|(one, other)| one != other);
        assert_eq!((differs, found.len()), (None, expected.len()), "cut off at point {point}");
        points = point;
    }
    // Several transactions: some of them were committed when a later one failed.
    assert!(points > 20, "{points} points");
    assert_eq!(world.dump().await, expected);
    let holds = world.db.holds();
    assert!(holds.most_rows <= db::ROWS_LIMIT, "{holds:?}");
}

/// Rows of one name stay in one transaction; where they are too many for it, the records are applied few by few.
async fn sessions_that_are_all_called_alike_are_applied_all_the_same(db: TestDb) {
    let world = World::new(db).await;
    let packets: Vec<Packet> =
        (0..1_200).map(|number| packet(START, number * 1_000, None).downloading(1, Some(0))).collect();
    world.take(&packets).await;
    let mut conn = world.db.conn().await.unwrap();
    let (count, ended): (i64, i64) =
        conn.query("SELECT COUNT(*), COUNT(ended_at) FROM session").fetch_one().await.unwrap();
    assert_eq!((count, ended, world.refused().await), (1_200, 1_199, 0));
}
