//! What add-ons add to a tenant's plan.

use base::{Scope, TenantAddonId};
use foundation::{Tx, db};

use super::{feature::Feature, limit::Limit, store};

/// What one add-on of a tenant adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Limits and by how much.
    pub limits: Vec<(Limit, i64)>,
    /// Features.
    pub features: Vec<Feature>,
}

/// Replaces what the add-on `source` adds; nothing when it has ended. In force at the tenant's next request.
///
/// # Errors
/// When the database cannot be used.
pub async fn set_grants(
    tx: &mut Tx,
    scope: &Scope,
    source: TenantAddonId,
    grants: &Grants,
) -> db::Result<()> {
    store::limit::set_grants(tx, scope, source, &grants.limits).await?;
    store::feature::set_grants(tx, scope, source, &grants.features).await
}

/// What the add-on `source` adds now.
///
/// # Errors
/// When the database cannot be read.
pub async fn grants(conn: &mut foundation::Conn, scope: &Scope, source: TenantAddonId) -> db::Result<Grants> {
    Ok(Grants {
        limits: store::limit::grants(conn, scope, source).await?,
        features: store::feature::grants(conn, scope, source).await?,
    })
}
