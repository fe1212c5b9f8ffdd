//! The SQL of second factors and their recovery codes.

use base::{TenantId, Timestamp, UserId};
use foundation::{Conn, db::Result};

/// A person's second factor as it is stored.
#[derive(sqlx::FromRow)]
pub(in super::super) struct Row {
    /// The sealed secret.
    pub(in super::super) secret: Vec<u8>,
    /// Since when it is asked for; `None` while its first code is awaited.
    pub(in super::super) confirmed_at: Option<Timestamp>,
}

/// Puts a secret there that waits for its first code; one that waited before is gone. `false` when there is one that is
/// asked for already.
pub(in super::super) async fn put(
    conn: &mut Conn,
    tenant: Option<TenantId>,
    user: UserId,
    secret: &[u8],
    now: Timestamp,
) -> Result<bool> {
    conn.query(
        "INSERT INTO second_factor (user_id, tenant_id, secret, confirmed_at, last_step, created_at) \
         VALUES ($1, $2, $3, NULL, 0, $4) ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, \
         created_at = excluded.created_at WHERE second_factor.confirmed_at IS NULL",
    )
    .bind(user)
    .bind(tenant)
    .bind(secret)
    .bind(now)
    .execute_optional()
    .await
}

pub(in super::super) async fn find(conn: &mut Conn, user: UserId) -> Result<Option<Row>> {
    conn.query("SELECT secret, confirmed_at FROM second_factor WHERE user_id = $1")
        .bind(user)
        .fetch_optional()
        .await
}

/// From now on it is asked for. `false` when that is so already.
pub(in super::super) async fn confirm(
    conn: &mut Conn,
    user: UserId,
    step: i64,
    now: Timestamp,
) -> Result<bool> {
    conn.query(
        "UPDATE second_factor SET confirmed_at = $2, last_step = $3 WHERE user_id = $1 AND confirmed_at IS NULL",
    )
    .bind(user)
    .bind(now)
    .bind(step)
    .execute_optional()
    .await
}

/// Spends the code of a time step; `false` when this one or a later one was spent before.
pub(in super::super) async fn spend_step(conn: &mut Conn, user: UserId, step: i64) -> Result<bool> {
    conn.query("UPDATE second_factor SET last_step = $2 WHERE user_id = $1 AND last_step < $2")
        .bind(user)
        .bind(step)
        .execute_optional()
        .await
}

pub(in super::super) async fn insert_recovery_code(conn: &mut Conn, user: UserId, hash: &[u8]) -> Result<()> {
    conn.query("INSERT INTO recovery_code (user_id, code_hash) VALUES ($1, $2)")
        .bind(user)
        .bind(hash)
        .execute_one()
        .await
}

/// Spends a recovery code; `false` when there is none such that is unspent.
pub(in super::super) async fn spend_recovery_code(
    conn: &mut Conn,
    user: UserId,
    hash: &[u8],
    now: Timestamp,
) -> Result<bool> {
    conn.query(
        "UPDATE recovery_code SET used_at = $3 WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL",
    )
    .bind(user)
    .bind(hash)
    .bind(now)
    .execute_optional()
    .await
}

/// Removes the second factor with its recovery codes; `false` when there was none.
pub(in super::super) async fn delete(conn: &mut Conn, user: UserId) -> Result<bool> {
    conn.query("DELETE FROM recovery_code WHERE user_id = $1").bind(user).execute().await?;
    conn.query("DELETE FROM second_factor WHERE user_id = $1").bind(user).execute_optional().await
}
