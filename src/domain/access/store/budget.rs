//! The SQL of the tenants' budgets.

use base::TenantId;
use foundation::{Conn, db::Result};

pub(in super::super) async fn find(conn: &mut Conn, tenant: TenantId) -> Result<Option<u32>> {
    let row: Option<(i64,)> = conn
        .query("SELECT requests_per_minute FROM api_budget WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_optional()
        .await?;
    Ok(row.and_then(|(rate,)| u32::try_from(rate).ok()))
}

/// `None` takes the budget away.
pub(in super::super) async fn set(conn: &mut Conn, tenant: TenantId, rate: Option<u32>) -> Result<()> {
    let Some(rate) = rate else {
        return conn
            .query("DELETE FROM api_budget WHERE tenant_id = $1")
            .bind(tenant)
            .execute_optional()
            .await
            .map(drop);
    };
    conn.query(
        "INSERT INTO api_budget (tenant_id, requests_per_minute) VALUES ($1, $2) \
         ON CONFLICT (tenant_id) DO UPDATE SET requests_per_minute = excluded.requests_per_minute",
    )
    .bind(tenant)
    .bind(i64::from(rate))
    .execute_one()
    .await
}
