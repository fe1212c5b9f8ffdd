//! What somebody is in the company, what that allows, and whom it may manage.

use super::{Permission, Permissions};

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
        /// Sells for the tenant: brings customers and their subscribers in.
        Reseller = "reseller",
        /// Sees, and changes nothing.
        Viewer = "viewer",
        /// A role of the tenant's own making, which says itself what it allows.
        Custom = "custom",
    }
}

impl Role {
    /// What it may do by itself; a role of the tenant's own making has what stands in its row.
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
                P::EventRead,
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
            Self::Reseller => Permissions::of([P::PlanRead, P::SubscriberRead, P::SubscriberWrite]),
            Self::Viewer => Permissions::of([
                P::TenantRead,
                P::RouterRead,
                P::PlanRead,
                P::SubscriberRead,
                P::SessionRead,
                P::AuthenticationLog,
            ]),
            Self::Custom => Permissions::NONE,
        }
    }
}

/// A role with what it allows: of who does something, or of whom it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The role.
    pub role: Role,
    /// What may be done: for a program, what its token says and no more.
    pub permissions: Permissions,
}

impl Authority {
    /// That of a role which is not of a tenant's own making.
    #[must_use]
    pub fn of(role: Role) -> Self {
        Self { role, permissions: role.permissions() }
    }

    /// May it make, change and remove people of `other`? Nobody gives what the own authority lacks, and below the owner
    /// nobody manages people of the same standing.
    #[must_use]
    pub fn manages(&self, other: &Self) -> bool {
        let chief = matches!(other.role, Role::SuperAdmin | Role::Owner | Role::Admin);
        let outranks = match self.role {
            Role::SuperAdmin => true,
            Role::Owner => other.role != Role::SuperAdmin,
            Role::Admin => !chief,
            Role::Custom => !chief && other.permissions != self.permissions,
            _ => false,
        };
        outranks && self.permissions.include(other.permissions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_of_a_tenant_rules_the_platform() {
        for role in Role::ALL.iter().copied().filter(|role| *role != Role::SuperAdmin) {
            assert!(!role.permissions().allow(Permission::Platform), "{role}");
            assert!(!Authority::of(role).manages(&Authority::of(Role::SuperAdmin)), "{role}");
            assert!(Role::Owner.permissions().include(role.permissions()), "{role}");
        }
    }

    #[test]
    fn nobody_manages_people_without_the_permission_or_with_more_rights() {
        for role in Role::ALL.iter().copied() {
            let (own, all) = (Authority::of(role), Role::ALL.iter().copied());
            for other in all.filter(|other| own.manages(&Authority::of(*other))) {
                assert!(role.permissions().allow(Permission::UserWrite), "{role}");
                assert!(role.permissions().include(other.permissions()), "{role} makes {other}");
            }
        }
        // A program of the owner's that may manage people gives them no more than it has itself.
        let program = Authority { role: Role::Owner, permissions: Permissions::of([Permission::UserWrite]) };
        assert!(
            !program.manages(&Authority::of(Role::Viewer)) && !program.manages(&Authority::of(Role::Owner))
        );
    }

    #[test]
    fn a_role_of_the_tenant_s_own_making_manages_those_below_it() {
        let custom = |permissions: &[Permission]| Authority {
            role: Role::Custom,
            permissions: Permissions::of(permissions.iter().copied()),
        };
        use Permission as P;
        let head = custom(&[P::UserRead, P::UserWrite, P::PlanRead, P::SubscriberRead]);
        assert!(head.manages(&custom(&[P::PlanRead])));
        assert!(head.manages(&Authority::of(Role::Collector)));
        assert!(!head.manages(&head), "the same standing");
        assert!(!head.manages(&custom(&[P::PlanWrite])), "more than it may itself");
        let everything = Authority { role: Role::Custom, permissions: Role::Owner.permissions() };
        assert!(!everything.manages(&Authority::of(Role::Admin)), "the tenant's chiefs are out of reach");
        assert!(Authority::of(Role::Admin).manages(&head) && Authority::of(Role::Owner).manages(&everything));
    }

    #[test]
    fn those_without_business_there_see_no_secrets() {
        use Permission as P;
        for role in [Role::Collector, Role::Viewer, Role::Finance, Role::Reseller] {
            assert!(!role.permissions().allow(P::SubscriberPassword), "{role}");
            assert!(!role.permissions().allow(P::RouterSecret), "{role}");
        }
        for role in [Role::Technician, Role::Noc, Role::Collector, Role::Viewer, Role::Reseller] {
            assert!(!role.permissions().allow(P::CustomerIdentity), "{role}");
        }
    }
}
