//! Shared secrets: sealed at rest, chosen or made here.

use base::{
    RouterId, Scope, SecretString, TenantId,
    seal::{OpenError, Place, Sealer},
};
use foundation::{Tx, audit, audit::Masked, db};

use super::{
    super::values::{Entry, Invalid, invalid::ensure, random},
    Router, SharingError,
    sharing::Neighbours,
    store,
};

/// Shortest secret that is accepted. What is shorter is guessed from one captured packet; 16 is what RFC 2865 §3 would like.
const MIN_OCTETS: usize = 8;
/// Longest secret: beyond it some routers cut it off.
const MAX_OCTETS: usize = 64;
/// Characters of one that we make: 186 bits.
const GENERATED_LENGTH: usize = 32;

/// Why something cannot be done with a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such router.
    #[error("there is no such router")]
    NotFound,
    /// The secret cannot be accepted.
    #[error("the secret cannot be accepted")]
    Invalid(#[from] Invalid),
    /// It does not go with the others at the router's addresses.
    #[error(transparent)]
    Sharing(#[from] SharingError),
    /// The stored secret does not open.
    #[error("the stored secret cannot be opened")]
    Sealed(#[from] OpenError),
    /// The database refused.
    #[error("the secret cannot be stored")]
    Database(#[from] db::Error),
}

/// Where a router's secret is sealed.
pub(super) fn place(tenant: TenantId, id: &RouterId) -> Place<'_> {
    Place { tenant, table: "router", column: "secret", row: id.as_bytes() }
}

/// The secret that was asked for, checked, or a fresh one; and whether we made it.
pub(super) fn choose(wanted: Option<SecretString>) -> Result<(SecretString, bool), Invalid> {
    let Some(secret) = wanted else { return Ok((random::readable(GENERATED_LENGTH), true)) };
    let text = secret.expose();
    ensure((MIN_OCTETS..=MAX_OCTETS).contains(&text.len()), "secret", "must have 8 to 64 characters")?;
    ensure(
        text.bytes().all(|octet| octet.is_ascii_graphic()),
        "secret",
        "must be letters, digits and signs of ASCII without spaces",
    )?;
    Ok((secret, false))
}

/// Opens a router's secret for somebody to see. The audit trail says who saw it.
///
/// # Errors
/// As [`SecretError`] says.
pub async fn reveal_secret(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    id: RouterId,
) -> Result<SecretString, SecretError> {
    let sealed = store::sealed_secret(tx, scope, id).await?.ok_or(SecretError::NotFound)?;
    let secret = open(sealer, scope.tenant(), id, &sealed)?;
    tx.audit(scope, audit::Entry::new("router.reveal_secret", "router", id));
    Ok(secret)
}

/// Replaces a router's secret by another one, or by one that we make, which is then returned.
///
/// # Errors
/// As [`SecretError`] says.
pub async fn set_secret(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    id: RouterId,
    wanted: Option<SecretString>,
) -> Result<SecretString, SecretError> {
    // Held, so that no address comes to it meanwhile that the secret was not looked at for.
    if !store::hold_alone(tx, scope, id).await? {
        return Err(SecretError::NotFound);
    }
    let router = store::find(tx, scope, id).await?.ok_or(SecretError::NotFound)?;
    let (secret, is_generated) = choose(wanted)?;
    if !is_generated {
        let addresses = &router.spec.addresses;
        Neighbours::hold(tx, &router).await?.ensure_choosable(scope, sealer, &secret, addresses)?;
    }
    let sealed = sealer.seal(&place(scope.tenant(), &id), secret.expose().as_bytes());
    let after = Router { version: router.version.next(), updated_at: scope.now(), ..router };
    store::set_secret(tx, scope, &after, &sealed).await?;
    tx.audit(scope, audit::Entry::new("router.set_secret", "router", id).before(&Masked).after(&Masked));
    tx.changed(scope, Entry::Router(id).into());
    Ok(secret)
}

/// The clear text of what is sealed for this router.
pub(super) fn open(
    sealer: &Sealer,
    tenant: TenantId,
    id: RouterId,
    sealed: &[u8],
) -> Result<SecretString, OpenError> {
    let secret = sealer.open(&place(tenant, &id), sealed)?;
    // We accept ASCII alone; anything else was put there by somebody else.
    String::from_utf8(secret.expose().to_vec()).map(SecretString::new).map_err(|_| OpenError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_short_and_odd_secrets_are_refused() {
        let choose = |text: &str| choose(Some(SecretString::new(text.into())));
        for text in ["", "1234567", "with space", "über-secret", "tab\there!", &"x".repeat(65)] {
            assert!(choose(text).is_err(), "{text:?}");
        }
        assert!(choose("testing123").is_ok());
        let (secret, generated) = super::choose(None).unwrap();
        assert!(generated && secret.expose().len() == 32);
    }
}
