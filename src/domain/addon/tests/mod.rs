//! Every store function of add-ons, on both databases.

mod catalogue;
mod cycle;
mod jobs;
mod order;

use std::collections::BTreeMap;

use base::{Platform, Scope, Timestamp};
use foundation::testing::TestDb;

use super::*;
use crate::domain::tenant::{self, Limit, TenantSpec};

/// A tenant in Jakarta, made on 2026-11-22, and days on which things happen.
pub(super) struct Rig {
    pub(super) db: TestDb,
    pub(super) tenant: TenantId,
}

impl Rig {
    pub(super) async fn new(db: TestDb) -> Self {
        let mut tx = db.begin().await.unwrap();
        let spec = TenantSpec::new("Warga", "warga");
        let tenant = tenant::create(&mut tx, &db.platform(), spec).await.unwrap().id;
        tx.commit().await.unwrap();
        Self { db, tenant }
    }

    pub(super) fn platform(&self) -> Platform {
        Platform { reason: Some("because".into()), ..self.db.platform() }
    }

    pub(super) fn scope(&self) -> Scope {
        self.platform().within(self.tenant)
    }

    /// The scope at noon of a day in Jakarta.
    pub(super) fn on(&self, day: &str) -> Scope {
        let now: Timestamp = format!("{day}T12:00:00+07:00").parse().unwrap();
        Platform { now, ..self.platform() }.within(self.tenant)
    }

    pub(super) async fn offer(&self, spec: AddonSpec) -> Addon {
        let mut tx = self.db.begin().await.unwrap();
        let addon = create(&mut tx, &self.platform(), spec).await.unwrap();
        tx.commit().await.unwrap();
        addon
    }

    pub(super) async fn ask(
        &self,
        scope: &Scope,
        addon: &Addon,
        units: i64,
    ) -> Result<TenantAddon, OrderError> {
        let mut tx = self.db.begin().await.unwrap();
        let row = order(&mut tx, scope, asking(addon, units)).await?;
        tx.commit().await.unwrap();
        Ok(row)
    }

    pub(super) async fn units(
        &self,
        scope: &Scope,
        id: TenantAddonId,
        units: i64,
    ) -> Result<TenantAddon, UnitsError> {
        let mut tx = self.db.begin().await.unwrap();
        let row = set_units(&mut tx, scope, id, None, units, false).await?;
        tx.commit().await.unwrap();
        Ok(row)
    }

    pub(super) async fn settle(&self, scope: &Scope, id: TenantAddonId) -> Settled {
        let found = review(&mut self.db.conn().await.unwrap(), scope, id).await.unwrap();
        let mut tx = self.db.begin().await.unwrap();
        let settled = settle(&mut tx, scope, id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(found, settled, "a look finds what is put right");
        settled
    }

    pub(super) async fn maximum(&self, limit: Limit) -> Option<i64> {
        let mut conn = self.db.conn().await.unwrap();
        tenant::limit::state(&mut conn, &self.scope(), limit).await.unwrap().maximum
    }

    /// What was charged: units, amount, first day and the day behind the last one, by day.
    pub(super) async fn charged(&self, id: TenantAddonId) -> Vec<(i64, i64, String, String)> {
        let mut conn = self.db.conn().await.unwrap();
        let mut charges = charges(&mut conn, &self.scope(), id).await.unwrap();
        charges.sort_by_key(|charge| (charge.from_day, charge.units));
        let text = |charge: SaasCharge| {
            let (from, until) = (charge.from_day.to_string(), charge.until_day.to_string());
            (charge.units, charge.amount.units(), from, until)
        };
        charges.into_iter().map(text).collect()
    }

    pub(super) async fn told(&self) -> Vec<String> {
        let mut conn = self.db.conn().await.unwrap();
        let events = foundation::event::events_after(&mut conn, self.tenant, 1, 100).await.unwrap();
        events.into_iter().map(|event| event.kind).collect()
    }
}

pub(super) fn asking(addon: &Addon, units: i64) -> Order {
    Order { addon: addon.id, units, note: "  tolong ".into() }
}

/// Two more routers a unit, 30,000 rupiah a month.
pub(super) fn routers(kind: AddonKind) -> AddonSpec {
    AddonSpec {
        code: format!("routers-{kind}"),
        name: "Routers".into(),
        description: "More of them.".into(),
        kind,
        unit_price: Minor::new(30_000),
        currency: Currency::IDR,
        cycle: Cycle::Monthly,
        max_units: 10,
        limits: BTreeMap::from([(Limit::Routers, 2)]),
        features: [].into(),
    }
}
