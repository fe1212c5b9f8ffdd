//! The SQL of limits: what they say, how much is used, and how much there really is.

use std::collections::HashMap;

use base::{Scope, TenantAddonId};
use foundation::{
    Conn,
    db::{Error, Result, dialect},
};

use super::super::limit::{Limit, LimitOverride, Maximum, maximum::UNLIMITED};

/// How the things are counted that a limit is about; `None` where it is a rate, or its things are not stored yet.
const fn counting(limit: Limit) -> Option<&'static str> {
    match limit {
        Limit::Routers => Some("SELECT COUNT(*) FROM router WHERE tenant_id = $1 AND deleted_at IS NULL"),
        Limit::Subscribers => Some(
            "SELECT COUNT(*) FROM subscriber WHERE tenant_id = $1 AND deleted_at IS NULL AND status <> 'ended'",
        ),
        Limit::PanelUsers => {
            Some("SELECT COUNT(*) FROM panel_user WHERE tenant_id = $1 AND deleted_at IS NULL")
        }
        Limit::Odcs
        | Limit::Odps
        | Limit::MapClients
        | Limit::Vouchers
        | Limit::Employees
        | Limit::WhatsappRate => None,
    }
}

/// How many there really are.
pub(in super::super) async fn count(conn: &mut Conn, scope: &Scope, limit: Limit) -> Result<Option<i64>> {
    let Some(text) = counting(limit) else { return Ok(None) };
    let (count,): (i64,) = conn.query(text).bind(scope.tenant()).fetch_one().await?;
    Ok(Some(count))
}

/// What the counter says; `None` when there is none yet.
pub(in super::super) async fn used(conn: &mut Conn, scope: &Scope, limit: Limit) -> Result<Option<i64>> {
    let row: Option<(i64,)> = conn
        .query("SELECT used FROM limit_usage WHERE tenant_id = $1 AND limit_name = $2")
        .bind(scope.tenant())
        .bind(limit)
        .fetch_optional()
        .await?;
    Ok(row.map(|(used,)| used))
}

/// Locks the counter until the commit, and reads it. The first one counts what is there.
pub(in super::super) async fn lock(conn: &mut Conn, scope: &Scope, limit: Limit) -> Result<i64> {
    if let Some(used) = try_lock(conn, scope, limit).await? {
        return Ok(used);
    }
    let actual = count(conn, scope, limit).await?.unwrap_or(0);
    // Who makes the counter holds it; another one waits here, and finds it then.
    conn.query(
        "INSERT INTO limit_usage (tenant_id, limit_name, used) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(scope.tenant())
    .bind(limit)
    .bind(actual)
    .execute_optional()
    .await?;
    try_lock(conn, scope, limit).await?.ok_or(Error::RowNotFound)
}

async fn try_lock(conn: &mut Conn, scope: &Scope, limit: Limit) -> Result<Option<i64>> {
    let row: Option<(i64,)> = conn
        .query(dialect(
            "SELECT used FROM limit_usage WHERE tenant_id = $1 AND limit_name = $2",
            "SELECT used FROM limit_usage WHERE tenant_id = $1 AND limit_name = $2 FOR UPDATE",
        ))
        .bind(scope.tenant())
        .bind(limit)
        .fetch_optional()
        .await?;
    Ok(row.map(|(used,)| used))
}

/// Moves the counter, which the caller has locked.
pub(in super::super) async fn add(conn: &mut Conn, scope: &Scope, limit: Limit, places: i64) -> Result<()> {
    if places == 0 {
        return Ok(());
    }
    conn.query("UPDATE limit_usage SET used = used + $3 WHERE tenant_id = $1 AND limit_name = $2")
        .bind(scope.tenant())
        .bind(limit)
        .bind(places)
        .execute_one()
        .await
}

#[derive(sqlx::FromRow)]
struct MaximumRow {
    base: Option<i64>,
    granted: i64,
    is_overridden: bool,
    overridden: Option<i64>,
}

/// What is said about the limit.
pub(in super::super) async fn maximum(conn: &mut Conn, scope: &Scope, limit: Limit) -> Result<Maximum> {
    let row: MaximumRow = conn
        .query(
            "SELECT p.maximum AS base, o.tenant_id IS NOT NULL AS is_overridden, o.maximum AS overridden, \
             (SELECT CAST(COALESCE(SUM(g.amount), 0) AS BIGINT) FROM limit_grant g \
             WHERE g.tenant_id = $1 AND g.limit_name = $2) AS granted FROM tenant t \
             LEFT JOIN saas_plan_limit p ON p.plan_id = t.saas_plan_id AND p.limit_name = $2 \
             LEFT JOIN limit_override o ON o.tenant_id = t.id AND o.limit_name = $2 WHERE t.id = $1",
        )
        .bind(scope.tenant())
        .bind(limit)
        .fetch_one()
        .await?;
    Ok(Maximum {
        base: row.base,
        granted: row.granted,
        overridden: row.is_overridden.then_some(row.overridden),
    })
}

/// What is said about every limit, and how much its counter says is used. What this version does not know is left out.
pub(in super::super) async fn all(
    conn: &mut Conn,
    scope: &Scope,
) -> Result<HashMap<Limit, (Maximum, Option<i64>)>> {
    let rows: Vec<(String, String, Option<i64>)> = conn
        .query(
            "SELECT 'base', p.limit_name, p.maximum FROM tenant t \
             JOIN saas_plan_limit p ON p.plan_id = t.saas_plan_id WHERE t.id = $1 \
             UNION ALL SELECT 'grant', limit_name, CAST(SUM(amount) AS BIGINT) FROM limit_grant \
             WHERE tenant_id = $1 GROUP BY limit_name \
             UNION ALL SELECT 'override', limit_name, maximum FROM limit_override WHERE tenant_id = $1 \
             UNION ALL SELECT 'used', limit_name, used FROM limit_usage WHERE tenant_id = $1",
        )
        .bind(scope.tenant())
        .fetch_all()
        .await?;
    let mut all = HashMap::new();
    for (source, name, number) in rows {
        let Ok(limit) = name.parse::<Limit>() else { continue };
        let (maximum, used) = all.entry(limit).or_insert((UNLIMITED, None));
        match source.as_str() {
            "base" => maximum.base = number,
            "grant" => maximum.granted = number.unwrap_or(0),
            "override" => maximum.overridden = Some(number),
            _ => *used = number,
        }
    }
    Ok(all)
}

pub(in super::super) async fn set_override(
    conn: &mut Conn,
    scope: &Scope,
    limit: Limit,
    to: LimitOverride,
) -> Result<()> {
    let maximum = match to {
        LimitOverride::None => {
            conn.query("DELETE FROM limit_override WHERE tenant_id = $1 AND limit_name = $2")
                .bind(scope.tenant())
                .bind(limit)
                .execute()
                .await?;
            return Ok(());
        }
        LimitOverride::Unlimited => None,
        LimitOverride::Maximum(maximum) => Some(maximum),
    };
    conn.query(
        "INSERT INTO limit_override (tenant_id, limit_name, maximum, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, limit_name) DO UPDATE SET maximum = excluded.maximum, at = excluded.at",
    )
    .bind(scope.tenant())
    .bind(limit)
    .bind(maximum)
    .bind(scope.now())
    .execute_one()
    .await
}

/// Replaces what one add-on grants.
pub(in super::super) async fn set_grants(
    conn: &mut Conn,
    scope: &Scope,
    source: TenantAddonId,
    limits: &[(Limit, i64)],
) -> Result<()> {
    conn.query("DELETE FROM limit_grant WHERE tenant_id = $1 AND source_id = $2")
        .bind(scope.tenant())
        .bind(source)
        .execute()
        .await?;
    for (limit, amount) in limits {
        conn.query(
            "INSERT INTO limit_grant (tenant_id, source_id, limit_name, amount) VALUES ($1, $2, $3, $4)",
        )
        .bind(scope.tenant())
        .bind(source)
        .bind(*limit)
        .bind(*amount)
        .execute_one()
        .await?;
    }
    Ok(())
}

/// What one add-on grants, in the order of names.
pub(in super::super) async fn grants(
    conn: &mut Conn,
    scope: &Scope,
    source: TenantAddonId,
) -> Result<Vec<(Limit, i64)>> {
    let rows: Vec<(String, i64)> = conn
        .query("SELECT limit_name, amount FROM limit_grant WHERE tenant_id = $1 AND source_id = $2")
        .bind(scope.tenant())
        .bind(source)
        .fetch_all()
        .await?;
    let known = rows.into_iter().filter_map(|(name, amount)| Some((name.parse().ok()?, amount)));
    let mut grants: Vec<(Limit, i64)> = known.collect();
    grants.sort_unstable();
    Ok(grants)
}
