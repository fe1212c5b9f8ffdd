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
    where_another_tenant_is_secrets_are_made_and_never_chosen,
    two_tenants_who_choose_at_once_do_not_both_succeed,
    an_address_with_a_router_that_does_not_sign_is_one_tenants_alone,
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

/// Adds a router that is there with a secret of ours, and says what its policy is.
async fn joined(
    db: &TestDb,
    scope: &Scope,
    name: &str,
    at: &str,
    policy: MessageAuthenticator,
) -> Result<Created, CreateError> {
    let mut tx = db.begin().await.unwrap();
    let spec = RouterSpec { message_authenticator: policy, ..RouterSpec::new(name, [address(at)]) };
    let created = create(&mut tx, scope, &sealer(), spec, None).await?;
    tx.commit().await.unwrap();
    Ok(created)
}

async fn changed(
    db: &TestDb,
    scope: &Scope,
    router: &Router,
    spec: RouterSpec,
    secret: SecretChange,
) -> Result<Router, UpdateError> {
    let mut tx = db.begin().await.unwrap();
    let changed = update(&mut tx, scope, &sealer(), router.id, None, spec, secret).await?;
    tx.commit().await.unwrap();
    Ok(changed)
}

fn at(router: &Router, addresses: &[&str]) -> RouterSpec {
    RouterSpec { addresses: addresses.iter().copied().map(address).collect(), ..router.spec.clone() }
}

async fn routers_at_one_address_need_different_secrets(db: TestDb) {
    let scope = tenant(&db, "one").await;
    added(&db, &scope, "core", "192.0.2.1", "secret-one").await.unwrap();
    let refused = added(&db, &scope, "edge", "::ffff:192.0.2.1", "secret-one").await.unwrap_err();
    assert!(matches!(refused, CreateError::Sharing(SharingError::Equal)));
    let router = added(&db, &scope, "edge", "192.0.2.1", "secret-two").await.unwrap();
    let elsewhere = added(&db, &scope, "hill", "192.0.2.2", "secret-one").await.unwrap();

    let mut tx = db.begin().await.unwrap();
    let refused = set_secret(&mut tx, &scope, &sealer(), router.id, secret("secret-one")).await;
    assert!(matches!(refused, Err(SecretError::Sharing(SharingError::Equal))));
    set_secret(&mut tx, &scope, &sealer(), router.id, secret("secret-two")).await.unwrap();
    tx.commit().await.unwrap();
    let moved = at(&elsewhere, &["192.0.2.1"]);
    let refused = changed(&db, &scope, &elsewhere, moved.clone(), SecretChange::Keep).await;
    assert!(matches!(refused, Err(UpdateError::Sharing(SharingError::Equal))));
    changed(&db, &scope, &elsewhere, moved, SecretChange::Generate).await.unwrap();
}

async fn two_who_add_the_same_at_once_do_not_both_succeed(db: TestDb) {
    let scope = tenant(&db, "one").await;
    let (first, second) = tokio::join!(
        added(&db, &scope, "core", "192.0.2.1", "secret-one"),
        added(&db, &scope, "edge", "192.0.2.1", "secret-one"),
    );
    let refused = |outcome: &Result<Router, CreateError>| {
        matches!(outcome, Err(CreateError::Sharing(SharingError::Equal)))
    };
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert!(refused(&first) || refused(&second), "{first:?} {second:?}");
}

async fn two_tenants_who_choose_at_once_do_not_both_succeed(db: TestDb) {
    let (one, two) = (tenant(&db, "one").await, tenant(&db, "two").await);
    let (first, second) = tokio::join!(
        added(&db, &one, "core", "192.0.2.1", "secret-one"),
        added(&db, &two, "core", "192.0.2.1", "secret-two"),
    );
    let refused = |outcome: &Result<Router, CreateError>| {
        matches!(outcome, Err(CreateError::Sharing(SharingError::Chosen)))
    };
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert!(refused(&first) || refused(&second), "{first:?} {second:?}");
}

async fn where_another_tenant_is_secrets_are_made_and_never_chosen(db: TestDb) {
    let (one, two) = (tenant(&db, "one").await, tenant(&db, "two").await);
    let first = added(&db, &one, "core", "192.0.2.1", "secret-one").await.unwrap();
    let mut words = Vec::new();
    // A right guess and a wrong one.
    for guess in ["secret-one", "secret-two"] {
        let refused = added(&db, &two, "core", "::ffff:192.0.2.1", guess).await.unwrap_err();
        assert!(matches!(refused, CreateError::Sharing(SharingError::Chosen)), "{guess}: {refused}");
        words.push(format!("{refused} {refused:?}"));
    }
    assert_eq!(words[0], words[1], "both are told the same");
    assert!(!words[0].contains(&one.tenant().to_string()), "whose it is stays unsaid");

    let beside = joined(&db, &two, "core", "192.0.2.1", MessageAuthenticator::Required).await.unwrap();
    assert_ne!(beside.secret.expose(), "secret-one");
    for (scope, router) in [(&two, &beside.router), (&one, &first)] {
        for guess in ["secret-one", "secret-two"] {
            let mut tx = db.begin().await.unwrap();
            let refused = set_secret(&mut tx, scope, &sealer(), router.id, secret(guess)).await;
            assert!(
                matches!(refused, Err(SecretError::Sharing(SharingError::Chosen))),
                "{guess}: {refused:?}"
            );
        }
        let mut tx = db.begin().await.unwrap();
        set_secret(&mut tx, scope, &sealer(), router.id, None).await.unwrap();
        tx.commit().await.unwrap();
    }

    let elsewhere = added(&db, &two, "edge", "192.0.2.2", "secret-one").await.unwrap();
    let both = at(&elsewhere, &["192.0.2.1", "192.0.2.2"]);
    let refused = changed(&db, &two, &elsewhere, both.clone(), SecretChange::Keep).await;
    assert!(matches!(refused, Err(UpdateError::Sharing(SharingError::Chosen))), "{refused:?}");
    let came = changed(&db, &two, &elsewhere, both.clone(), SecretChange::Generate).await.unwrap();
    assert_eq!((&came.spec, came.version), (&both, elsewhere.version.next()));
    let mut tx = db.begin().await.unwrap();
    let fresh = reveal_secret(&mut tx, &two, &sealer(), elsewhere.id).await.unwrap();
    assert_eq!(fresh.expose().len(), 32);
    drop(tx);
    // What is there already may go on, and leave.
    let named = RouterSpec { name: "hill".into(), ..both };
    let named = changed(&db, &two, &came, named, SecretChange::Keep).await.unwrap();
    changed(&db, &two, &named, at(&named, &["192.0.2.1"]), SecretChange::Keep).await.unwrap();
}

async fn an_address_with_a_router_that_does_not_sign_is_one_tenants_alone(db: TestDb) {
    use MessageAuthenticator::{Off, Required};
    let (one, two) = (tenant(&db, "one").await, tenant(&db, "two").await);
    let old = joined(&db, &one, "old", "192.0.2.1", Off).await.unwrap().router;
    joined(&db, &one, "new", "192.0.2.1", Required).await.unwrap();
    for policy in [Off, Required] {
        let refused = joined(&db, &two, "core", "192.0.2.1", policy).await.unwrap_err();
        assert!(matches!(refused, CreateError::Sharing(SharingError::Unsigned)), "{policy:?}: {refused}");
    }
    let other = joined(&db, &two, "core", "192.0.2.2", Required).await.unwrap().router;
    let moved = at(&other, &["192.0.2.1", "192.0.2.2"]);
    let refused = changed(&db, &two, &other, moved.clone(), SecretChange::Generate).await.unwrap_err();
    assert!(matches!(refused, UpdateError::Sharing(SharingError::Unsigned)), "{refused}");

    // Once it signs, they share.
    let signing = RouterSpec { message_authenticator: Required, ..old.spec.clone() };
    let signing = changed(&db, &one, &old, signing, SecretChange::Keep).await.unwrap();
    let other = changed(&db, &two, &other, moved, SecretChange::Generate).await.unwrap();
    for (scope, router) in [(&one, &signing), (&two, &other)] {
        let unsigned = RouterSpec { message_authenticator: Off, ..router.spec.clone() };
        let refused = changed(&db, scope, router, unsigned, SecretChange::Keep).await.unwrap_err();
        assert!(matches!(refused, UpdateError::Sharing(SharingError::Unsigned)), "{refused}");
    }
    let away = RouterSpec { message_authenticator: Off, ..at(&other, &["192.0.2.2"]) };
    changed(&db, &two, &other, away, SecretChange::Keep).await.unwrap();

    // One turns the signing off while the other comes.
    let unsigned = RouterSpec { message_authenticator: Off, ..signing.spec.clone() };
    let (turned, came) = tokio::join!(
        changed(&db, &one, &signing, unsigned, SecretChange::Keep),
        joined(&db, &two, "late", "192.0.2.1", Required),
    );
    assert!(turned.is_ok() != came.is_ok(), "{turned:?} {came:?}");
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
        update(&mut tx, &scope, &sealer(), router.id, Some(router.version), spec.clone(), SecretChange::Keep)
            .await
            .unwrap();
    let late =
        update(&mut tx, &scope, &sealer(), router.id, Some(router.version), spec.clone(), SecretChange::Keep)
            .await;
    assert!(matches!(late, Err(UpdateError::Stale(_))));
    let taken = RouterSpec { name: "edge".into(), ..spec.clone() };
    let taken = update(&mut tx, &scope, &sealer(), router.id, None, taken, SecretChange::Keep).await;
    assert!(matches!(taken, Err(UpdateError::NameTaken)));
    let missing =
        update(&mut tx, &scope, &sealer(), RouterId::generate(NOW), None, spec.clone(), SecretChange::Keep)
            .await;
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
    let beside = joined(&db, &two, "core", "192.0.2.1", MessageAuthenticator::Required).await.unwrap();
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
    let mut expected = [b"secret-one".to_vec(), beside.secret.expose().as_bytes().to_vec()];
    expected.sort();
    assert_eq!(secrets, expected);
    let stranger = Sealer::new([(2, [7; 32])]).unwrap();
    let mut readable = 0;
    directory_entries(&mut conn, &db.platform(), &stranger, |_| readable += 1).await.unwrap();
    assert_eq!(readable, 0, "none of them stops the rest");
    let nobody = db.platform().within(TenantId::generate(NOW));
    assert!(directory_entry(&mut conn, &nobody, &sealer(), router.id).await.unwrap().is_none());
}
