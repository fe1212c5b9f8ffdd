//! Plans with a quota: what whoever counts usage needs of them.

use base::{PlanId, Platform, Scope, TenantId};
use foundation::{Conn, db};

use super::{Plan, Quota, Validity, store};

/// Plans that are read at a time.
const CHUNK: i64 = 500;

/// A plan with a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metered {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: PlanId,
    /// What its subscribers may transfer.
    pub quota: Quota,
    /// How long it lasts once it is bought.
    pub validity: Validity,
}

/// Every tenant's plans with a quota, in the order of tenants and ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn metered(conn: &mut Conn, _platform: &Platform) -> db::Result<Vec<Metered>> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let rows = store::all(conn, after, CHUNK).await?;
        let Some(last) = rows.last() else { return Ok(found) };
        after = Some((last.tenant_id, last.id));
        found.extend(rows.into_iter().filter_map(|row| of(row.tenant_id, row.into())));
    }
}

/// The plan, if it is there and has a quota.
///
/// # Errors
/// When the database cannot be read.
pub async fn metered_one(conn: &mut Conn, scope: &Scope, id: PlanId) -> db::Result<Option<Metered>> {
    Ok(store::find(conn, scope, id).await?.and_then(|plan| of(scope.tenant(), plan)))
}

fn of(tenant: TenantId, plan: Plan) -> Option<Metered> {
    let Plan { id, spec, .. } = plan;
    Some(Metered { tenant, id, quota: spec.service.quota?, validity: spec.validity })
}
