//! The SQL of features: what plan, add-ons and super admin say.

use base::{Scope, TenantAddonId};
use foundation::{
    Conn,
    db::{Error, Result},
};

use super::super::feature::{
    Feature,
    decide::{Source, Word},
};

/// What is said about the tenant's features. What this version does not know is left out.
pub(in super::super) async fn words(conn: &mut Conn, scope: &Scope) -> Result<Vec<Word>> {
    let rows: Vec<(String, String, bool)> = conn
        .query(
            "SELECT 'plan', f.feature, TRUE FROM tenant t JOIN saas_plan_feature f ON f.plan_id = t.saas_plan_id \
             WHERE t.id = $1 \
             UNION ALL SELECT 'addon', feature, TRUE FROM feature_grant WHERE tenant_id = $1 \
             UNION ALL SELECT 'override', feature, enabled FROM feature_override WHERE tenant_id = $1",
        )
        .bind(scope.tenant())
        .fetch_all()
        .await?;
    rows.into_iter()
        .filter_map(|(source, feature, enabled)| {
            let source = match source.as_str() {
                "plan" => Source::Plan,
                "addon" => Source::Addon,
                "override" => Source::Override,
                other => return Some(Err(Error::decode(format!("{other} says nothing about features")))),
            };
            feature.parse::<Feature>().ok().map(|feature| Ok(Word { source, feature, enabled }))
        })
        .collect()
}

pub(in super::super) async fn set_override(
    conn: &mut Conn,
    scope: &Scope,
    feature: Feature,
    enabled: Option<bool>,
) -> Result<()> {
    let Some(enabled) = enabled else {
        conn.query("DELETE FROM feature_override WHERE tenant_id = $1 AND feature = $2")
            .bind(scope.tenant())
            .bind(feature)
            .execute()
            .await?;
        return Ok(());
    };
    conn.query(
        "INSERT INTO feature_override (tenant_id, feature, enabled, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, feature) DO UPDATE SET enabled = excluded.enabled, at = excluded.at",
    )
    .bind(scope.tenant())
    .bind(feature)
    .bind(enabled)
    .bind(scope.now())
    .execute_one()
    .await
}

/// Replaces what one add-on grants.
pub(in super::super) async fn set_grants(
    conn: &mut Conn,
    scope: &Scope,
    source: TenantAddonId,
    features: &[Feature],
) -> Result<()> {
    conn.query("DELETE FROM feature_grant WHERE tenant_id = $1 AND source_id = $2")
        .bind(scope.tenant())
        .bind(source)
        .execute()
        .await?;
    for feature in features {
        conn.query("INSERT INTO feature_grant (tenant_id, source_id, feature) VALUES ($1, $2, $3)")
            .bind(scope.tenant())
            .bind(source)
            .bind(*feature)
            .execute_one()
            .await?;
    }
    Ok(())
}

/// What one add-on grants, in the order of declaration.
pub(in super::super) async fn grants(
    conn: &mut Conn,
    scope: &Scope,
    source: TenantAddonId,
) -> Result<Vec<Feature>> {
    let rows: Vec<(String,)> = conn
        .query("SELECT feature FROM feature_grant WHERE tenant_id = $1 AND source_id = $2")
        .bind(scope.tenant())
        .bind(source)
        .fetch_all()
        .await?;
    let mut features: Vec<Feature> = rows.into_iter().filter_map(|(name,)| name.parse().ok()).collect();
    features.sort_unstable();
    Ok(features)
}
