//! What may be done: the single permissions, and sets of them.

use std::fmt;

base::text_enum! {
    /// One thing that may be allowed. Routes name the one that they need.
    pub enum Permission {
        /// Everything on the platform, for every tenant.
        Platform = "platform",
        /// See the tenant's settings.
        TenantRead = "tenant.read",
        /// Change the tenant's settings and its isolir profile.
        TenantWrite = "tenant.write",
        /// See the panel's people.
        UserRead = "user.read",
        /// Make, change and remove the panel's people.
        UserWrite = "user.write",
        /// Make, change and remove the tenant's own roles.
        RoleWrite = "role.write",
        /// Make and revoke API tokens.
        TokenWrite = "token.write",
        /// See routers.
        RouterRead = "router.read",
        /// Make, change and remove routers.
        RouterWrite = "router.write",
        /// See a router's secret, and the script that holds it.
        RouterSecret = "router.secret",
        /// See plans.
        PlanRead = "plan.read",
        /// Make, change and remove plans.
        PlanWrite = "plan.write",
        /// See customers and subscribers.
        SubscriberRead = "subscriber.read",
        /// Make, change and remove customers and subscribers.
        SubscriberWrite = "subscriber.write",
        /// Suspend and resume subscribers.
        SubscriberSuspend = "subscriber.suspend",
        /// Import subscribers in bulk.
        SubscriberImport = "subscriber.import",
        /// See a subscriber's password.
        SubscriberPassword = "subscriber.password",
        /// See a customer's identity number.
        CustomerIdentity = "customer.identity",
        /// See live sessions and history.
        SessionRead = "session.read",
        /// Disconnect a live session.
        SessionDisconnect = "session.disconnect",
        /// Isolate subscribers and lift it.
        IsolirWrite = "isolir.write",
        /// See the authentication log.
        AuthenticationLog = "authentication_log.read",
        /// See events as they happen.
        EventRead = "event.read",
        /// See the audit trail.
        AuditRead = "audit.read",
    }
}

/// A set of permissions. As JSON a list of names; a name that this version does not know is left out, so that a token
/// made by a newer version has fewer rights here, never more.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u128);

// One bit each.
const _: () = assert!(Permission::ALL.len() <= 128);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// The set of `permissions`.
    #[must_use]
    pub fn of(permissions: impl IntoIterator<Item = Permission>) -> Self {
        permissions.into_iter().fold(Self::NONE, |set, permission| Self(set.0 | 1 << permission as u32))
    }

    /// Whether `permission` is in it.
    #[must_use]
    pub const fn allow(self, permission: Permission) -> bool {
        self.0 & 1 << permission as u32 != 0
    }

    /// Whether every permission of `other` is in it.
    #[must_use]
    pub const fn include(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The permissions of either.
    #[must_use]
    pub const fn either(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The permissions in both.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Its permissions, in the order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.allow(*permission))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::as_str)).finish()
    }
}

impl serde::Serialize for Permissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Permission::as_str))
    }
}

impl<'de> serde::Deserialize<'de> for Permissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(Self::of(names.iter().filter_map(|name| name.parse().ok())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_permissions_are_left_out() {
        let set: Permissions = serde_json::from_str(r#"["plan.read","rocket.launch"]"#).unwrap();
        assert_eq!(set, Permissions::of([Permission::PlanRead]));
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["plan.read"]"#);
    }

    #[test]
    fn each_permission_is_its_own() {
        for one in Permission::ALL {
            let set = Permissions::of([*one]);
            assert_eq!(set.iter().collect::<Vec<_>>(), [*one]);
            assert!(Permissions::of(Permission::ALL.iter().copied()).include(set));
        }
        let (one, other) =
            (Permissions::of([Permission::PlanRead]), Permissions::of([Permission::PlanWrite]));
        assert_eq!(one.either(other).iter().count(), 2);
        assert_eq!(one.both(other), Permissions::NONE);
        assert!(!one.include(one.either(other)));
    }
}
