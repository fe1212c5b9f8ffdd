//! Who a request comes from, and what that allows.

use std::net::IpAddr;

use base::{Actor, Platform, Scope, TenantId, Timestamp, UserId};
use foundation::{Conn, Tx, audit, db};

use super::{Authority, Permission, Permissions, Role, Token, store, token::TokenKind};
use crate::domain::tenant::TenantStatus;

/// Somebody who showed a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The person, or the program by its token.
    pub actor: Actor,
    /// The person, or who made the program's token.
    pub user: UserId,
    /// The tenant it belongs to; `None` for the platform.
    pub tenant: Option<TenantId>,
    /// What the person is in the company.
    pub role: Role,
    /// What it may do.
    pub permissions: Permissions,
    /// The person must replace the password before anything else.
    pub password_expired: bool,
    /// How its tenant stands with the platform; `None` for the platform's own. Whether that keeps it out is for the door
    /// to say: see [`Caller::panel_is_open`].
    pub tenant_status: Option<TenantStatus>,
    /// Requests a minute that the super admin allows its tenant; `None` for what everybody has.
    pub requests_per_minute: Option<u32>,
}

/// Whoever holds `token`, if it is valid at `now`: not expired, ended or revoked; of somebody who still is there and may
/// sign in. Whether the tenant's panel is open is looked at afterwards, so that the caller learns why it is not let in.
///
/// # Errors
/// When the database cannot be read.
pub async fn authenticate(conn: &mut Conn, token: &Token, now: Timestamp) -> db::Result<Option<Caller>> {
    match token.kind {
        TokenKind::Session => store::session::find_caller(conn, token.hash(), now).await,
        TokenKind::Api => store::api_token::find_caller(conn, token.hash(), now).await,
    }
}

/// Notes in the platform's trail that somebody of the platform goes into a tenant to change something, or to see a secret:
/// by which method of which route.
pub fn note_acting_on_behalf(tx: &mut Tx, platform: &Platform, tenant: TenantId, method: &str, route: &str) {
    let what = serde_json::json!({ "method": method, "route": route });
    tx.audit(platform, audit::Entry::new("tenant.act_on_behalf", "tenant", tenant).after(&what));
}

/// Notes in both trails that somebody of the platform reads a tenant's personal data of this kind.
pub fn note_reading(tx: &mut Tx, platform: &Platform, scope: &Scope, kind: &str) {
    let what = serde_json::json!({ "data": kind });
    let entry = || audit::Entry::new("tenant.read_personal_data", "tenant", scope.tenant()).after(&what);
    tx.audit(scope, entry());
    tx.audit(platform, entry());
}

impl Caller {
    /// Whether it may do this.
    #[must_use]
    pub const fn may(&self, permission: Permission) -> bool {
        self.permissions.allow(permission)
    }

    /// What it is and may do, for managing others.
    #[must_use]
    pub const fn authority(&self) -> Authority {
        Authority { role: self.role, permissions: self.permissions }
    }

    /// Whether its tenant's panel is open.
    #[must_use]
    pub fn panel_is_open(&self) -> bool {
        self.tenant_status.is_none_or(TenantStatus::panel_is_open)
    }

    /// The scope of its tenant's data. Somebody of the platform names the tenant; anybody else gets the own one, and
    /// `None` when naming another.
    #[must_use]
    pub fn scope(&self, named: Option<TenantId>, act: &Act) -> Option<Scope> {
        let tenant = match (self.tenant, named) {
            (Some(own), None) => own,
            (Some(own), Some(named)) => (own == named).then_some(own)?,
            (None, Some(named)) if self.may(Permission::Platform) => named,
            (None, _) => return None,
        };
        Some(self.platform_act(act).within(tenant))
    }

    /// The platform as a whole: the super admin's.
    #[must_use]
    pub fn platform(&self, act: &Act) -> Option<Platform> {
        (self.tenant.is_none() && self.may(Permission::Platform)).then(|| self.platform_act(act))
    }

    fn platform_act(&self, act: &Act) -> Platform {
        Platform { actor: self.actor, from: act.from, reason: act.reason.clone(), now: act.now }
    }
}

/// The circumstances of a request.
#[derive(Clone, Debug)]
pub struct Act {
    /// From which address.
    pub from: Option<IpAddr>,
    /// Why, when it had to give a reason.
    pub reason: Option<String>,
    /// When.
    pub now: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_people_never_leave_it() {
        let now = Timestamp::from_millis(1);
        let (own, other) = (TenantId::generate(now), TenantId::generate(now));
        let user = UserId::generate(now);
        let act = Act { from: None, reason: None, now };
        let owner = Caller {
            actor: Actor::User(user),
            user,
            tenant: Some(own),
            role: Role::Owner,
            permissions: Role::Owner.permissions(),
            password_expired: false,
            tenant_status: Some(TenantStatus::Active),
            requests_per_minute: None,
        };
        assert_eq!(owner.scope(None, &act).unwrap().tenant(), own);
        assert_eq!(owner.scope(Some(own), &act).unwrap().tenant(), own);
        assert!(owner.scope(Some(other), &act).is_none());
        assert!(owner.platform(&act).is_none());

        let admin = Caller {
            tenant: None,
            role: Role::SuperAdmin,
            permissions: Role::SuperAdmin.permissions(),
            ..owner
        };
        assert_eq!(admin.scope(Some(other), &act).unwrap().tenant(), other);
        assert!(admin.scope(None, &act).is_none(), "a tenant must be named");
        assert!(admin.platform(&act).is_some());
        let token = Caller { permissions: Permissions::of([Permission::PlanRead]), ..admin };
        assert!(token.scope(Some(other), &act).is_none() && token.platform(&act).is_none());
    }
}
