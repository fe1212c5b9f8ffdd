//! The SQL of SaaS plans.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base::{Currency, Minor, SaasPlanId, Timestamp};
use foundation::{
    Conn,
    db::{Result, dialect},
};

use super::super::{
    feature::Feature,
    limit::Limit,
    saas_plan::{Cycle, SaasPlan, SaasPlanSpec},
};
use crate::domain::values::Version;

#[derive(sqlx::FromRow)]
struct Row {
    id: SaasPlanId,
    code: String,
    name: String,
    price: Minor,
    currency: Currency,
    cycle: Cycle,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
    archived_at: Option<Timestamp>,
}

impl Row {
    fn into_plan(self, features: BTreeSet<Feature>, limits: BTreeMap<Limit, i64>) -> SaasPlan {
        SaasPlan {
            id: self.id,
            spec: SaasPlanSpec {
                code: self.code,
                name: self.name,
                price: self.price,
                currency: self.currency,
                cycle: self.cycle,
                features,
                limits,
            },
            archived_at: self.archived_at,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

const SELECT: &str = "SELECT id, code, name, price, currency, cycle, version, created_at, updated_at, archived_at \
                      FROM saas_plan WHERE ";

/// `false` when the short name is taken.
pub(in super::super) async fn insert(conn: &mut Conn, plan: &SaasPlan) -> Result<bool> {
    conn.query(
        "INSERT INTO saas_plan (id, code, name, price, currency, cycle, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (code) DO NOTHING",
    )
    .bind(plan.id)
    .bind(&plan.spec.code)
    .bind(&plan.spec.name)
    .bind(plan.spec.price)
    .bind(plan.spec.currency)
    .bind(plan.spec.cycle)
    .bind(plan.version)
    .bind(plan.created_at)
    .bind(plan.updated_at)
    .execute_optional()
    .await
}

/// `false` when the row is not at `version` any more.
pub(in super::super) async fn update(conn: &mut Conn, plan: &SaasPlan, version: Version) -> Result<bool> {
    conn.query(
        "UPDATE saas_plan SET code = $3, name = $4, price = $5, currency = $6, cycle = $7, version = $8, \
         updated_at = $9, archived_at = $10 WHERE id = $1 AND version = $2",
    )
    .bind(plan.id)
    .bind(version)
    .bind(&plan.spec.code)
    .bind(&plan.spec.name)
    .bind(plan.spec.price)
    .bind(plan.spec.currency)
    .bind(plan.spec.cycle)
    .bind(plan.version)
    .bind(plan.updated_at)
    .bind(plan.archived_at)
    .execute_optional()
    .await
}

/// Replaces the plan's features and limits. Names that a newer version wrote stay.
pub(in super::super) async fn set_contents(
    conn: &mut Conn,
    id: SaasPlanId,
    spec: &SaasPlanSpec,
) -> Result<()> {
    conn.query("DELETE FROM saas_plan_feature WHERE plan_id = $1 AND feature IN ")
        .bind(id)
        .push_list(Feature::ALL)
        .execute()
        .await?;
    conn.query("DELETE FROM saas_plan_limit WHERE plan_id = $1 AND limit_name IN ")
        .bind(id)
        .push_list(Limit::ALL)
        .execute()
        .await?;
    for feature in &spec.features {
        conn.query("INSERT INTO saas_plan_feature (plan_id, feature) VALUES ($1, $2)")
            .bind(id)
            .bind(*feature)
            .execute_one()
            .await?;
    }
    for (limit, maximum) in &spec.limits {
        conn.query("INSERT INTO saas_plan_limit (plan_id, limit_name, maximum) VALUES ($1, $2, $3)")
            .bind(id)
            .bind(*limit)
            .bind(*maximum)
            .execute_one()
            .await?;
    }
    Ok(())
}

pub(in super::super) async fn find(conn: &mut Conn, id: SaasPlanId) -> Result<Option<SaasPlan>> {
    let row: Option<Row> = conn.query(SELECT).push("id = $1").bind(id).fetch_optional().await?;
    with_contents(conn, row).await
}

/// The plan, which stays as it is until the commit.
pub(in super::super) async fn hold(conn: &mut Conn, id: SaasPlanId) -> Result<Option<SaasPlan>> {
    let query = conn.query(SELECT).push("id = $1").push_sql(dialect("", " FOR SHARE"));
    let row: Option<Row> = query.bind(id).fetch_optional().await?;
    with_contents(conn, row).await
}

pub(in super::super) async fn find_by_code(conn: &mut Conn, code: &str) -> Result<Option<SaasPlan>> {
    let row: Option<Row> = conn.query(SELECT).push("code = $1").bind(code).fetch_optional().await?;
    with_contents(conn, row).await
}

async fn with_contents(conn: &mut Conn, row: Option<Row>) -> Result<Option<SaasPlan>> {
    let Some(row) = row else { return Ok(None) };
    let (mut features, mut limits) = contents(conn, &[row.id]).await?;
    let (features, limits) = (features.remove(&row.id), limits.remove(&row.id));
    Ok(Some(row.into_plan(features.unwrap_or_default(), limits.unwrap_or_default())))
}

type Contents = (HashMap<SaasPlanId, BTreeSet<Feature>>, HashMap<SaasPlanId, BTreeMap<Limit, i64>>);

/// Features and limits of these plans; what this version does not know is left out.
async fn contents(conn: &mut Conn, ids: &[SaasPlanId]) -> Result<Contents> {
    let (mut features, mut limits) = Contents::default();
    for chunk in ids.chunks(foundation::db::bulk::CHUNK) {
        let rows: Vec<(SaasPlanId, String)> = conn
            .query("SELECT plan_id, feature FROM saas_plan_feature WHERE plan_id IN ")
            .push_list(chunk)
            .fetch_all()
            .await?;
        for (id, name) in rows {
            if let Ok(feature) = name.parse() {
                features.entry(id).or_default().insert(feature);
            }
        }
        let rows: Vec<(SaasPlanId, String, i64)> = conn
            .query("SELECT plan_id, limit_name, maximum FROM saas_plan_limit WHERE plan_id IN ")
            .push_list(chunk)
            .fetch_all()
            .await?;
        for (id, name, maximum) in rows {
            if let Ok(limit) = name.parse() {
                limits.entry(id).or_default().insert(limit, maximum);
            }
        }
    }
    Ok((features, limits))
}

/// The plans behind `after`, in the order of ids.
pub(in super::super) async fn list(
    conn: &mut Conn,
    after: Option<SaasPlanId>,
    limit: i64,
) -> Result<Vec<SaasPlan>> {
    let mut query = conn.query(SELECT).push("TRUE");
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all().await?;
    let ids: Vec<SaasPlanId> = rows.iter().map(|row| row.id).collect();
    let (mut features, mut limits) = contents(conn, &ids).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (features, limits) = (features.remove(&row.id), limits.remove(&row.id));
            row.into_plan(features.unwrap_or_default(), limits.unwrap_or_default())
        })
        .collect())
}

/// Does another plan have the short name?
pub(in super::super) async fn code_is_taken(conn: &mut Conn, id: SaasPlanId, code: &str) -> Result<bool> {
    let other: Option<(SaasPlanId,)> = conn
        .query("SELECT id FROM saas_plan WHERE code = $1 AND id <> $2")
        .bind(code)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(other.is_some())
}

/// Does any tenant have it?
pub(in super::super) async fn is_used(conn: &mut Conn, id: SaasPlanId) -> Result<bool> {
    let tenant: Option<(base::TenantId,)> =
        conn.query("SELECT id FROM tenant WHERE saas_plan_id = $1 LIMIT 1").bind(id).fetch_optional().await?;
    Ok(tenant.is_some())
}
