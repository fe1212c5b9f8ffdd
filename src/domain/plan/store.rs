//! The SQL of plans.

use base::{Currency, Minor, PlanId, Scope, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Result, Sql, dialect},
};
use sqlx::types::Json;

use super::{
    super::values::{AttributeText, Version},
    Billing, Plan, PlanSpec, Service, Validity,
};

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) tenant_id: TenantId,
    pub(super) id: PlanId,
    name: String,
    service: Json<Service>,
    attributes: Json<Vec<AttributeText>>,
    pub(super) composed_attributes: Vec<u8>,
    price: Minor,
    currency: Currency,
    billing: Billing,
    validity_months: i64,
    validity_days: i64,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Row> for Plan {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            spec: PlanSpec {
                name: row.name,
                service: row.service.0,
                attributes: row.attributes.0,
                price: row.price,
                currency: row.currency,
                billing: row.billing,
                validity: Validity {
                    months: u16::try_from(row.validity_months).unwrap_or(u16::MAX),
                    days: u16::try_from(row.validity_days).unwrap_or(u16::MAX),
                },
            },
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

const SELECT: &str = "SELECT tenant_id, id, name, service, attributes, composed_attributes, price, currency, billing, \
                      validity_months, validity_days, version, created_at, updated_at \
                      FROM plan WHERE deleted_at IS NULL AND ";

/// `false` when the name is taken.
pub(super) async fn insert(conn: &mut Conn, scope: &Scope, plan: &Plan, composed: &[u8]) -> Result<bool> {
    conn.query(
        "INSERT INTO plan (tenant_id, id, name, service, attributes, composed_attributes, price, currency, billing, \
         validity_months, validity_days, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
    )
    .bind(scope.tenant())
    .bind(plan.id)
    .bind(&plan.spec.name)
    .bind(Json(&plan.spec.service))
    .bind(Json(&plan.spec.attributes))
    .bind(composed)
    .bind(plan.spec.price)
    .bind(plan.spec.currency)
    .bind(plan.spec.billing)
    .bind(i64::from(plan.spec.validity.months))
    .bind(i64::from(plan.spec.validity.days))
    .bind(plan.version)
    .bind(plan.created_at)
    .bind(plan.updated_at)
    .execute_optional()
    .await
}

pub(super) async fn update(
    conn: &mut Conn,
    scope: &Scope,
    plan: &Plan,
    composed: &[u8],
    version: Version,
) -> Result<()> {
    conn.query(
        "UPDATE plan SET name = $4, service = $5, attributes = $6, composed_attributes = $7, price = $8, \
         currency = $9, billing = $10, validity_months = $11, validity_days = $12, version = $13, updated_at = $14 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(plan.id)
    .bind(version)
    .bind(&plan.spec.name)
    .bind(Json(&plan.spec.service))
    .bind(Json(&plan.spec.attributes))
    .bind(composed)
    .bind(plan.spec.price)
    .bind(plan.spec.currency)
    .bind(plan.spec.billing)
    .bind(i64::from(plan.spec.validity.months))
    .bind(i64::from(plan.spec.validity.days))
    .bind(plan.version)
    .bind(plan.updated_at)
    .execute_one()
    .await
}

pub(super) async fn delete(conn: &mut Conn, scope: &Scope, id: PlanId) -> Result<()> {
    conn.query(
        "UPDATE plan SET deleted_at = $3, version = version + 1 \
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(id)
    .bind(scope.now())
    .execute_one()
    .await
}

/// How many subscribers have the plan.
pub(super) async fn subscribers(conn: &mut Conn, scope: &Scope, id: PlanId) -> Result<i64> {
    let (count,): (i64,) = conn
        .query("SELECT COUNT(*) FROM subscriber WHERE tenant_id = $1 AND plan_id = $2 AND deleted_at IS NULL")
        .bind(scope.tenant())
        .bind(id)
        .fetch_one()
        .await?;
    Ok(count)
}

pub(super) async fn name_is_taken(conn: &mut Conn, scope: &Scope, id: PlanId, name: &str) -> Result<bool> {
    let other: Option<(PlanId,)> = conn
        .query("SELECT id FROM plan WHERE tenant_id = $1 AND name = $2 AND id <> $3 AND deleted_at IS NULL")
        .bind(scope.tenant())
        .bind(name)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(other.is_some())
}

/// Whether the plan is there; then it cannot be removed before the commit.
pub(super) async fn hold(conn: &mut Conn, scope: &Scope, id: PlanId) -> Result<bool> {
    locked(conn, scope, id, dialect("", " FOR SHARE")).await
}

/// Whether the plan is there; then nobody else can hold it before the commit.
pub(super) async fn hold_alone(conn: &mut Conn, scope: &Scope, id: PlanId) -> Result<bool> {
    locked(conn, scope, id, dialect("", " FOR UPDATE")).await
}

/// SQLite's one writer holds everything; PostgreSQL is told what to hold.
async fn locked(conn: &mut Conn, scope: &Scope, id: PlanId, lock: Sql) -> Result<bool> {
    let found: Option<(PlanId,)> = conn
        .query("SELECT id FROM plan WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL")
        .push_sql(lock)
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

pub(super) async fn find_row(conn: &mut Conn, scope: &Scope, id: PlanId) -> Result<Option<Row>> {
    conn.query(SELECT).push("tenant_id = $1 AND id = $2").bind(scope.tenant()).bind(id).fetch_optional().await
}

pub(super) async fn find(conn: &mut Conn, scope: &Scope, id: PlanId) -> Result<Option<Plan>> {
    Ok(find_row(conn, scope, id).await?.map(Plan::from))
}

pub(super) async fn list(
    conn: &mut Conn,
    scope: &Scope,
    after: Option<PlanId>,
    limit: i64,
) -> Result<Vec<Plan>> {
    let mut query = conn.query(SELECT).push("tenant_id = ").push_bind(scope.tenant());
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all().await?;
    Ok(rows.into_iter().map(Plan::from).collect())
}

pub(super) async fn names(conn: &mut Conn, scope: &Scope, limit: i64) -> Result<Vec<(String, PlanId)>> {
    conn.query("SELECT name, id FROM plan WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2")
        .bind(scope.tenant())
        .bind(limit)
        .fetch_all()
        .await
}

/// The plans of all tenants behind `after`, in the order of tenants and ids.
pub(super) async fn all(conn: &mut Conn, after: Option<(TenantId, PlanId)>, limit: i64) -> Result<Vec<Row>> {
    let mut query = conn.query(SELECT).push("TRUE");
    if let Some((tenant, id)) = after {
        query = query.push(" AND (tenant_id, id) > (").push_bind(tenant).push(", ").push_bind(id).push(")");
    }
    query.push(" ORDER BY tenant_id, id LIMIT ").push_bind(limit).fetch_all().await
}
