//! Changing what is wanted of a router.

use std::net::IpAddr;

use base::{
    RouterId, Scope,
    seal::{OpenError, Sealer},
};
use foundation::{Tx, audit, audit::Masked, db};

use super::{
    super::values::{Entry, Invalid, Stale, Version},
    Router, RouterSpec, SharingError, secret,
    sharing::Neighbours,
    store,
};

/// Why a router cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// There is no such router.
    #[error("there is no such router")]
    NotFound,
    /// It was changed since the caller read it.
    #[error("the router was changed meanwhile")]
    Stale(#[from] Stale),
    /// A value cannot be accepted.
    #[error("the change cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The tenant has a router of this name.
    #[error("the name is taken")]
    NameTaken,
    /// It does not go with the others at its addresses.
    #[error(transparent)]
    Sharing(#[from] SharingError),
    /// Its stored secret, to be compared with others, does not open.
    #[error("the stored secret cannot be opened")]
    Sealed(#[from] OpenError),
    /// The database refused.
    #[error("the router cannot be stored")]
    Database(#[from] db::Error),
}

/// What a change of a router does to its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretChange {
    /// It stays.
    Keep,
    /// It is replaced by one that we make: it may then come to an address where another tenant is.
    Generate,
}

/// Changes everything but the secret, or also the secret to a fresh one.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn update(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    id: RouterId,
    seen: Option<Version>,
    spec: RouterSpec,
    secret: SecretChange,
) -> Result<Router, UpdateError> {
    // Before its addresses are held, as everybody does it: two changes of a router wait for each other in one order.
    if !store::hold_alone(tx, scope, id).await? {
        return Err(UpdateError::NotFound);
    }
    let before = store::find(tx, scope, id).await?.ok_or(UpdateError::NotFound)?;
    before.version.expect(seen)?;
    let spec = spec.validated()?;
    if spec == before.spec && secret == SecretChange::Keep {
        return Ok(before);
    }
    let after = Router { spec, version: before.version.next(), updated_at: scope.now(), ..before.clone() };
    if store::name_is_taken(tx, scope, id, &after.spec.name).await? {
        return Err(UpdateError::NameTaken);
    }
    let neighbours = Neighbours::hold(tx, &after).await?;
    neighbours.ensure_signed(scope, after.spec.message_authenticator)?;
    if after.spec.addresses != before.spec.addresses {
        if secret == SecretChange::Keep {
            let sealed = store::sealed_secret(tx, scope, id).await?.ok_or(UpdateError::NotFound)?;
            let own = secret::open(sealer, scope.tenant(), id, &sealed)?;
            // Whether somebody chose it is not remembered: it counts as chosen.
            neighbours.ensure_choosable(scope, sealer, &own, &coming_to(&before, &after))?;
        }
        store::set_addresses(tx, scope, id, &after.spec.addresses).await?;
    }
    store::update(tx, scope, &after, before.version).await?;
    tx.audit(scope, audit::Entry::new("router.update", "router", id).before(&before).after(&after));
    if secret == SecretChange::Generate {
        let (fresh, _) = secret::choose(None)?;
        let sealed = sealer.seal(&secret::place(scope.tenant(), &id), fresh.expose().as_bytes());
        store::set_secret(tx, scope, &after, &sealed).await?;
        tx.audit(scope, audit::Entry::new("router.set_secret", "router", id).before(&Masked).after(&Masked));
    }
    tx.changed(scope, Entry::Router(id).into());
    Ok(after)
}

/// The addresses that it has from now on.
fn coming_to(before: &Router, after: &Router) -> Vec<IpAddr> {
    let had = &before.spec.addresses;
    after.spec.addresses.iter().filter(|address| !had.contains(address)).copied().collect()
}
