//! In whose name something is published, audited or changed.

use base::{Platform, Scope, TenantId};

/// A [`Scope`], whose stream is its tenant's, or the [`Platform`], whose stream is its own.
pub trait Origin: sealed::Sealed {
    /// Whose stream.
    fn stream(&self) -> TenantId;
    /// Who acts, from where, when and why.
    fn act(&self) -> &Platform;
}

impl Origin for Scope {
    fn stream(&self) -> TenantId {
        self.tenant()
    }

    fn act(&self) -> &Platform {
        self.act()
    }
}

impl Origin for Platform {
    fn stream(&self) -> TenantId {
        TenantId::PLATFORM
    }

    fn act(&self) -> &Platform {
        self
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "that nobody else can name it is its use")]
    pub trait Sealed {}
    impl Sealed for base::Scope {}
    impl Sealed for base::Platform {}
}
