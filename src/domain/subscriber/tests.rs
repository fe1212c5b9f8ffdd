//! Every store function of customers and subscribers, on both databases.

use std::net::Ipv4Addr;

use aaa::directory::entry;
use base::{
    CustomerId, MacAddress, PlanId, RouterId, Scope, SecretString, SubscriberId, TenantId, page::PageRequest,
    seal::Sealer,
};
use foundation::{
    Tx, audit, change, event,
    testing::{NOW, TestDb},
};
use radius::dictionary::{Dictionary, builtin};

use super::*;
use crate::domain::{
    nas::{self, RouterSpec},
    plan::{self, PlanSpec},
    tenant::{self, TenantSpec},
    values::{AttributeText, Invalid, Version},
};

foundation::battery! {
    a_subscriber_is_made_with_its_customer,
    names_and_addresses_are_unique_within_a_tenant,
    what_is_referred_to_must_be_there,
    changes_are_versioned_audited_and_told,
    a_changed_subscriber_stays_isolated,
    status_goes_its_way,
    passwords_are_sealed_and_every_look_is_noted,
    hardware_is_learnt_once,
    customers_are_changed_and_their_numbers_sealed,
    lists_are_filtered_and_paged,
    the_search_box_finds_beginnings,
    the_directory_reads_what_is_stored,
    all_subscribers_are_handed_over_with_their_overlay,
}

struct Rig {
    db: TestDb,
    scope: Scope,
    plan: PlanId,
    dictionary: Dictionary,
    sealer: Sealer,
}

impl Rig {
    async fn new(db: TestDb) -> Self {
        let dictionary = builtin::dictionary().unwrap();
        let sealer = Sealer::new([(1, [7; 32])]).unwrap();
        let (scope, plan) = tenant_with_plan(&db, &dictionary, "warga").await;
        Self { db, scope, plan, dictionary, sealer }
    }

    async fn another_tenant(&self) -> (Scope, PlanId) {
        tenant_with_plan(&self.db, &self.dictionary, "desa").await
    }

    async fn tx(&self) -> Tx {
        self.db.begin().await.unwrap()
    }

    async fn make(&self, scope: &Scope, new: NewSubscriber) -> Result<Created, CreateError> {
        let mut tx = self.tx().await;
        let created = create(&mut tx, scope, &self.sealer, &self.dictionary, new).await?;
        tx.commit().await.unwrap();
        Ok(created)
    }

    async fn subscriber(&self, username: &str) -> Subscriber {
        self.make(&self.scope, named(username, self.plan)).await.unwrap().subscriber
    }

    async fn isolate(&self, id: SubscriberId, reason: OverlayReason) {
        let mut tx = self.tx().await;
        tx.query(
            "INSERT INTO overlay (tenant_id, subscriber_id, reason, since, note) VALUES ($1, $2, $3, $4, '')",
        )
        .bind(self.scope.tenant())
        .bind(id)
        .bind(reason)
        .bind(NOW)
        .execute_one()
        .await
        .unwrap();
        bump_overlay_generation(&mut tx, &self.scope, id).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn router(&self, name: &str) -> RouterId {
        let mut tx = self.tx().await;
        let spec = RouterSpec::new(name, ["192.0.2.1".parse().unwrap()]);
        let created = nas::create(&mut tx, &self.scope, &self.sealer, spec, None).await.unwrap();
        tx.commit().await.unwrap();
        created.router.id
    }

    async fn acts(&self) -> Vec<String> {
        let mut conn = self.db.conn().await.unwrap();
        let page = PageRequest::new(None, None);
        let trail = audit::list(&mut conn, &self.scope, &audit::Filter::default(), &page).await.unwrap();
        trail.rows.into_iter().map(|entry| entry.act).collect()
    }
}

async fn tenant_with_plan(db: &TestDb, dictionary: &Dictionary, slug: &str) -> (Scope, PlanId) {
    let mut tx = db.begin().await.unwrap();
    let tenant = tenant::create(&mut tx, &db.platform(), TenantSpec::new(slug, slug)).await.unwrap();
    let scope = db.platform().within(tenant.id);
    let plan = plan::create(&mut tx, &scope, dictionary, PlanSpec::monthly("Home", base::Minor::ZERO))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    (scope, plan.id)
}

fn named(username: &str, plan: PlanId) -> NewSubscriber {
    NewSubscriber {
        spec: SubscriberSpec::new(username, plan),
        login: Login::Password(Some(SecretString::new("hunter2".into()))),
        customer: CustomerChoice::New { spec: CustomerSpec::named("Budi Santoso"), identity_number: None },
    }
}

fn mac(text: &str) -> MacAddress {
    text.parse().unwrap()
}

/// One with everything.
fn full(rig: &Rig, router: RouterId) -> SubscriberSpec {
    SubscriberSpec {
        service: ServiceType::Ppp,
        expires_at: Some(Timestamp::from_millis(2_000_000_000_000)),
        mac_lock: MacLock::Locked,
        macs: vec![mac("AA:BB:CC:00:00:01"), mac("AA:BB:CC:00:00:02")],
        router: Some(router),
        static_address: Some(Ipv4Addr::new(10, 0, 0, 5)),
        ipv6_prefix: Some("2001:db8:1::/64".parse().unwrap()),
        delegated_ipv6_prefix: Some("2001:db8:1:100::/56".parse().unwrap()),
        routes: vec!["192.168.50.0/24 10.0.0.5 1".into()],
        simultaneous: Some(3),
        attributes: vec![AttributeText { name: "Mikrotik-Mark-Id".into(), value: "gold".into() }],
        ..SubscriberSpec::new("full", rig.plan)
    }
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
