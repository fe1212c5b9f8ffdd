//! Lists, the search box, and what the directory reads.

use super::*;
use crate::domain::subscriber::store::list::listed;

foundation::battery! {
    lists_are_filtered_and_paged,
    the_search_box_finds_beginnings,
    the_directory_reads_what_is_stored,
    all_subscribers_are_handed_over_with_their_overlay,
}

async fn lists_are_filtered_and_paged(db: TestDb) {
    let rig = Rig::new(db).await;
    let router = rig.router("core").await;
    let (other, other_plan) = rig.another_tenant().await;
    rig.make(&other, named("zz-other", other_plan)).await.unwrap();
    let spec = SubscriberSpec { router: Some(router), ..full(&rig, router) };
    let bound =
        rig.make(&rig.scope, NewSubscriber { spec, ..named("full", rig.plan) }).await.unwrap().subscriber;
    let mut made = vec![bound.clone()];
    for username in ["andi", "Budi", "budi-2", "citra"] {
        made.push(rig.subscriber(username).await);
    }
    rig.isolate(made[1].id, OverlayReason::Quota).await;
    let mut tx = rig.tx().await;
    suspend(&mut tx, &rig.scope, made[4].id, None).await.unwrap();
    tx.commit().await.unwrap();

    let mut conn = rig.db.conn().await.unwrap();
    let mut names = Vec::new();
    let mut next = None;
    loop {
        let request = PageRequest::new(Some(2), next);
        let page = list(&mut conn, &rig.scope, &Filter::default(), &request).await.unwrap();
        names.extend(page.rows.into_iter().map(|row| row.subscriber.spec.username));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(names, ["Budi", "andi", "budi-2", "citra", "full"], "octet by octet on both databases");
    let everything = Filter::default();
    for (filter, expected) in [
        (Filter { status: Some(Status::Suspended), ..everything.clone() }, vec!["citra"]),
        (Filter { service: Some(ServiceType::Ppp), ..everything.clone() }, vec!["full"]),
        (Filter { plan: Some(other_plan), ..everything.clone() }, vec![]),
        (Filter { router: Some(router), ..everything.clone() }, vec!["full"]),
        (Filter { customer: Some(bound.customer), ..everything.clone() }, vec!["full"]),
        (Filter { isolated: Some(true), ..everything.clone() }, vec!["andi"]),
        (Filter { isolated: Some(false), ..everything.clone() }, vec!["Budi", "budi-2", "citra", "full"]),
        (Filter { reason: Some(OverlayReason::Quota), ..everything.clone() }, vec!["andi"]),
        (Filter { reason: Some(OverlayReason::Unpaid), ..everything.clone() }, vec![]),
        (
            Filter { expires_before: Some(Timestamp::from_millis(i64::MAX)), ..everything.clone() },
            vec!["full"],
        ),
        (Filter { username_prefix: Some("budi".into()), ..everything.clone() }, vec!["budi-2"]),
    ] {
        let page = list(&mut conn, &rig.scope, &filter, &PageRequest::new(None, None)).await.unwrap();
        let names: Vec<&str> = page.rows.iter().map(|row| row.subscriber.spec.username.as_str()).collect();
        assert_eq!(names, expected, "{filter:?}");
    }
    let page =
        list(&mut conn, &rig.scope, &Filter::default(), &PageRequest::new(Some(1), None)).await.unwrap();
    assert_eq!(
        (page.rows[0].customer_name.as_str(), page.rows[0].plan_name.as_str()),
        ("Budi Santoso", "Home")
    );
    let broken = PageRequest::new(None, Some("not a cursor".into()));
    assert!(matches!(list(&mut conn, &rig.scope, &everything, &broken).await, Err(ListError::Cursor)));
}

async fn the_search_box_finds_beginnings(db: TestDb) {
    let rig = Rig::new(db).await;
    let (other, other_plan) = rig.another_tenant().await;
    let customer = |name: &str, phone: &str| CustomerChoice::New {
        spec: CustomerSpec { phone: Some(phone.into()), ..CustomerSpec::named(name) },
        identity_number: None,
    };
    for (username, name, phone) in [
        ("wn-001", "Siti Nurhaliza", "0812-1111"),
        ("wn-002", "Agus Salim", "+62 812 2222"),
        ("siti02", "Joko Widodo", "021-333"),
    ] {
        let new = NewSubscriber { customer: customer(name, phone), ..named(username, rig.plan) };
        rig.make(&rig.scope, new).await.unwrap();
    }
    let new = NewSubscriber { customer: customer("Siti Other", "0812"), ..named("siti-other", other_plan) };
    rig.make(&other, new).await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    for (text, expected) in [
        ("siti", vec!["siti02", "wn-001"]),
        (" SITI  nur ", vec!["wn-001"]),
        ("wn-", vec!["wn-001", "wn-002"]),
        ("0812", vec!["wn-001", "wn-002"]),
        ("+62812", vec!["wn-001", "wn-002"]),
        ("nur", vec![]),
        ("  ", vec![]),
        ("%", vec![]),
    ] {
        let hits = search(&mut conn, &rig.scope, text, 10).await.unwrap();
        let names: Vec<&str> = hits.iter().map(|hit| hit.subscriber.spec.username.as_str()).collect();
        assert_eq!(names, expected, "{text:?}");
    }
    assert_eq!(search(&mut conn, &rig.scope, "wn-", 1).await.unwrap().len(), 1);
}

async fn the_directory_reads_what_is_stored(db: TestDb) {
    let rig = Rig::new(db).await;
    let router = rig.router("core").await;
    let new = NewSubscriber { spec: full(&rig, router), ..named("full", rig.plan) };
    let subscriber = rig.make(&rig.scope, new).await.unwrap().subscriber;
    rig.isolate(subscriber.id, OverlayReason::Unpaid).await;
    let mut conn = rig.db.conn().await.unwrap();
    let entry = directory_entry(&mut conn, &rig.scope, &rig.sealer, subscriber.id).await.unwrap().unwrap();
    assert_eq!(
        (entry.tenant, entry.plan, &*entry.username),
        (rig.scope.tenant(), rig.plan, b"full".as_slice())
    );
    assert!(matches!(&entry.password, entry::Password::Clear(secret) if secret.expose() == b"hunter2"));
    assert_eq!((entry.standing, entry.service), (entry::Standing::Active, entry::ServiceType::Ppp));
    assert_eq!((entry.overlay.0, entry.overlay_generation), (entry::OverlayReasons::UNPAID, 1));
    assert!(matches!(&entry.mac_lock, entry::MacLock::To(macs) if macs.len() == 2));
    assert_eq!((entry.router, entry.static_address), (Some(router), Some(Ipv4Addr::new(10, 0, 0, 5))));
    assert_eq!(entry.ipv6_prefix.map(|(_, length)| length), Some(64));
    assert_eq!(entry.delegated_ipv6_prefix.map(|(_, length)| length), Some(56));
    assert_eq!((entry.routes.len(), entry.simultaneous), (1, Some(3)));
    assert_eq!(*entry.attributes, *b"\x1a\x0c\x00\x00\x3a\x8c\x0b\x06gold");
    let stranger = Sealer::new([(2, [7; 32])]).unwrap();
    let unreadable = directory_entry(&mut conn, &rig.scope, &stranger, subscriber.id).await.unwrap();
    assert!(unreadable.is_none());
    let nobody = rig.db.platform().within(TenantId::generate(NOW));
    assert!(directory_entry(&mut conn, &nobody, &rig.sealer, subscriber.id).await.unwrap().is_none());
    drop(conn);
    let mut tx = rig.tx().await;
    delete(&mut tx, &rig.scope, subscriber.id, None).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    assert!(directory_entry(&mut conn, &rig.scope, &rig.sealer, subscriber.id).await.unwrap().is_none());
}

async fn all_subscribers_are_handed_over_with_their_overlay(db: TestDb) {
    let rig = Rig::new(db).await;
    let (other, other_plan) = rig.another_tenant().await;
    let mut made = Vec::new();
    for at in 0..20 {
        made.push(rig.subscriber(&format!("user{at}")).await.id);
    }
    rig.make(&other, named("user0", other_plan)).await.unwrap();
    for (at, reason) in [
        (3, OverlayReason::Unpaid),
        (3, OverlayReason::Abuse),
        (7, OverlayReason::Manual),
        (9, OverlayReason::Quota),
    ] {
        rig.isolate(made[at], reason).await;
    }
    let mut tx = rig.tx().await;
    delete(&mut tx, &rig.scope, made[7], None).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    assert_eq!(count(&mut conn, &rig.db.platform()).await.unwrap(), 20);
    let mut entries = Vec::new();
    directory_entries(&mut conn, &rig.db.platform(), &rig.sealer, |entry| entries.push(entry)).await.unwrap();
    assert_eq!(entries.len(), 20);
    let overlay = |id: SubscriberId| entries.iter().find(|entry| entry.id == id).map(|entry| entry.overlay.0);
    assert_eq!(overlay(made[3]), Some(entry::OverlayReasons::UNPAID | entry::OverlayReasons::ABUSE));
    assert_eq!(overlay(made[7]), None, "deleted, and its overlay is nobody else's");
    assert_eq!(overlay(made[9]), Some(entry::OverlayReasons::QUOTA));
    let isolated = entries.iter().filter(|entry| entry.overlay.isolated()).count();
    assert_eq!(isolated, 2);
    for pair in entries.windows(2) {
        assert!((pair[0].tenant, pair[0].id) < (pair[1].tenant, pair[1].id), "in order");
    }
    let stranger = Sealer::new([(2, [7; 32])]).unwrap();
    let mut readable = 0;
    directory_entries(&mut conn, &rig.db.platform(), &stranger, |_| readable += 1).await.unwrap();
    assert_eq!(readable, 0);
}

/// SQLite keeps no statistics: what it reads depends on the statement and the indexes' shapes alone.
#[test]
fn sqlite_reads_each_filter_from_its_index() {
    foundation::testing::on_sqlite(async |db: TestDb| {
        let rig = Rig::new(db).await;
        let router = rig.router("core").await;
        let everything = Filter::default();
        let mut conn = rig.db.conn().await.unwrap();
        for (index, filter) in [
            ("subscriber_username", everything.clone()),
            ("subscriber_username", Filter { username_prefix: Some("budi".into()), ..everything.clone() }),
            ("subscriber_status", Filter { status: Some(Status::Suspended), ..everything.clone() }),
            ("subscriber_service", Filter { service: Some(ServiceType::Ppp), ..everything.clone() }),
            ("subscriber_plan", Filter { plan: Some(rig.plan), ..everything.clone() }),
            (
                "subscriber_plan_status",
                Filter { plan: Some(rig.plan), status: Some(Status::Active), ..everything.clone() },
            ),
            ("subscriber_router", Filter { router: Some(router), ..everything.clone() }),
            ("subscriber_isolated", Filter { isolated: Some(true), ..everything.clone() }),
            ("subscriber_isolated", Filter { reason: Some(OverlayReason::Quota), ..everything.clone() }),
            (
                "subscriber_expires",
                Filter { expires_before: Some(Timestamp::from_millis(0)), ..everything.clone() },
            ),
        ] {
            for after in [None, Some("andi")] {
                let plan = listed(&mut conn, &rig.scope, &filter, after, 50).plan().await.unwrap();
                assert!(plan.contains(&format!("SEARCH s USING INDEX {index} (")), "{index}: {plan}");
                assert!(!plan.contains("ORDER BY"), "{index}: {plan}");
            }
        }
    });
}
