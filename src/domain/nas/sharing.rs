//! Addresses that several routers share, also across tenants: behind one NAT they do. What keeps the routers apart, and
//! a tenant from another's logins and secrets.

use std::net::IpAddr;

use base::{RouterId, Scope, SecretString, TenantId, seal::Sealer};
use foundation::{Conn, db};
use subtle::ConstantTimeEq as _;

use super::{MessageAuthenticator, Router, secret, store};

/// Why a router cannot share an address with those that are there.
#[derive(Debug, thiserror::Error)]
pub enum SharingError {
    /// Another tenant is there, and one of the two routers does not sign its requests: nothing proves whose those are.
    #[error(
        "a router of another tenant has the same address, and one of the two does not sign its requests; let this one \
         sign (messageAuthenticator \"required\"), or ask the platform"
    )]
    Unsigned,
    /// Another tenant is there: whoever could choose a secret could guess at theirs.
    #[error(
        "a router of another tenant has the same address, where secrets are generated; leave `secret` out, or change \
         the router with newSecret=true, and put the new secret into it"
    )]
    Chosen,
    /// Another router of the tenant has the same secret there: which of the two sent a packet could not be told.
    #[error("a router with the same address has the same secret; choose another one")]
    Equal,
    /// The database refused.
    #[error("the address's routers cannot be read")]
    Database(#[from] db::Error),
}

/// Another router at one of a router's addresses.
pub(super) struct Neighbour {
    pub(super) address: IpAddr,
    pub(super) tenant: TenantId,
    pub(super) id: RouterId,
    /// Its secret, sealed.
    pub(super) secret: Vec<u8>,
    pub(super) message_authenticator: MessageAuthenticator,
}

/// All others at a router's addresses. The addresses are held until the commit: no two routers pass each other.
pub(super) struct Neighbours(Vec<Neighbour>);

impl Neighbours {
    pub(super) async fn hold(conn: &mut Conn, router: &Router) -> db::Result<Self> {
        store::lock_addresses(conn, &router.spec.addresses).await?;
        let mut found = store::routers_at(conn, &router.spec.addresses).await?;
        found.retain(|neighbour| neighbour.id != router.id);
        Ok(Self(found))
    }

    /// An address with a router that does not sign belongs to its tenant alone: an unsigned request is held for that
    /// router's.
    pub(super) fn ensure_signed(
        &self,
        scope: &Scope,
        policy: MessageAuthenticator,
    ) -> Result<(), SharingError> {
        let is_unsigned = self
            .foreign(scope)
            .any(|neighbour| [policy, neighbour.message_authenticator].contains(&MessageAuthenticator::Off));
        if is_unsigned { Err(SharingError::Unsigned) } else { Ok(()) }
    }

    /// Makes sure that a secret that somebody chose may come to these addresses. Where another tenant is, it never may,
    /// whatever it is: an answer that depended on their secret would tell it. One that we made needs no such look, since
    /// nobody could have made it before.
    pub(super) fn ensure_choosable(
        &self,
        scope: &Scope,
        sealer: &Sealer,
        chosen: &SecretString,
        coming_to: &[IpAddr],
    ) -> Result<(), SharingError> {
        if self.foreign(scope).any(|neighbour| coming_to.contains(&neighbour.address)) {
            return Err(SharingError::Chosen);
        }
        for own in self.0.iter().filter(|neighbour| neighbour.tenant == scope.tenant()) {
            // One that does not open cannot verify a packet either; the tenant is told at start-up.
            let Ok(other) = sealer.open(&secret::place(own.tenant, &own.id), &own.secret) else { continue };
            if bool::from(other.expose().ct_eq(chosen.expose().as_bytes())) {
                return Err(SharingError::Equal);
            }
        }
        Ok(())
    }

    fn foreign(&self, scope: &Scope) -> impl Iterator<Item = &Neighbour> {
        let own = scope.tenant();
        self.0.iter().filter(move |neighbour| neighbour.tenant != own)
    }
}
