//! Subscribers are made, with what they refer to.

use super::*;

foundation::battery! {
    a_subscriber_is_made_with_its_customer,
    names_and_addresses_are_unique_within_a_tenant,
    what_is_referred_to_must_be_there,
}

async fn a_subscriber_is_made_with_its_customer(db: TestDb) {
    let rig = Rig::new(db).await;
    let router = rig.router("core").await;
    let new =
        NewSubscriber { spec: full(&rig, router), login: Login::Password(None), ..named("full", rig.plan) };
    let created = rig.make(&rig.scope, new).await.unwrap();
    assert!(created.generated_password.is_some());
    let customer = created.customer.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    let read = load(&mut conn, &rig.scope, created.subscriber.id).await.unwrap();
    assert_eq!((&read, &read.spec), (&created.subscriber, &full(&rig, router)));
    assert_eq!(find_by_username(&mut conn, &rig.scope, "full").await.unwrap(), Some(read));
    assert_eq!(find_by_username(&mut conn, &rig.scope, "Full").await.unwrap(), None, "octet by octet");
    assert_eq!(load_customer(&mut conn, &rig.scope, customer.id).await.unwrap(), customer);
    drop(conn);

    let second =
        NewSubscriber { customer: CustomerChoice::Existing(customer.id), ..named("second", rig.plan) };
    let second = rig.make(&rig.scope, second).await.unwrap();
    assert_eq!(
        (second.subscriber.customer, second.customer),
        (customer.id, None),
        "several services, one customer"
    );
    let by_hardware = NewSubscriber { login: Login::HardwareAddress, ..named("aabbcc000001", rig.plan) };
    let by_hardware = rig.make(&rig.scope, by_hardware).await.unwrap().subscriber;
    assert_eq!((by_hardware.spec.username.as_str(), by_hardware.hardware_login), ("AA:BB:CC:00:00:01", true));
    let no_hardware = NewSubscriber { login: Login::HardwareAddress, ..named("budi", rig.plan) };
    assert!(matches!(rig.make(&rig.scope, no_hardware).await, Err(CreateError::Invalid(Invalid { .. }))));
    let no_name = CustomerChoice::New { spec: CustomerSpec::named(" "), identity_number: None };
    let refused = rig.make(&rig.scope, NewSubscriber { customer: no_name, ..named("x", rig.plan) }).await;
    assert!(matches!(refused, Err(CreateError::Invalid(invalid)) if invalid.field == "customer.name"));

    let mut conn = rig.db.conn().await.unwrap();
    let events = event::events_after(&mut conn, rig.scope.tenant(), 0, 100).await.unwrap();
    let made = events.iter().filter(|event| event.kind == "subscriber_created").count();
    assert_eq!(made, 3);
}

async fn names_and_addresses_are_unique_within_a_tenant(db: TestDb) {
    let rig = Rig::new(db).await;
    let (other, other_plan) = rig.another_tenant().await;
    let address = Some(Ipv4Addr::new(10, 0, 0, 5));
    let with_address = |username: &str, plan| NewSubscriber {
        spec: SubscriberSpec { static_address: address, ..SubscriberSpec::new(username, plan) },
        ..named(username, plan)
    };
    let first = rig.make(&rig.scope, with_address("budi", rig.plan)).await.unwrap().subscriber;
    rig.make(&other, with_address("budi", other_plan)).await.unwrap();
    rig.subscriber("Budi").await;
    assert!(matches!(rig.make(&rig.scope, named("budi", rig.plan)).await, Err(CreateError::UsernameTaken)));
    assert!(matches!(
        rig.make(&rig.scope, with_address("siti", rig.plan)).await,
        Err(CreateError::AddressTaken)
    ));
    let siti = rig.subscriber("siti").await;
    let mut tx = rig.tx().await;
    let rename = SubscriberSpec { username: "budi".into(), ..siti.spec.clone() };
    let rename = update(&mut tx, &rig.scope, &rig.dictionary, siti.id, None, rename).await;
    assert!(matches!(rename, Err(UpdateError::UsernameTaken)));
    let address = SubscriberSpec { static_address: address, ..siti.spec.clone() };
    let address = update(&mut tx, &rig.scope, &rig.dictionary, siti.id, None, address).await;
    assert!(matches!(address, Err(UpdateError::AddressTaken)));
    delete(&mut tx, &rig.scope, first.id, Some(first.version)).await.unwrap();
    assert!(matches!(delete(&mut tx, &rig.scope, first.id, None).await, Err(UpdateError::NotFound)));
    tx.commit().await.unwrap();
    rig.make(&rig.scope, with_address("budi", rig.plan)).await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    assert_eq!(find(&mut conn, &rig.scope, first.id).await.unwrap(), None);
    assert_eq!(find(&mut conn, &other, siti.id).await.unwrap(), None, "another tenant's");
}

async fn what_is_referred_to_must_be_there(db: TestDb) {
    let rig = Rig::new(db).await;
    let (_, other_plan) = rig.another_tenant().await;
    let router = rig.router("core").await;
    let unknown = rig.make(&rig.scope, named("budi", other_plan)).await;
    assert!(matches!(unknown, Err(CreateError::UnknownPlan)), "another tenant's plan");
    let spec =
        SubscriberSpec { router: Some(RouterId::generate(NOW)), ..SubscriberSpec::new("budi", rig.plan) };
    let unknown = rig.make(&rig.scope, NewSubscriber { spec, ..named("budi", rig.plan) }).await;
    assert!(matches!(unknown, Err(CreateError::UnknownRouter)));
    let customer = CustomerChoice::Existing(CustomerId::generate(NOW));
    let unknown = rig.make(&rig.scope, NewSubscriber { customer, ..named("budi", rig.plan) }).await;
    assert!(matches!(unknown, Err(CreateError::UnknownCustomer)));

    let spec = SubscriberSpec { router: Some(router), ..SubscriberSpec::new("budi", rig.plan) };
    let budi =
        rig.make(&rig.scope, NewSubscriber { spec, ..named("budi", rig.plan) }).await.unwrap().subscriber;
    let mut tx = rig.tx().await;
    assert!(matches!(plan::delete(&mut tx, &rig.scope, rig.plan).await, Err(plan::DeleteError::InUse(1))));
    assert!(matches!(nas::delete(&mut tx, &rig.scope, router).await, Err(nas::DeleteError::InUse(1))));
    delete(&mut tx, &rig.scope, budi.id, None).await.unwrap();
    plan::delete(&mut tx, &rig.scope, rig.plan).await.unwrap();
    nas::delete(&mut tx, &rig.scope, router).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(rig.make(&rig.scope, named("siti", rig.plan)).await, Err(CreateError::UnknownPlan)));
}
