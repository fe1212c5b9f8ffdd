//! Every store function of customers and subscribers, on both databases: `making` · `changing` · `finding`.

mod changing;
mod finding;
mod making;

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
