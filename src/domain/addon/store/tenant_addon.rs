//! The SQL of what tenants asked for and have.

use base::{AddonId, Currency, Minor, Platform, Scope, TenantAddonId, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Result, dialect},
};

use super::super::{AddonStatus, TenantAddon};
use crate::domain::{
    tenant::saas_plan::Cycle,
    values::{Day, Version},
};

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: TenantId,
    id: TenantAddonId,
    addon_id: AddonId,
    status: AddonStatus,
    units: i64,
    unit_price: Minor,
    currency: Currency,
    cycle: Cycle,
    note: String,
    decided_by: Option<String>,
    decision: Option<String>,
    active_from: Option<Day>,
    units_from: Option<Day>,
    next_units: Option<i64>,
    next_from: Option<Day>,
    next_at: Option<Timestamp>,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Row> for TenantAddon {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            addon: row.addon_id,
            status: row.status,
            units: row.units,
            unit_price: row.unit_price,
            currency: row.currency,
            cycle: row.cycle,
            note: row.note,
            decided_by: row.decided_by,
            decision: row.decision,
            active_from: row.active_from,
            units_from: row.units_from,
            next_units: row.next_units,
            next_from: row.next_from,
            next_at: row.next_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

const SELECT: &str = "SELECT tenant_id, id, addon_id, status, units, unit_price, currency, cycle, note, decided_by, \
                      decision, active_from, units_from, next_units, next_from, next_at, version, created_at, \
                      updated_at FROM tenant_addon WHERE ";

/// `false` when the tenant has it, or has asked for it.
pub(in super::super) async fn insert(conn: &mut Conn, scope: &Scope, row: &TenantAddon) -> Result<bool> {
    conn.query(
        "INSERT INTO tenant_addon (tenant_id, id, addon_id, status, units, unit_price, currency, cycle, note, version, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
    )
    .bind(scope.tenant())
    .bind(row.id)
    .bind(row.addon)
    .bind(row.status)
    .bind(row.units)
    .bind(row.unit_price)
    .bind(row.currency)
    .bind(row.cycle)
    .bind(&row.note)
    .bind(row.version)
    .bind(row.created_at)
    .bind(row.updated_at)
    .execute_optional()
    .await
}

pub(in super::super) async fn update(
    conn: &mut Conn,
    scope: &Scope,
    row: &TenantAddon,
    version: Version,
) -> Result<()> {
    conn.query(
        "UPDATE tenant_addon SET status = $4, units = $5, decided_by = $6, decision = $7, active_from = $8, \
         units_from = $9, next_units = $10, next_from = $11, next_at = $12, version = $13, updated_at = $14 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3",
    )
    .bind(scope.tenant())
    .bind(row.id)
    .bind(version)
    .bind(row.status)
    .bind(row.units)
    .bind(&row.decided_by)
    .bind(&row.decision)
    .bind(row.active_from)
    .bind(row.units_from)
    .bind(row.next_units)
    .bind(row.next_from)
    .bind(row.next_at)
    .bind(row.version)
    .bind(row.updated_at)
    .execute_one()
    .await
}

pub(in super::super) async fn find(
    conn: &mut Conn,
    scope: &Scope,
    id: TenantAddonId,
) -> Result<Option<TenantAddon>> {
    let query = conn.query(SELECT).push("tenant_id = $1 AND id = $2").bind(scope.tenant()).bind(id);
    Ok(query.fetch_optional::<Row>().await?.map(TenantAddon::from))
}

/// Whose it is, for the platform.
pub(in super::super) async fn tenant_of(
    conn: &mut Conn,
    _platform: &Platform,
    id: TenantAddonId,
) -> Result<Option<TenantId>> {
    let query = conn.query("SELECT tenant_id FROM tenant_addon WHERE id = $1").bind(id);
    Ok(query.fetch_optional::<(TenantId,)>().await?.map(|(tenant,)| tenant))
}

/// The same, which nobody else changes until the commit.
pub(in super::super) async fn lock(
    conn: &mut Conn,
    scope: &Scope,
    id: TenantAddonId,
) -> Result<Option<TenantAddon>> {
    let query = conn.query(SELECT).push("tenant_id = $1 AND id = $2").push_sql(dialect("", " FOR UPDATE"));
    let row: Option<Row> = query.bind(scope.tenant()).bind(id).fetch_optional().await?;
    Ok(row.map(TenantAddon::from))
}

pub(in super::super) async fn list(
    conn: &mut Conn,
    scope: &Scope,
    after: Option<TenantAddonId>,
    limit: i64,
) -> Result<Vec<TenantAddon>> {
    let mut query = conn.query(SELECT).push("tenant_id = $1").bind(scope.tenant());
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all().await?;
    Ok(rows.into_iter().map(TenantAddon::from).collect())
}

/// What waits for the super admin, of all tenants.
pub(in super::super) async fn list_pending(
    conn: &mut Conn,
    after: Option<TenantAddonId>,
    limit: i64,
) -> Result<Vec<(TenantId, TenantAddon)>> {
    let mut query = conn.query(SELECT).push("status = 'pending'");
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all().await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.into())).collect())
}

/// The active ones of all tenants.
pub(in super::super) async fn list_active(
    conn: &mut Conn,
    after: Option<(TenantId, TenantAddonId)>,
    limit: i64,
) -> Result<Vec<(TenantId, TenantAddonId)>> {
    let mut query = conn.query("SELECT tenant_id, id FROM tenant_addon WHERE status = 'active'");
    if let Some((tenant, id)) = after {
        query = query.push(" AND (tenant_id, id) > (").push_bind(tenant).push(", ").push_bind(id).push(")");
    }
    query.push(" ORDER BY tenant_id, id LIMIT ").push_bind(limit).fetch_all().await
}

/// The active ones of one tenant.
pub(in super::super) async fn active(conn: &mut Conn, scope: &Scope) -> Result<Vec<TenantAddonId>> {
    let rows: Vec<(TenantAddonId,)> = conn
        .query("SELECT id FROM tenant_addon WHERE tenant_id = $1 AND status = 'active' ORDER BY id")
        .bind(scope.tenant())
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
