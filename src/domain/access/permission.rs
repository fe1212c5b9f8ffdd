//! What may be done, and which role may do it.

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
        /// See the audit trail.
        AuditRead = "audit.read",
    }
}

base::text_enum! {
    /// What somebody is in the company, and so what that person may do.
    pub enum Role {
        /// Runs the platform. Belongs to no tenant.
        SuperAdmin = "super_admin",
        /// Owns the tenant: everything in it.
        Owner = "owner",
        /// Runs the tenant: everything but other admins and the owner.
        Admin = "admin",
        /// Money: customers, isolation, no network.
        Finance = "finance",
        /// The network: routers, plans, subscribers, sessions.
        Noc = "noc",
        /// In the field: sees what is needed to bring a line up.
        Technician = "technician",
        /// Collects cash: sees customers.
        Collector = "collector",
        /// Sees, and changes nothing.
        Viewer = "viewer",
    }
}

/// A set of permissions. As JSON a list of names; a name that this version does not know is left out, so that a token
/// made by a newer version has fewer rights here, never more.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u32);

// One bit each.
const _: () = assert!(Permission::ALL.len() <= 32);

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

impl Role {
    /// What it may do.
    #[must_use]
    pub fn permissions(self) -> Permissions {
        use Permission as P;
        let all = Permission::ALL.iter().copied();
        match self {
            Self::SuperAdmin => Permissions::of(all),
            Self::Owner | Self::Admin => Permissions::of(all.filter(|permission| *permission != P::Platform)),
            Self::Finance => Permissions::of([
                P::TenantRead,
                P::PlanRead,
                P::SubscriberRead,
                P::SubscriberWrite,
                P::SubscriberSuspend,
                P::SubscriberImport,
                P::CustomerIdentity,
                P::SessionRead,
                P::IsolirWrite,
            ]),
            Self::Noc => Permissions::of([
                P::TenantRead,
                P::RouterRead,
                P::RouterWrite,
                P::RouterSecret,
                P::PlanRead,
                P::PlanWrite,
                P::SubscriberRead,
                P::SubscriberWrite,
                P::SubscriberSuspend,
                P::SubscriberImport,
                P::SubscriberPassword,
                P::SessionRead,
                P::SessionDisconnect,
                P::IsolirWrite,
                P::AuthenticationLog,
            ]),
            Self::Technician => Permissions::of([
                P::RouterRead,
                P::PlanRead,
                P::SubscriberRead,
                P::SubscriberPassword,
                P::SessionRead,
                P::SessionDisconnect,
                P::AuthenticationLog,
            ]),
            Self::Collector => Permissions::of([P::PlanRead, P::SubscriberRead]),
            Self::Viewer => Permissions::of([
                P::TenantRead,
                P::RouterRead,
                P::PlanRead,
                P::SubscriberRead,
                P::SessionRead,
                P::AuthenticationLog,
            ]),
        }
    }

    /// May somebody of this role make, change and remove people of `other`?
    #[must_use]
    pub const fn manages(self, other: Self) -> bool {
        match self {
            Self::SuperAdmin => true,
            Self::Owner => !matches!(other, Self::SuperAdmin),
            Self::Admin => !matches!(other, Self::SuperAdmin | Self::Owner | Self::Admin),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_of_a_tenant_rules_the_platform() {
        for role in Role::ALL.iter().copied().filter(|role| *role != Role::SuperAdmin) {
            assert!(!role.permissions().allow(Permission::Platform), "{role}");
            assert!(!role.manages(Role::SuperAdmin), "{role}");
            assert!(Role::Owner.permissions().include(role.permissions()), "{role}");
        }
    }

    #[test]
    fn nobody_manages_people_without_the_permission_or_with_more_rights() {
        for role in Role::ALL.iter().copied() {
            for other in Role::ALL.iter().copied().filter(|other| role.manages(*other)) {
                assert!(role.permissions().allow(Permission::UserWrite), "{role}");
                assert!(role.permissions().include(other.permissions()), "{role} makes {other}");
            }
        }
    }

    #[test]
    fn those_without_business_there_see_no_secrets() {
        use Permission as P;
        for role in [Role::Collector, Role::Viewer, Role::Finance] {
            assert!(!role.permissions().allow(P::SubscriberPassword), "{role}");
            assert!(!role.permissions().allow(P::RouterSecret), "{role}");
        }
        for role in [Role::Technician, Role::Noc, Role::Collector, Role::Viewer] {
            assert!(!role.permissions().allow(P::CustomerIdentity), "{role}");
        }
    }

    #[test]
    fn unknown_permissions_are_left_out() {
        let set: Permissions = serde_json::from_str(r#"["plan.read","rocket.launch"]"#).unwrap();
        assert_eq!(set, Permissions::of([Permission::PlanRead]));
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["plan.read"]"#);
    }
}
