//! What of a subscriber changes, and what stays.

use super::*;

foundation::battery! {
    changes_are_versioned_audited_and_told,
    a_changed_subscriber_stays_isolated,
    status_goes_its_way,
    passwords_are_sealed_and_every_look_is_noted,
    hardware_is_learnt_once,
    customers_are_changed_and_their_numbers_sealed,
}

async fn changes_are_versioned_audited_and_told(db: TestDb) {
    let rig = Rig::new(db).await;
    let router = rig.router("core").await;
    let budi = rig.subscriber("budi").await;
    let mut tx = rig.tx().await;
    let fast =
        plan::create(&mut tx, &rig.scope, &rig.dictionary, PlanSpec::monthly("Fast", base::Minor::ZERO));
    let fast = fast.await.unwrap();
    let spec = SubscriberSpec { plan: fast.id, ..full(&rig, router) };
    let changed = update(&mut tx, &rig.scope, &rig.dictionary, budi.id, Some(budi.version), spec.clone())
        .await
        .unwrap();
    let late = update(&mut tx, &rig.scope, &rig.dictionary, budi.id, Some(budi.version), spec.clone()).await;
    assert!(matches!(late, Err(UpdateError::Stale(_))));
    let same = update(&mut tx, &rig.scope, &rig.dictionary, budi.id, None, spec.clone()).await.unwrap();
    assert_eq!(same.version, changed.version, "nothing changed");
    let missing =
        update(&mut tx, &rig.scope, &rig.dictionary, SubscriberId::generate(NOW), None, spec.clone()).await;
    assert!(matches!(missing, Err(UpdateError::NotFound)));
    let unknown = change_plan(&mut tx, &rig.scope, budi.id, None, PlanId::generate(NOW)).await;
    assert!(matches!(unknown, Err(UpdateError::UnknownPlan)));
    let back = change_plan(&mut tx, &rig.scope, budi.id, Some(changed.version), rig.plan).await.unwrap();
    change_plan(&mut tx, &rig.scope, budi.id, None, rig.plan).await.unwrap();
    tx.commit().await.unwrap();

    let mut conn = rig.db.conn().await.unwrap();
    let read = load(&mut conn, &rig.scope, budi.id).await.unwrap();
    assert_eq!((&read, read.version), (&back, Version::new(3)));
    assert_eq!(read.spec, SubscriberSpec { plan: rig.plan, ..spec });
    let events = event::events_after(&mut conn, rig.scope.tenant(), 0, 100).await.unwrap();
    let plans = events.iter().filter(|event| event.kind == "subscriber_plan_changed").count();
    assert_eq!(plans, 2);
    let change::Following::Changes(changes) =
        change::changes_after(&mut conn, rig.scope.tenant(), 0, 100).await.unwrap()
    else {
        panic!("nothing was trimmed")
    };
    assert!(changes.iter().any(|numbered| numbered.change.id == budi.id.as_uuid()));
    drop(conn);
    assert_eq!(rig.acts().await[..2], ["subscriber.change_plan", "subscriber.update"]);
}

async fn a_changed_subscriber_stays_isolated(db: TestDb) {
    let rig = Rig::new(db).await;
    let budi = rig.subscriber("budi").await;
    rig.isolate(budi.id, OverlayReason::Unpaid).await;
    rig.isolate(budi.id, OverlayReason::Abuse).await;
    let mut tx = rig.tx().await;
    let spec = SubscriberSpec { simultaneous: Some(5), ..budi.spec.clone() };
    // The overlay has its own generation: whoever edits the subscriber meanwhile does not have to read it anew.
    let changed =
        update(&mut tx, &rig.scope, &rig.dictionary, budi.id, Some(budi.version), spec).await.unwrap();
    suspend(&mut tx, &rig.scope, budi.id, None).await.unwrap();
    resume(&mut tx, &rig.scope, budi.id, None).await.unwrap();
    let missing = bump_overlay_generation(&mut tx, &rig.scope, SubscriberId::generate(NOW)).await;
    assert!(matches!(missing, Err(Error::RowNotFound)));
    tx.commit().await.unwrap();
    let both = OverlayReasons::of([OverlayReason::Abuse, OverlayReason::Unpaid]);
    assert_eq!((changed.overlay, changed.overlay_generation), (both, 2));
    let mut conn = rig.db.conn().await.unwrap();
    assert_eq!(load(&mut conn, &rig.scope, budi.id).await.unwrap().overlay, both);
}

async fn status_goes_its_way(db: TestDb) {
    let rig = Rig::new(db).await;
    let budi = rig.subscriber("budi").await;
    let mut tx = rig.tx().await;
    let suspended = suspend(&mut tx, &rig.scope, budi.id, Some(budi.version)).await.unwrap();
    assert_eq!(suspended.status, Status::Suspended);
    assert_eq!(suspend(&mut tx, &rig.scope, budi.id, None).await.unwrap(), suspended, "twice does no harm");
    assert!(matches!(
        resume(&mut tx, &rig.scope, budi.id, Some(budi.version)).await,
        Err(UpdateError::Stale(_))
    ));
    assert_eq!(resume(&mut tx, &rig.scope, budi.id, None).await.unwrap().status, Status::Active);
    assert_eq!(end(&mut tx, &rig.scope, budi.id, None).await.unwrap().status, Status::Ended);
    assert!(matches!(resume(&mut tx, &rig.scope, budi.id, None).await, Err(UpdateError::Ended)));
    tx.commit().await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    assert_eq!(load(&mut conn, &rig.scope, budi.id).await.unwrap().status, Status::Ended);
    let kinds: Vec<String> = event::events_after(&mut conn, rig.scope.tenant(), 0, 100)
        .await
        .unwrap()
        .into_iter()
        .map(|event| event.kind)
        .filter(|kind| kind.starts_with("subscriber"))
        .collect();
    assert_eq!(
        kinds,
        ["subscriber_created", "subscriber_suspended", "subscriber_resumed", "subscriber_ended"]
    );
}

async fn passwords_are_sealed_and_every_look_is_noted(db: TestDb) {
    let rig = Rig::new(db).await;
    let budi = rig.subscriber("aa:bb:cc:00:00:01").await;
    let mut tx = rig.tx().await;
    let seen = reveal_password(&mut tx, &rig.scope, &rig.sealer, budi.id).await.unwrap();
    assert_eq!(seen.unwrap().expose(), "hunter2");
    let new = Login::Password(Some(SecretString::new("correct horse".into())));
    assert_eq!(set_login(&mut tx, &rig.scope, &rig.sealer, budi.id, new).await.unwrap(), None);
    let made =
        set_login(&mut tx, &rig.scope, &rig.sealer, budi.id, Login::Password(None)).await.unwrap().unwrap();
    let seen = reveal_password(&mut tx, &rig.scope, &rig.sealer, budi.id).await.unwrap();
    assert_eq!(seen, Some(made.clone()));
    let sealed = store::subscriber::password(&mut tx, &rig.scope, budi.id).await.unwrap().unwrap().unwrap();
    assert!(!sealed.windows(made.expose().len()).any(|window| window == made.expose().as_bytes()));
    let missing = reveal_password(&mut tx, &rig.scope, &rig.sealer, SubscriberId::generate(NOW)).await;
    assert!(matches!(missing, Err(PasswordError::NotFound)));
    set_login(&mut tx, &rig.scope, &rig.sealer, budi.id, Login::HardwareAddress).await.unwrap();
    assert_eq!(reveal_password(&mut tx, &rig.scope, &rig.sealer, budi.id).await.unwrap(), None);
    let after = load(&mut tx, &rig.scope, budi.id).await.unwrap();
    assert!(after.hardware_login);
    tx.commit().await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    let page = PageRequest::new(None, None);
    let trail = audit::list(&mut conn, &rig.scope, &audit::Filter::default(), &page).await.unwrap();
    let text = format!("{:?}", trail.rows);
    assert!(text.contains("subscriber.reveal_password") && text.contains("subscriber.set_password"));
    assert!(
        !text.contains("hunter2") && !text.contains(made.expose()) && !text.contains("correct horse"),
        "{text}"
    );
}

async fn hardware_is_learnt_once(db: TestDb) {
    let rig = Rig::new(db).await;
    let spec = SubscriberSpec { mac_lock: MacLock::Learn, ..SubscriberSpec::new("budi", rig.plan) };
    let budi =
        rig.make(&rig.scope, NewSubscriber { spec, ..named("budi", rig.plan) }).await.unwrap().subscriber;
    let siti = rig.subscriber("siti").await;
    let (first, second) = (mac("AA:BB:CC:00:00:01"), mac("AA:BB:CC:00:00:02"));
    let mut tx = rig.tx().await;
    assert_eq!(learn_mac(&mut tx, &rig.scope, budi.id, first).await.unwrap(), Learnt::Now);
    for again in [first, second] {
        assert_eq!(learn_mac(&mut tx, &rig.scope, budi.id, again).await.unwrap(), Learnt::NothingToLearn);
    }
    assert_eq!(learn_mac(&mut tx, &rig.scope, siti.id, first).await.unwrap(), Learnt::NothingToLearn);
    let missing = learn_mac(&mut tx, &rig.scope, SubscriberId::generate(NOW), first).await.unwrap();
    assert_eq!(missing, Learnt::NothingToLearn);
    tx.commit().await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    let read = load(&mut conn, &rig.scope, budi.id).await.unwrap();
    assert_eq!((read.spec.mac_lock, read.spec.macs), (MacLock::Locked, vec![first]));
    assert_eq!(load(&mut conn, &rig.scope, siti.id).await.unwrap(), siti);
    drop(conn);
    assert_eq!(rig.acts().await[0], "subscriber.learn_mac");
}

async fn customers_are_changed_and_their_numbers_sealed(db: TestDb) {
    let rig = Rig::new(db).await;
    let number = |text: &str| Some(SecretString::new(text.into()));
    let mut tx = rig.tx().await;
    let spec = CustomerSpec { phone: Some("0812-3456".into()), ..CustomerSpec::named("Siti Nurhaliza") };
    let siti =
        create_customer(&mut tx, &rig.scope, &rig.sealer, spec, number("3171012345670001")).await.unwrap();
    assert!(siti.has_identity_number);
    let seen = reveal_identity_number(&mut tx, &rig.scope, &rig.sealer, siti.id).await.unwrap();
    assert_eq!(seen.unwrap().expose(), "3171012345670001");
    let spec = CustomerSpec {
        email: Some("siti@example.net".into()),
        address: "Jalan Melati 5\nBandung".into(),
        note: "VIP".into(),
        ..siti.spec.clone()
    };
    let scope = &rig.scope;
    let changed =
        update_customer(&mut tx, scope, &rig.sealer, siti.id, Some(siti.version), spec.clone(), None)
            .await
            .unwrap();
    let late =
        update_customer(&mut tx, scope, &rig.sealer, siti.id, Some(siti.version), spec.clone(), None).await;
    assert!(matches!(late, Err(CustomerError::Stale(_))));
    assert!(changed.has_identity_number, "left as it was");
    assert_eq!(load_customer(&mut tx, scope, siti.id).await.unwrap(), changed);
    let bare = update_customer(&mut tx, scope, &rig.sealer, siti.id, None, spec, number(" ")).await.unwrap();
    assert!(!bare.has_identity_number);
    assert_eq!(reveal_identity_number(&mut tx, scope, &rig.sealer, siti.id).await.unwrap(), None);
    let nobody = rig.db.platform().within(TenantId::generate(NOW));
    assert!(matches!(load_customer(&mut tx, &nobody, siti.id).await, Err(CustomerError::NotFound)));
    create_customer(&mut tx, scope, &rig.sealer, CustomerSpec::named("Budi"), None).await.unwrap();
    let page = list_customers(&mut tx, scope, &PageRequest::new(Some(1), None)).await.unwrap();
    let rest = list_customers(&mut tx, scope, &PageRequest::new(Some(1), page.next)).await.unwrap();
    assert_eq!((page.rows.len(), rest.rows.len(), rest.next), (1, 1, None));
    tx.commit().await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    let page = PageRequest::new(None, None);
    let trail = audit::list(&mut conn, &rig.scope, &audit::Filter::default(), &page).await.unwrap();
    assert!(!format!("{:?}", trail.rows).contains("3171012345670001"));
}
