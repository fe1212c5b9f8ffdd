//! Who had an address when, lists page by page, and the months of PostgreSQL.

use foundation::db::dialect;

use super::{
    super::{
        housekeeping,
        store::{
            lists::{Held, Wanted, holding, listed},
            rows::{Key, by},
        },
    },
    *,
};

foundation::battery! {
    who_had_an_address_at_a_moment,
    an_ipv6_address_is_found_by_its_prefixes,
    lists_are_paged_and_filtered,
    each_search_is_read_from_its_index,
    many_are_looked_up_by_their_index_before_anything_is_analyzed,
    months_have_partitions,
}

async fn holders(world: &World, number: u16, address: &str, seconds: i64) -> Vec<String> {
    let mut conn = world.db.conn().await.unwrap();
    let rows =
        at_address(&mut conn, &world.scope(number), address.parse().unwrap(), at(seconds)).await.unwrap();
    rows.into_iter().map(|row| row.acct_session_id).collect()
}

async fn who_had_an_address_at_a_moment(db: TestDb) {
    let world = World::new(db).await;
    let first = |status, seconds, time| packet(status, seconds, time).named(b"8100000a");
    world
        .take(&[
            first(START, 100, None),
            first(STOP, 200, Some(100)),
            packet(START, 200, None).named(b"8100000b"),
            packet(START, 100, None).named(b"8100000c").with(8, &[10, 1, 0, 8]),
            packet(START, 0, None).on(100),
        ])
        .await;
    let held = async |seconds| holders(&world, 1, "10.1.0.7", seconds).await;
    assert!(held(99).await.is_empty());
    for seconds in [100, 150, 199] {
        assert_eq!(held(seconds).await, ["8100000a"]);
    }
    assert_eq!(held(200).await, ["8100000b", "8100000a"], "within one millisecond both did");
    assert_eq!(held(201).await, ["8100000b"]);
    assert_eq!(held(1_000_000).await, ["8100000b"], "open to this day");
    assert_eq!(
        holders(&world, 1, "::ffff:10.1.0.8", 150).await,
        ["8100000c"],
        "an IPv4 address in IPv6's clothes"
    );
    assert_eq!(holders(&world, 2, "10.1.0.7", 150).await, ["8100000c"], "the other tenant's own");
    assert!(holders(&world, 2, "10.1.0.8", 150).await.is_empty());
}

/// An address as it stands behind prefix attributes: RFC 3162 §2.3, RFC 4818 §3.
fn prefix(length: u8, text: &str) -> Vec<u8> {
    let address: std::net::Ipv6Addr = text.parse().unwrap();
    [&[0, length], &address.octets()[..]].concat()
}

async fn an_ipv6_address_is_found_by_its_prefixes(db: TestDb) {
    let world = World::new(db).await;
    let address: std::net::Ipv6Addr = "2001:db8::1:5".parse().unwrap();
    world
        .take(&[
            packet(START, 0, None).named(b"framed address").with(168, &address.octets()),
            packet(START, 0, None).named(b"framed prefix").with(97, &prefix(64, "2001:db8:0:7::")),
            packet(START, 0, None).named(b"delegated 56").with(123, &prefix(56, "2001:db8:0:100::")),
            packet(START, 0, None).named(b"delegated 59").with(123, &prefix(59, "2001:db8:0:220::1")),
            packet(STOP, 60, Some(60)).named(b"framed prefix"),
        ])
        .await;
    let held = async |address: &str| holders(&world, 1, address, 30).await;
    assert_eq!(held("2001:db8::1:5").await, ["framed address"]);
    assert_eq!(held("2001:db8:0:7:a:b:c:d").await, ["framed prefix"]);
    assert_eq!(held("2001:db8:0:1ff::9").await, ["delegated 56"]);
    assert_eq!(held("2001:db8:0:23f::9").await, ["delegated 59"]);
    assert!(held("2001:db8:0:240::9").await.is_empty());
    assert!(held("2001:db8::1:6").await.is_empty());
    assert!(holders(&world, 1, "2001:db8:0:7::1", 61).await.is_empty());
}

async fn lists_are_paged_and_filtered(db: TestDb) {
    let world = World::new(db).await;
    let mut packets: Vec<Packet> =
        (0..10_u8).map(|number| packet(START, i64::from(number / 4), None).named(&[number])).collect();
    packets.push(packet(STOP, 60, Some(60)).named(&[3]));
    packets.push(packet(START, 0, None).by(b"other", 9).on(2));
    packets.push(packet(START, 0, None).on(100));
    world.take(&packets).await;
    let mut conn = world.db.conn().await.unwrap();
    let scope = world.scope(1);
    let mut told = async |filter: Filter| {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = list(&mut conn, &scope, &filter, &PageRequest::new(Some(3), after)).await.unwrap();
            assert!(page.rows.len() <= 3);
            rows.extend(page.rows);
            after = page.next;
            if after.is_none() {
                return rows;
            }
        }
    };
    let all = told(Filter::default()).await;
    assert_eq!(all.len(), 11);
    assert!(
        all.is_sorted_by(|a, b| (a.started_at, a.id) > (b.started_at, b.id)),
        "the newest first, each once"
    );
    let budi = Filter { subscriber: Some(subscriber(1)), ..Filter::default() };
    assert_eq!(told(budi).await.len(), 10);
    assert_eq!(told(Filter { open_only: true, ..budi }).await.len(), 9);
    assert_eq!(told(Filter { router: Some(router(2)), ..Filter::default() }).await.len(), 1);
    let found = find(&mut world.db.conn().await.unwrap(), &scope, all[4].id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&all[4]));
    let mut conn = world.db.conn().await.unwrap();
    assert_eq!(find(&mut conn, &world.scope(2), all[4].id).await.unwrap(), None, "another tenant's");
    for broken in ["x", "1.x", "", "9999999999999999999.0192d3b0-0000-7000-8000-000000000000"] {
        let request = PageRequest::new(None, Some(broken.into()));
        let error = list(&mut conn, &scope, &Filter::default(), &request).await.unwrap_err();
        assert!(matches!(error, ListError::Cursor), "{broken}");
    }
}

/// Sessions of tenant 1 that are over, each with all kinds of addresses; of a hundred one is on router 2, the others on router 1.
async fn fill(db: &TestDb) {
    for chunk in 0..10_i64 {
        let mut tx = db.begin().await.unwrap();
        tx.query(
            "WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $1 + 899) \
             INSERT INTO session (tenant_id, id, router_id, subscriber_id, name_hash, from_cookie, username, \
             acct_session_id, identifiers, framed_address, framed_ipv6_address, framed_ipv6_prefix, \
             delegated_ipv6_prefix, started_at, updated_at, session_seconds, upload_octets, download_octets, \
             upload_packets, download_packets, ended_at, end_cause, terminate_cause, revision) \
             SELECT $2, ",
        )
        .bind(chunk * 900)
        .bind(tenant(1))
        .push_sql(dialect("randomblob(16)", "gen_random_uuid()"))
        .push(
            ", CASE WHEN i % 100 = 0 THEN $3 ELSE $4 END, $5, i, FALSE, 'budi', '', $6, '10.1.' || i, '2001:db8::' || i, \
             '2001:db8:' || i || '::/64', '2001:db8:' || i || '::/56', $7 + i, $7 + i, 1, 0, 0, 0, 0, $7 + i + 1, \
             'stopped', 0, 1 FROM n",
        )
        .bind(router(2))
        .bind(router(1))
        .bind(subscriber(1))
        .bind(&b""[..])
        .bind(NOW)
        .execute()
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
}

/// What PostgreSQL would do by itself within a minute or so.
async fn analyze(db: &TestDb) {
    if !db.is_sqlite() {
        let mut tx = db.begin().await.unwrap();
        tx.query("ANALYZE session").execute().await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn many_are_looked_up_by_their_index_before_anything_is_analyzed(db: TestDb) {
    let plans = async || {
        let (names, ids): (Vec<i64>, _) = ((0..256).collect(), vec![SessionId::generate(NOW); 256]);
        let mut conn = db.conn().await.unwrap();
        let by_name = by(&mut conn, Key::NameHash, &names, at(0)).push(" LIMIT 4096").plan().await.unwrap();
        let by_id = by(&mut conn, Key::Id, &ids, at(0)).plan().await.unwrap();
        for (index, column, plan) in [("session_name", "name_hash", by_name), ("session_id", "id", by_id)] {
            let is_used = if db.is_sqlite() {
                plan.contains(&format!("USING INDEX {index} ({column}=?"))
            } else {
                let condition =
                    |line: &str| line.contains("Index Cond: (") && line.contains(&format!("({column} = "));
                plan.lines().filter(|line| line.contains("Index Cond: (")).all(condition)
                    && plan.lines().any(condition)
                    && !plan.contains("Seq Scan")
            };
            assert!(is_used, "{index}: {plan}");
        }
    };
    plans().await;
    fill(&db).await;
    plans().await;
}

async fn each_search_is_read_from_its_index(db: TestDb) {
    fill(&db).await;
    analyze(&db).await;
    let mut conn = db.conn().await.unwrap();
    let wanted = |subscriber, router, open_only| Wanted { subscriber, router, open_only, before: None };
    let (anybody, router) = (Some(subscriber(7)), Some(router(2)));
    let mut plans = Vec::new();
    for (index, column, wanted) in [
        ("sqlite_autoindex_session_1", "tenant_id", wanted(None, None, false)),
        ("session_router", "router_id", wanted(None, router, false)),
        ("session_open", "router_id", wanted(None, router, true)),
        ("session_subscriber", "subscriber_id", wanted(anybody, None, false)),
        ("session_subscriber", "subscriber_id", wanted(anybody, router, false)),
    ] {
        let plan = listed(&mut conn, tenant(1), &wanted, 50).plan().await.unwrap();
        assert!(!plan.contains("ORDER BY") && !plan.contains("Sort"), "{index}: {plan}");
        plans.push((index, column, plan));
    }
    let (address, prefixes) =
        (["2001:db8::7".to_owned()], row::prefixes_of("2001:db8:7::1".parse().unwrap()));
    for (index, column, held, texts) in [
        ("session_address", "framed_address", Held::Address, &address[..]),
        ("session_ipv6_address", "framed_ipv6_address", Held::Ipv6Address, &address),
        ("session_ipv6_prefix", "framed_ipv6_prefix", Held::Ipv6Prefix, &prefixes),
        ("session_delegated", "delegated_ipv6_prefix", Held::DelegatedPrefix, &prefixes),
    ] {
        let plan = holding(&mut conn, tenant(1), held, texts, at(100), 20).plan().await.unwrap();
        plans.push((index, column, plan));
    }
    for (index, column, plan) in plans {
        let is_used = if db.is_sqlite() {
            plan.contains(&format!("USING INDEX {index} "))
        } else {
            plan.lines().any(|line| line.contains("Index Cond: (") && line.contains(column))
        };
        assert!(is_used, "{index}: {plan}");
    }
}

async fn months_have_partitions(db: TestDb) {
    let world = World::new(db).await;
    let day = 86_400;
    // What is dated by a wrong clock, or comes before its month is made, is taken all the same.
    world
        .take(&[
            packet(START, 0, None).named(b"now"),
            packet(INTERIM, 0, Some(300_000_000)).named(b"nine years ago"),
            packet(START, 12 * day, None).named(b"next month"),
        ])
        .await;
    for _ in 0..2 {
        housekeeping::make_partitions(&world.db, NOW).await.unwrap();
    }
    world.take(&[packet(STOP, 60, Some(60)).named(b"now"), packet(START, 70, None).named(b"later")]).await;
    assert_eq!(world.sessions(1).await.len(), 4);
    if world.db.is_sqlite() {
        return;
    }
    let mut conn = world.db.conn().await.unwrap();
    let rows: Vec<(String, i64)> = conn
        .query("SELECT CAST(CAST(tableoid AS regclass) AS TEXT), COUNT(*) FROM session GROUP BY 1 ORDER BY 1")
        .fetch_all()
        .await
        .unwrap();
    let told: Vec<_> = rows.iter().map(|(name, count)| (name.rsplit('.').next().unwrap(), *count)).collect();
    assert_eq!(told, [("session_2026_11", 2), ("session_2026_12", 1), ("session_other", 1)]);
}
