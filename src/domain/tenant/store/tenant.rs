//! The SQL of tenants.

use std::collections::BTreeSet;

use base::{Currency, SaasPlanId, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Result, dialect},
};
use sqlx::types::Json;

use super::super::{IsolationReason, IsolirProfile, Tenant, TenantSpec, TenantStatus};
use crate::domain::values::Version;

#[derive(sqlx::FromRow)]
struct Row {
    id: TenantId,
    name: String,
    slug: String,
    realm: Option<String>,
    time_zone: String,
    currency: Currency,
    locale: String,
    saas_plan_id: SaasPlanId,
    status: TenantStatus,
    standing: TenantStatus,
    isolation: Json<BTreeSet<IsolationReason>>,
    service_stopped: bool,
    isolir_profile: Json<IsolirProfile>,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Row> for Tenant {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            spec: TenantSpec {
                name: row.name,
                slug: row.slug,
                realm: row.realm,
                time_zone: row.time_zone,
                currency: row.currency,
                locale: row.locale,
            },
            saas_plan: row.saas_plan_id,
            status: row.status,
            standing: row.standing,
            isolation: row.isolation.0,
            service_stopped: row.service_stopped,
            isolir_profile: row.isolir_profile.0,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

const SELECT: &str = "SELECT id, name, slug, realm, time_zone, currency, locale, saas_plan_id, status, \
                      standing, isolation, service_stopped, isolir_profile, version, created_at, updated_at FROM tenant WHERE ";

/// `false` when the short name is taken.
pub(in super::super) async fn insert(conn: &mut Conn, tenant: &Tenant) -> Result<bool> {
    conn.query(
        "INSERT INTO tenant (id, name, slug, realm, time_zone, currency, locale, saas_plan_id, status, standing, \
         isolation, service_stopped, isolir_profile, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (slug) DO NOTHING",
    )
    .bind(tenant.id)
    .bind(&tenant.spec.name)
    .bind(&tenant.spec.slug)
    .bind(&tenant.spec.realm)
    .bind(&tenant.spec.time_zone)
    .bind(tenant.spec.currency)
    .bind(&tenant.spec.locale)
    .bind(tenant.saas_plan)
    .bind(tenant.status)
    .bind(tenant.standing)
    .bind(Json(&tenant.isolation))
    .bind(tenant.service_stopped)
    .bind(Json(&tenant.isolir_profile))
    .bind(tenant.version)
    .bind(tenant.created_at)
    .bind(tenant.updated_at)
    .execute_optional()
    .await
}

/// `false` when the row is not at `version` any more.
pub(in super::super) async fn update(conn: &mut Conn, tenant: &Tenant, version: Version) -> Result<bool> {
    conn.query(
        "UPDATE tenant SET name = $3, slug = $4, realm = $5, time_zone = $6, currency = $7, locale = $8, \
         saas_plan_id = $9, status = $10, standing = $11, isolation = $12, service_stopped = $13, \
         isolir_profile = $14, version = $15, updated_at = $16 \
         WHERE id = $1 AND version = $2",
    )
    .bind(tenant.id)
    .bind(version)
    .bind(&tenant.spec.name)
    .bind(&tenant.spec.slug)
    .bind(&tenant.spec.realm)
    .bind(&tenant.spec.time_zone)
    .bind(tenant.spec.currency)
    .bind(&tenant.spec.locale)
    .bind(tenant.saas_plan)
    .bind(tenant.status)
    .bind(tenant.standing)
    .bind(Json(&tenant.isolation))
    .bind(tenant.service_stopped)
    .bind(Json(&tenant.isolir_profile))
    .bind(tenant.version)
    .bind(tenant.updated_at)
    .execute_optional()
    .await
}

/// Nobody else changes the row until the commit; rows that refer to it may still be made.
pub(in super::super) async fn lock(conn: &mut Conn, id: TenantId) -> Result<()> {
    let text = dialect(
        "SELECT id FROM tenant WHERE id = $1",
        "SELECT id FROM tenant WHERE id = $1 FOR NO KEY UPDATE",
    );
    let _found: Option<(TenantId,)> = conn.query(text).bind(id).fetch_optional().await?;
    Ok(())
}

/// Does another tenant have the short name?
pub(in super::super) async fn slug_is_taken(conn: &mut Conn, tenant: TenantId, slug: &str) -> Result<bool> {
    let other: Option<(TenantId,)> = conn
        .query("SELECT id FROM tenant WHERE slug = $1 AND id <> $2")
        .bind(slug)
        .bind(tenant)
        .fetch_optional()
        .await?;
    Ok(other.is_some())
}

pub(in super::super) async fn find(conn: &mut Conn, id: TenantId) -> Result<Option<Tenant>> {
    Ok(conn.query(SELECT).push("id = $1").bind(id).fetch_optional::<Row>().await?.map(Tenant::from))
}

pub(in super::super) async fn find_by_slug(conn: &mut Conn, slug: &str) -> Result<Option<Tenant>> {
    Ok(conn.query(SELECT).push("slug = $1").bind(slug).fetch_optional::<Row>().await?.map(Tenant::from))
}

/// The tenants behind `after`, in the order of ids.
pub(in super::super) async fn list(
    conn: &mut Conn,
    after: Option<TenantId>,
    limit: i64,
) -> Result<Vec<Tenant>> {
    let rows: Vec<Row> = conn
        .query(SELECT)
        .push("id > $1 ORDER BY id LIMIT $2")
        .bind(after.unwrap_or(TenantId::PLATFORM))
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(Tenant::from).collect())
}
