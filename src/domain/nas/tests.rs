//! Every store function of routers, on both databases.

use std::net::IpAddr;

use base::{RouterId, Scope, SecretString, TenantId, page::PageRequest, seal::Sealer};
use foundation::{
    audit,
    testing::{NOW, TestDb},
};

use super::*;
use crate::domain::tenant::{self, TenantSpec};

foundation::battery! {
    a_router_is_added_found_and_listed,
    routers_at_one_address_need_different_secrets,
    two_who_add_the_same_at_once_do_not_both_succeed,
    changes_are_versioned,
    secrets_are_sealed_and_every_look_is_noted,
    what_was_seen_stands_apart,
    the_directory_reads_what_is_stored,
}

fn sealer() -> Sealer {
    Sealer::new([(1, [7; 32])]).unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn secret(text: &str) -> Option<SecretString> {
    Some(SecretString::new(text.into()))
}

async fn tenant(db: &TestDb, slug: &str) -> Scope {
    let mut tx = db.begin().await.unwrap();
    let tenant = tenant::create(&mut tx, &db.platform(), TenantSpec::new(slug, slug)).await.unwrap();
    tx.commit().await.unwrap();
    db.platform().within(tenant.id)
}

async fn added(
    db: &TestDb,
    scope: &Scope,
    name: &str,
    at: &str,
    wanted: &str,
) -> Result<Router, CreateError> {
    let mut tx = db.begin().await.unwrap();
    let spec = RouterSpec::new(name, [address(at)]);
    let created = create(&mut tx, scope, &sealer(), spec, secret(wanted)).await?;
    tx.commit().await.unwrap();
    Ok(created.router)
}

async fn a_router_is_added_found_and_listed(db: TestDb) {
    let scope = tenant(&db, "warga").await;
    let first = added(&db, &scope, "core", "192.0.2.1", "secret-one").await.unwrap();
    let second = added(&db, &scope, "edge", "2001:db8::1", "secret-one").await.unwrap();
    assert!(matches!(
        added(&db, &scope, "core", "192.0.2.9", "secret-two").await,
        Err(CreateError::NameTaken)
    ));
    let short = added(&db, &scope, "short", "192.0.2.9", "short").await;
    assert!(matches!(short, Err(CreateError::Invalid(invalid)) if invalid.field == "secret"));

    let other = tenant(&db, "desa").await;
    added(&db, &other, "core", "192.0.2.2", "secret-one").await.unwrap();
    let mut conn = db.conn().await.unwrap();
    assert_eq!(
        load(&mut conn, &scope, first.id).await.unwrap(),
        Observed { router: first.clone(), observation: None }
    );
    assert!(matches!(load(&mut conn, &other, first.id).await, Err(LoadError::NotFound)), "another tenant's");
    let mut expected = [first.id, second.id];
    expected.sort();
    let page = list(&mut conn, &scope, &PageRequest::new(Some(1), None)).await.unwrap();
    assert_eq!(page.rows[0].router.id, expected[0]);
    let page = list(&mut conn, &scope, &PageRequest::new(Some(1), page.next)).await.unwrap();
    assert_eq!((page.rows[0].router.id, page.next), (expected[1], None));
    drop(conn);

    let mut tx = db.begin().await.unwrap();
    assert!(matches!(delete(&mut tx, &other, first.id).await, Err(DeleteError::NotFound)));
    delete(&mut tx, &scope, first.id).await.unwrap();
    assert!(matches!(delete(&mut tx, &scope, first.id).await, Err(DeleteError::NotFound)));
    tx.commit().await.unwrap();
    added(&db, &scope, "core", "192.0.2.1", "secret-one").await.unwrap();
}

async fn routers_at_one_address_need_different_secrets(db: TestDb) {
    let (one, two) = (tenant(&db, "one").await, tenant(&db, "two").await);
    added(&db, &one, "core", "192.0.2.1", "secret-one").await.unwrap();
    let refused = added(&db, &two, "core", "::ffff:192.0.2.1", "secret-one").await.unwrap_err();
    assert!(matches!(refused, CreateError::Secret(SecretError::Ambiguous)));
    assert!(
        !format!("{refused:?} {refused}").contains(&one.tenant().to_string()),
        "whose it is stays unsaid"
    );
    let router = added(&db, &two, "core", "192.0.2.1", "secret-two").await.unwrap();
    let elsewhere = added(&db, &two, "edge", "192.0.2.2", "secret-one").await.unwrap();

    let mut tx = db.begin().await.unwrap();
    let refused = set_secret(&mut tx, &two, &sealer(), router.id, secret("secret-one")).await;
    assert!(matches!(refused, Err(SecretError::Ambiguous)));
    set_secret(&mut tx, &two, &sealer(), router.id, secret("secret-two")).await.unwrap();
    let moved = RouterSpec { addresses: vec![address("192.0.2.1")], ..elsewhere.spec.clone() };
    let refused = update(&mut tx, &two, &sealer(), elsewhere.id, None, moved.clone()).await;
    assert!(matches!(refused, Err(UpdateError::Secret(SecretError::Ambiguous))));
    set_secret(&mut tx, &two, &sealer(), elsewhere.id, None).await.unwrap();
    update(&mut tx, &two, &sealer(), elsewhere.id, None, moved).await.unwrap();
    tx.commit().await.unwrap();
}

async fn two_who_add_the_same_at_once_do_not_both_succeed(db: TestDb) {
    let (one, two) = (tenant(&db, "one").await, tenant(&db, "two").await);
    let (first, second) = tokio::join!(
        added(&db, &one, "core", "192.0.2.1", "secret-one"),
        added(&db, &two, "core", "192.0.2.1", "secret-one"),
    );
    let refused = |outcome: &Result<Router, CreateError>| {
        matches!(outcome, Err(CreateError::Secret(SecretError::Ambiguous)))
    };
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert!(refused(&first) || refused(&second), "{first:?} {second:?}");
}

async fn changes_are_versioned(db: TestDb) {
    let scope = tenant(&db, "warga").await;
    let router = added(&db, &scope, "core", "192.0.2.1", "secret-one").await.unwrap();
    added(&db, &scope, "edge", "192.0.2.2", "secret-one").await.unwrap();
    let spec = RouterSpec {
        addresses: vec![address("192.0.2.3"), address("2001:db8::3")],
        message_authenticator: MessageAuthenticator::Off,
        reject_delay_ms: 0,
        octets: OctetDirection::InputIsDownload,
        change_way: ChangeWay::Disconnect,
        dynauth_address: Some(address("10.8.0.2")),
        dynauth_port: 1_700,
        dynauth_event_timestamp: true,
        location: "Rack 3".into(),
        ..router.spec.clone()
    };
    let mut tx = db.begin().await.unwrap();
    let changed =
        update(&mut tx, &scope, &sealer(), router.id, Some(router.version), spec.clone()).await.unwrap();
    let late = update(&mut tx, &scope, &sealer(), router.id, Some(router.version), spec.clone()).await;
    assert!(matches!(late, Err(UpdateError::Stale(_))));
    let taken = RouterSpec { name: "edge".into(), ..spec.clone() };
    let taken = update(&mut tx, &scope, &sealer(), router.id, None, taken).await;
    assert!(matches!(taken, Err(UpdateError::NameTaken)));
    let missing = update(&mut tx, &scope, &sealer(), RouterId::generate(NOW), None, spec.clone()).await;
    assert!(matches!(missing, Err(UpdateError::NotFound)));
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let read = load(&mut conn, &scope, router.id).await.unwrap().router;
    assert_eq!((&read, &read.spec), (&changed, &spec));
}

async fn secrets_are_sealed_and_every_look_is_noted(db: TestDb) {
    let scope = tenant(&db, "warga").await;
    let mut tx = db.begin().await.unwrap();
    let spec = RouterSpec::new("core", [address("192.0.2.1")]);
    let created = create(&mut tx, &scope, &sealer(), spec, None).await.unwrap();
    let seen = reveal_secret(&mut tx, &scope, &sealer(), created.router.id).await.unwrap();
    assert_eq!(seen, created.secret);
    let stranger = Sealer::new([(1, [8; 32])]).unwrap();
    let wrong_key = reveal_secret(&mut tx, &scope, &stranger, created.router.id).await;
    assert!(matches!(wrong_key, Err(SecretError::Sealed(_))));
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let sealed = store::sealed_secret(&mut conn, &scope, created.router.id).await.unwrap().unwrap();
    let clear = created.secret.expose();
    assert!(!sealed.windows(clear.len()).any(|window| window == clear.as_bytes()));
    let trail = audit::list(&mut conn, &scope, &audit::Filter::default(), &PageRequest::new(None, None))
        .await
        .unwrap();
    assert_eq!(trail.rows[0].act, "router.reveal_secret");
    assert!(!format!("{:?}", trail.rows).contains(clear));
}

async fn what_was_seen_stands_apart(db: TestDb) {
    let scope = tenant(&db, "warga").await;
    let router = added(&db, &scope, "core", "192.0.2.1", "secret-one").await.unwrap();
    let seen = |millis: i64, signed: bool| Observation {
        last_seen_at: Timestamp::from_millis(millis),
        source_address: address("192.0.2.1"),
        local_address: signed.then(|| address("198.51.100.1")),
        with_message_authenticator_at: signed.then_some(Timestamp::from_millis(millis)),
        without_message_authenticator_at: (!signed).then_some(Timestamp::from_millis(millis)),
    };
    let mut tx = db.begin().await.unwrap();
    observe(&mut tx, &scope, router.id, &seen(1_000, true)).await.unwrap();
    observe(&mut tx, &scope, router.id, &seen(2_000, false)).await.unwrap();
    observe_all(&mut tx, &db.platform(), &[(scope.tenant(), router.id, seen(1_500, true))]).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let read = load(&mut conn, &scope, router.id).await.unwrap();
    assert_eq!(read.router.version, router.version, "nothing is wanted otherwise");
    let expected = Observation {
        with_message_authenticator_at: Some(Timestamp::from_millis(1_000)),
        local_address: Some(address("198.51.100.1")),
        ..seen(2_000, false)
    };
    assert_eq!(read.observation, Some(expected.clone()));
    let page = list(&mut conn, &scope, &PageRequest::new(None, None)).await.unwrap();
    assert_eq!(page.rows[0].observation, Some(expected.clone()));
    drop(conn);
    let other = tenant(&db, "desa").await;
    let second = added(&db, &other, "core", "192.0.2.9", "secret-two").await.unwrap();
    let gone = added(&db, &other, "gone", "192.0.2.9", "secret-three").await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let all = [second.id, gone.id].map(|id| (other.tenant(), id, seen(3_000, true)));
    observe_all(&mut tx, &db.platform(), &all).await.unwrap();
    delete(&mut tx, &other, gone.id).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let mut read = Vec::new();
    observations(&mut conn, &db.platform(), |tenant, id, seen| read.push((tenant, id, seen))).await.unwrap();
    let mut all = vec![(scope.tenant(), router.id, expected), (other.tenant(), second.id, seen(3_000, true))];
    all.sort_by_key(|(tenant, id, _)| (*tenant, *id));
    assert_eq!(read, all, "every tenant's, but those that were removed");
    drop(conn);
    let mut tx = db.begin().await.unwrap();
    assert!(observe(&mut tx, &scope, RouterId::generate(NOW), &seen(1, true)).await.is_err());
}

async fn the_directory_reads_what_is_stored(db: TestDb) {
    let (one, two) = (tenant(&db, "one").await, tenant(&db, "two").await);
    let router = added(&db, &one, "core", "192.0.2.1", "secret-one").await.unwrap();
    added(&db, &two, "core", "192.0.2.1", "secret-two").await.unwrap();
    let gone = added(&db, &two, "gone", "192.0.2.2", "secret-two").await.unwrap();
    let mut tx = db.begin().await.unwrap();
    delete(&mut tx, &two, gone.id).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let entry = directory_entry(&mut conn, &one, &sealer(), router.id).await.unwrap().unwrap();
    assert_eq!((entry.tenant, &*entry.name), (one.tenant(), "core"));
    assert_eq!(entry.secret.expose(), b"secret-one");
    assert_eq!(*entry.addresses, [address("192.0.2.1")]);
    assert!(directory_entry(&mut conn, &two, &sealer(), gone.id).await.unwrap().is_none());
    assert!(
        directory_entry(&mut conn, &two, &sealer(), router.id).await.unwrap().is_none(),
        "another tenant's"
    );
    let mut secrets = Vec::new();
    directory_entries(&mut conn, &db.platform(), &sealer(), |entry| {
        secrets.push(entry.secret.expose().to_vec());
    })
    .await
    .unwrap();
    secrets.sort();
    assert_eq!(secrets, [b"secret-one".to_vec(), b"secret-two".to_vec()]);
    let stranger = Sealer::new([(2, [7; 32])]).unwrap();
    let mut readable = 0;
    directory_entries(&mut conn, &db.platform(), &stranger, |_| readable += 1).await.unwrap();
    assert_eq!(readable, 0, "none of them stops the rest");
    let nobody = db.platform().within(TenantId::generate(NOW));
    assert!(directory_entry(&mut conn, &nobody, &sealer(), router.id).await.unwrap().is_none());
}
