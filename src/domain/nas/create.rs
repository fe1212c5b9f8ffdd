//! Adding a router.

use base::{RouterId, Scope, SecretString, seal::Sealer};
use foundation::{Tx, audit, db};

use super::{
    super::{
        tenant::limit::{self, Limit, LimitReached, TakeError},
        values::{Entry, Invalid, Version},
    },
    Router, RouterCreated, RouterSpec, SharingError, secret,
    sharing::Neighbours,
    store,
};

/// A router that was just added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The router.
    pub router: Router,
    /// Its secret, to be put into it.
    pub secret: SecretString,
}

/// Why a router cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A value cannot be accepted.
    #[error("the router cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The tenant has a router of this name.
    #[error("the name is taken")]
    NameTaken,
    /// It does not go with the others at its addresses.
    #[error(transparent)]
    Sharing(#[from] SharingError),
    /// The tenant has as many routers as it may have.
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    /// The database refused.
    #[error("the router cannot be stored")]
    Database(#[from] db::Error),
}

impl From<TakeError> for CreateError {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Reached(reached) => Self::LimitReached(reached),
            TakeError::Database(error) => Self::Database(error),
        }
    }
}

/// Adds a router. Without a secret one is made.
///
/// # Errors
/// As [`CreateError`] says.
pub async fn create(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    spec: RouterSpec,
    wanted: Option<SecretString>,
) -> Result<Created, CreateError> {
    let router = Router {
        id: RouterId::generate(scope.now()),
        spec: spec.validated()?,
        version: Version::FIRST,
        created_at: scope.now(),
        updated_at: scope.now(),
    };
    let (secret, is_generated) = secret::choose(wanted)?;
    limit::take(tx, scope, Limit::Routers, 1).await?;
    let neighbours = Neighbours::hold(tx, &router).await?;
    neighbours.ensure_signed(scope, router.spec.message_authenticator)?;
    if !is_generated {
        neighbours.ensure_choosable(scope, sealer, &secret, &router.spec.addresses)?;
    }
    let sealed = sealer.seal(&secret::place(scope.tenant(), &router.id), secret.expose().as_bytes());
    if !store::insert(tx, scope, &router, &sealed).await? {
        return Err(CreateError::NameTaken);
    }
    store::set_addresses(tx, scope, router.id, &router.spec.addresses).await?;
    tx.publish(scope, &RouterCreated { router: router.id });
    tx.audit(scope, audit::Entry::new("router.create", "router", router.id).after(&router));
    tx.changed(scope, Entry::Router(router.id).into());
    Ok(Created { router, secret })
}
