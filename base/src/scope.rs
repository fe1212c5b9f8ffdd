//! Whose data, on whose behalf, when: without a [`Scope`] no tenant's data can be asked for.

use std::{fmt, net::IpAddr};

use crate::{ApiTokenId, TenantId, Timestamp, UserId};

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person, signed in.
    User(UserId),
    /// A program, by its token.
    Token(ApiTokenId),
    /// The daemon itself; the text names the part, such as `isolir.executor`.
    System(&'static str),
}

impl fmt::Display for Actor {
    /// `user:ID`, `token:ID` or `system:part`, as the audit trail stores it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
            Self::System(part) => write!(f, "system:{part}"),
        }
    }
}

/// One tenant's data, as one actor may see it, at one moment.
#[derive(Clone, Debug)]
pub struct Scope {
    tenant: TenantId,
    act: Platform,
}

impl Scope {
    /// The tenant whose data may be touched.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The moment of the request.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.act.now
    }

    /// Who acts, from where and why.
    #[must_use]
    pub const fn act(&self) -> &Platform {
        &self.act
    }
}

/// An act on the platform as a whole; opens the scope of a tenant. Only the super admin, and the daemon for its own
/// work, hold one: a tenant's people are given a [`Scope`] and cannot get back from it.
#[derive(Clone, Debug)]
pub struct Platform {
    /// Who acts.
    pub actor: Actor,
    /// From which address, when it came over the network.
    pub from: Option<IpAddr>,
    /// Why, when an override had to give its reason.
    pub reason: Option<String>,
    /// The moment of the request.
    pub now: Timestamp,
}

impl Platform {
    /// An act of the daemon's own part `part`.
    #[must_use]
    pub const fn system(part: &'static str, now: Timestamp) -> Self {
        Self { actor: Actor::System(part), from: None, reason: None, now }
    }

    /// The same act, on the data of `tenant`.
    #[must_use]
    pub fn within(&self, tenant: TenantId) -> Scope {
        Scope { tenant, act: self.clone() }
    }

    /// The moment of the request.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }
}
