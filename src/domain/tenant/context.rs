//! What somebody who signs in learns of the tenant: how it stands, its plan, its features and limits.

use base::{Currency, SaasPlanId, Scope, TenantId};
use foundation::{
    Conn,
    db::{self, Error},
};
use serde::Serialize;

use super::{
    Feature, FeatureSet, TenantStatus, features,
    limit::{self, LimitState},
    store,
};

/// What a signed-in person works within.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantContext {
    /// The tenant's id.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Its short name.
    pub slug: String,
    /// How it stands with the platform.
    pub status: TenantStatus,
    /// Its time zone.
    pub time_zone: String,
    /// The currency of its prices.
    pub currency: Currency,
    /// Its language.
    pub locale: String,
    /// What the platform sells to it.
    pub plan: PlanName,
    /// What it may use.
    #[schema(value_type = Vec<Feature>)]
    pub features: FeatureSet,
    /// How much it may have, and has.
    pub limits: Vec<LimitState>,
}

/// A SaaS plan by its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SaasPlanName)]
pub struct PlanName {
    /// Its id.
    pub id: SaasPlanId,
    /// Its short name.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// What the scope's tenant works within, as it is now.
///
/// # Errors
/// When there is no such tenant, or the database cannot be read.
pub async fn context(conn: &mut Conn, scope: &Scope) -> db::Result<TenantContext> {
    let tenant = store::tenant::find(conn, scope.tenant()).await?.ok_or(Error::RowNotFound)?;
    let plan = store::saas_plan::find(conn, tenant.saas_plan).await?.ok_or(Error::RowNotFound)?;
    Ok(TenantContext {
        id: tenant.id,
        name: tenant.spec.name,
        slug: tenant.spec.slug,
        status: tenant.status,
        time_zone: tenant.spec.time_zone,
        currency: tenant.spec.currency,
        locale: tenant.spec.locale,
        plan: PlanName { id: plan.id, code: plan.spec.code, name: plan.spec.name },
        features: features(conn, scope).await?,
        limits: limit::states(conn, scope).await?,
    })
}
