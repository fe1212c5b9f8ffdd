//! What a limit says for a tenant: base of the plan, add-ons, the super admin's word.

use base::Scope;
use foundation::{Conn, db};
use serde::Serialize;

use super::{super::store, Limit};

/// What is said about a limit. `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maximum {
    /// The plan's base.
    pub base: Option<i64>,
    /// What add-ons add to it.
    pub granted: i64,
    /// The super admin's word, if there is one.
    pub overridden: Option<Option<i64>>,
}

impl Maximum {
    /// What holds; `None` is unlimited.
    #[must_use]
    pub fn get(self) -> Option<i64> {
        let by_plan = self.base.map(|base| base.saturating_add(self.granted));
        self.overridden.unwrap_or(by_plan)
    }

    /// Whether an add-on that grants more would change anything.
    #[must_use]
    pub const fn can_be_raised(self) -> bool {
        self.base.is_some() && self.overridden.is_none()
    }
}

/// Nobody says anything.
pub(in super::super) const UNLIMITED: Maximum = Maximum { base: None, granted: 0, overridden: None };

/// One limit of a tenant: how much of it is used, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitState {
    /// Which.
    pub limit: Limit,
    /// How much is used; always 0 of a rate.
    pub used: i64,
    /// What holds; null is unlimited.
    pub maximum: Option<i64>,
    /// The plan's base; null is unlimited.
    pub base: Option<i64>,
    /// What add-ons add to it.
    pub granted: i64,
    /// The super admin has set `maximum`, whatever plan and add-ons say.
    pub overridden: bool,
}

/// One limit of the tenant.
///
/// # Errors
/// When there is no such tenant, or the database cannot be read.
pub async fn state(conn: &mut Conn, scope: &Scope, limit: Limit) -> db::Result<LimitState> {
    let maximum = store::limit::maximum(conn, scope, limit).await?;
    let used = store::limit::used(conn, scope, limit).await?;
    compose(conn, scope, limit, maximum, used).await
}

async fn compose(
    conn: &mut Conn,
    scope: &Scope,
    limit: Limit,
    maximum: Maximum,
    used: Option<i64>,
) -> db::Result<LimitState> {
    let used = match used {
        Some(used) => used,
        // Nobody has asked yet.
        None => store::limit::count(conn, scope, limit).await?.unwrap_or(0),
    };
    Ok(LimitState {
        limit,
        used,
        maximum: maximum.get(),
        base: maximum.base,
        granted: maximum.granted,
        overridden: maximum.overridden.is_some(),
    })
}

/// Every limit of the tenant.
///
/// # Errors
/// When the database cannot be read.
pub async fn states(conn: &mut Conn, scope: &Scope) -> db::Result<Vec<LimitState>> {
    let mut words = store::limit::all(conn, scope).await?;
    let mut states = Vec::with_capacity(Limit::ALL.len());
    for limit in Limit::ALL.iter().copied() {
        let (maximum, used) = words.remove(&limit).unwrap_or((UNLIMITED, None));
        states.push(compose(conn, scope, limit, maximum, used).await?);
    }
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_ons_add_to_the_plan_and_the_super_admin_has_the_last_word() {
        let maximum = Maximum { base: Some(5), granted: 3, overridden: None };
        assert_eq!(maximum.get(), Some(8));
        assert_eq!(Maximum { overridden: Some(Some(2)), ..maximum }.get(), Some(2));
        assert_eq!(Maximum { overridden: Some(None), ..maximum }.get(), None, "unlimited");
        let unlimited = Maximum { base: None, ..maximum };
        assert_eq!(unlimited.get(), None);
        assert_eq!(Maximum { overridden: Some(Some(2)), ..unlimited }.get(), Some(2));
        assert!(maximum.can_be_raised() && !unlimited.can_be_raised());
    }
}
