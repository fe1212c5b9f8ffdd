//! The SQL of the catalogue.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base::{AddonId, Currency, Minor, Timestamp};
use foundation::{
    Conn,
    db::{Result, bulk::CHUNK, dialect},
};

use super::super::{Addon, AddonKind, AddonSpec};
use crate::domain::{
    tenant::{Feature, Limit, saas_plan::Cycle},
    values::Version,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: AddonId,
    code: String,
    name: String,
    description: String,
    kind: AddonKind,
    unit_price: Minor,
    currency: Currency,
    cycle: Cycle,
    max_units: i64,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
    archived_at: Option<Timestamp>,
}

/// What units of several add-ons are good for.
#[derive(Default)]
struct Contents {
    limits: HashMap<AddonId, BTreeMap<Limit, i64>>,
    features: HashMap<AddonId, BTreeSet<Feature>>,
}

impl Contents {
    fn complete(&mut self, row: Row) -> Addon {
        Addon {
            id: row.id,
            spec: AddonSpec {
                code: row.code,
                name: row.name,
                description: row.description,
                kind: row.kind,
                unit_price: row.unit_price,
                currency: row.currency,
                cycle: row.cycle,
                max_units: row.max_units,
                limits: self.limits.remove(&row.id).unwrap_or_default(),
                features: self.features.remove(&row.id).unwrap_or_default(),
            },
            archived_at: row.archived_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

const SELECT: &str = "SELECT id, code, name, description, kind, unit_price, currency, cycle, max_units, version, \
                      created_at, updated_at, archived_at FROM addon WHERE ";

/// `false` when the short name is taken.
pub(in super::super) async fn insert(conn: &mut Conn, addon: &Addon) -> Result<bool> {
    conn.query(
        "INSERT INTO addon (id, code, name, description, kind, unit_price, currency, cycle, max_units, version, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (code) DO NOTHING",
    )
    .bind(addon.id)
    .bind(&addon.spec.code)
    .bind(&addon.spec.name)
    .bind(&addon.spec.description)
    .bind(addon.spec.kind)
    .bind(addon.spec.unit_price)
    .bind(addon.spec.currency)
    .bind(addon.spec.cycle)
    .bind(addon.spec.max_units)
    .bind(addon.version)
    .bind(addon.created_at)
    .bind(addon.updated_at)
    .execute_optional()
    .await
}

/// `false` when the row is not at `version` any more.
pub(in super::super) async fn update(conn: &mut Conn, addon: &Addon, version: Version) -> Result<bool> {
    conn.query(
        "UPDATE addon SET code = $3, name = $4, description = $5, kind = $6, unit_price = $7, currency = $8, \
         cycle = $9, max_units = $10, version = $11, updated_at = $12, archived_at = $13 \
         WHERE id = $1 AND version = $2",
    )
    .bind(addon.id)
    .bind(version)
    .bind(&addon.spec.code)
    .bind(&addon.spec.name)
    .bind(&addon.spec.description)
    .bind(addon.spec.kind)
    .bind(addon.spec.unit_price)
    .bind(addon.spec.currency)
    .bind(addon.spec.cycle)
    .bind(addon.spec.max_units)
    .bind(addon.version)
    .bind(addon.updated_at)
    .bind(addon.archived_at)
    .execute_optional()
    .await
}

/// Replaces what a unit is good for. Names that a newer version wrote stay.
pub(in super::super) async fn set_contents(conn: &mut Conn, id: AddonId, spec: &AddonSpec) -> Result<()> {
    conn.query("DELETE FROM addon_limit WHERE addon_id = $1 AND limit_name IN ")
        .bind(id)
        .push_list(Limit::ALL)
        .execute()
        .await?;
    conn.query("DELETE FROM addon_feature WHERE addon_id = $1 AND feature IN ")
        .bind(id)
        .push_list(Feature::ALL)
        .execute()
        .await?;
    for (limit, amount) in &spec.limits {
        conn.query("INSERT INTO addon_limit (addon_id, limit_name, amount) VALUES ($1, $2, $3)")
            .bind(id)
            .bind(*limit)
            .bind(*amount)
            .execute_one()
            .await?;
    }
    for feature in &spec.features {
        conn.query("INSERT INTO addon_feature (addon_id, feature) VALUES ($1, $2)")
            .bind(id)
            .bind(*feature)
            .execute_one()
            .await?;
    }
    Ok(())
}

pub(in super::super) async fn find(conn: &mut Conn, id: AddonId) -> Result<Option<Addon>> {
    let row: Option<Row> = conn.query(SELECT).push("id = $1").bind(id).fetch_optional().await?;
    with_contents(conn, row).await
}

/// The add-on, which stays as it is until the commit.
pub(in super::super) async fn hold(conn: &mut Conn, id: AddonId) -> Result<Option<Addon>> {
    let query = conn.query(SELECT).push("id = $1").push_sql(dialect("", " FOR SHARE"));
    let row: Option<Row> = query.bind(id).fetch_optional().await?;
    with_contents(conn, row).await
}

pub(in super::super) async fn find_by_code(conn: &mut Conn, code: &str) -> Result<Option<Addon>> {
    let row: Option<Row> = conn.query(SELECT).push("code = $1").bind(code).fetch_optional().await?;
    with_contents(conn, row).await
}

/// Does another add-on have the short name?
pub(in super::super) async fn code_is_taken(conn: &mut Conn, id: AddonId, code: &str) -> Result<bool> {
    let other: Option<(AddonId,)> = conn
        .query("SELECT id FROM addon WHERE code = $1 AND id <> $2")
        .bind(code)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(other.is_some())
}

/// The add-ons behind `after`, in the order of ids.
pub(in super::super) async fn list(
    conn: &mut Conn,
    after: Option<AddonId>,
    archived: bool,
    limit: i64,
) -> Result<Vec<Addon>> {
    let mut query = conn.query(SELECT).push(if archived { "TRUE" } else { "archived_at IS NULL" });
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all().await?;
    let ids: Vec<AddonId> = rows.iter().map(|row| row.id).collect();
    let mut contents = contents(conn, &ids).await?;
    Ok(rows.into_iter().map(|row| contents.complete(row)).collect())
}

async fn with_contents(conn: &mut Conn, row: Option<Row>) -> Result<Option<Addon>> {
    let Some(row) = row else { return Ok(None) };
    Ok(Some(contents(conn, &[row.id]).await?.complete(row)))
}

/// What units of these are good for; what this version does not know is left out.
async fn contents(conn: &mut Conn, ids: &[AddonId]) -> Result<Contents> {
    let mut contents = Contents::default();
    for chunk in ids.chunks(CHUNK) {
        let rows: Vec<(AddonId, String, i64)> = conn
            .query("SELECT addon_id, limit_name, amount FROM addon_limit WHERE addon_id IN ")
            .push_list(chunk)
            .fetch_all()
            .await?;
        for (id, name, amount) in rows {
            if let Ok(limit) = name.parse() {
                contents.limits.entry(id).or_default().insert(limit, amount);
            }
        }
        let rows: Vec<(AddonId, String)> = conn
            .query("SELECT addon_id, feature FROM addon_feature WHERE addon_id IN ")
            .push_list(chunk)
            .fetch_all()
            .await?;
        for (id, name) in rows {
            if let Ok(feature) = name.parse() {
                contents.features.entry(id).or_default().insert(feature);
            }
        }
    }
    Ok(contents)
}
