//! Changing what is wanted of a router.

use base::{RouterId, Scope, seal::Sealer};
use foundation::{Tx, audit, db};

use super::{
    super::values::{Entry, Invalid, Stale, Version},
    Router, RouterSpec, SecretError, secret, store,
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
    /// Its secret does not go with the new addresses.
    #[error("the router's secret does not go with its addresses")]
    Secret(#[from] SecretError),
    /// The database refused.
    #[error("the router cannot be stored")]
    Database(#[from] db::Error),
}

/// Changes everything but the secret.
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
) -> Result<Router, UpdateError> {
    let before = store::find(tx, scope, id).await?.ok_or(UpdateError::NotFound)?;
    before.version.expect(seen)?;
    let spec = spec.validated()?;
    if spec == before.spec {
        return Ok(before);
    }
    let after = Router { spec, version: before.version.next(), updated_at: scope.now(), ..before.clone() };
    if store::name_is_taken(tx, scope, id, &after.spec.name).await? {
        return Err(UpdateError::NameTaken);
    }
    if after.spec.addresses != before.spec.addresses {
        let sealed = store::sealed_secret(tx, scope, id).await?.ok_or(UpdateError::NotFound)?;
        let own = secret::open(sealer, scope.tenant(), id, &sealed).map_err(SecretError::from)?;
        secret::ensure_distinct(tx, sealer, &after, &own).await?;
        store::set_addresses(tx, scope, id, &after.spec.addresses).await?;
    }
    store::update(tx, scope, &after, before.version).await?;
    tx.audit(scope, audit::Entry::new("router.update", "router", id).before(&before).after(&after));
    tx.changed(scope, Entry::Router(id).into());
    Ok(after)
}
