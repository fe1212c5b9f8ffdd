//! The SQL of overlays, intents and disconnect orders.

use base::{RouterId, Scope, SessionId, SubscriberId, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Result, dialect},
};

use super::{super::subscriber::OverlayReason, IntentState};

/// A reason that holds.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Overlay {
    /// Which.
    pub reason: OverlayReason,
    /// Since when.
    pub since: Timestamp,
    /// What staff noted; may be empty.
    pub note: String,
}

/// What the network was asked for, and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Intent {
    /// Whose.
    pub tenant_id: TenantId,
    /// Whom it is about.
    pub subscriber_id: SubscriberId,
    /// The overlay generation that is wanted.
    pub generation: i64,
    /// Isolated, or free.
    pub isolated: bool,
    /// Since when it is wanted.
    pub wanted_at: Timestamp,
    /// Where the network stands.
    pub state: IntentState,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was last tried.
    pub attempted_at: Option<Timestamp>,
    /// When it is tried next; `None` when there is nothing to do until something changes.
    pub next_attempt_at: Option<Timestamp>,
    /// What the last attempt sent: `coa` or `disconnect`.
    pub way: Option<String>,
    /// What came of the last attempt, in words.
    pub outcome: Option<String>,
    /// The generation that was last seen on a session.
    pub observed_generation: Option<i64>,
    /// When the wanted state was seen.
    pub verified_at: Option<Timestamp>,
}

const INTENT: &str = "SELECT tenant_id, subscriber_id, generation, isolated, wanted_at, state, attempts, attempted_at, \
                      next_attempt_at, way, outcome, observed_generation, verified_at FROM network_intent WHERE ";

/// Whether the subscriber is there; then its row is locked until the commit.
pub(super) async fn lock(conn: &mut Conn, scope: &Scope, subscriber: SubscriberId) -> Result<bool> {
    let row: Option<(SubscriberId,)> = conn
        .query("SELECT id FROM subscriber WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL")
        .push_sql(dialect("", " FOR UPDATE"))
        .bind(scope.tenant())
        .bind(subscriber)
        .fetch_optional()
        .await?;
    Ok(row.is_some())
}

/// The reasons that hold, by precedence.
pub(super) async fn overlays(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: SubscriberId,
) -> Result<Vec<Overlay>> {
    let mut overlays: Vec<Overlay> = conn
        .query("SELECT reason, since, note FROM overlay WHERE tenant_id = $1 AND subscriber_id = $2")
        .bind(scope.tenant())
        .bind(subscriber)
        .fetch_all()
        .await?;
    overlays.sort_by_key(|overlay| overlay.reason);
    Ok(overlays)
}

pub(super) async fn add(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: SubscriberId,
    reason: OverlayReason,
    note: &str,
) -> Result<()> {
    conn.query(
        "INSERT INTO overlay (tenant_id, subscriber_id, reason, since, note) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(scope.tenant())
    .bind(subscriber)
    .bind(reason)
    .bind(scope.now())
    .bind(note)
    .execute_one()
    .await
}

/// False when the reason did not hold.
pub(super) async fn remove(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: SubscriberId,
    reason: OverlayReason,
) -> Result<bool> {
    conn.query("DELETE FROM overlay WHERE tenant_id = $1 AND subscriber_id = $2 AND reason = $3")
        .bind(scope.tenant())
        .bind(subscriber)
        .bind(reason)
        .execute_optional()
        .await
}

/// Notes that the network is to follow to `generation`, from now on.
pub(super) async fn want(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: SubscriberId,
    generation: i64,
) -> Result<()> {
    conn.query(
        "INSERT INTO network_intent (tenant_id, subscriber_id, generation, isolated, wanted_at, state, attempts, \
         next_attempt_at) VALUES ($1, $2, $3, $4, $5, 'pending', 0, $5) \
         ON CONFLICT (tenant_id, subscriber_id) DO UPDATE SET generation = excluded.generation, \
         isolated = excluded.isolated, wanted_at = excluded.wanted_at, state = 'pending', attempts = 0, \
         next_attempt_at = excluded.next_attempt_at, attempted_at = NULL, way = NULL, outcome = NULL, verified_at = NULL",
    )
    .bind(scope.tenant())
    .bind(subscriber)
    .bind(generation)
    .bind(generation % 2 == 1)
    .bind(scope.now())
    .execute_one()
    .await
}

pub(super) async fn intent(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: SubscriberId,
) -> Result<Option<Intent>> {
    conn.query(INTENT)
        .push("tenant_id = $1 AND subscriber_id = $2")
        .bind(scope.tenant())
        .bind(subscriber)
        .fetch_optional()
        .await
}

/// Intents that are due, lifts first, the longest waiting first.
pub(super) async fn due(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<Intent>> {
    let mut intents = Vec::new();
    for isolated in [false, true] {
        let left = limit - i64::try_from(intents.len()).unwrap_or(limit);
        let rows: Vec<Intent> = conn
            .query(INTENT)
            .push("isolated = $1 AND next_attempt_at IS NOT NULL AND next_attempt_at <= $2 ORDER BY next_attempt_at LIMIT $3")
            .bind(isolated)
            .bind(now)
            .bind(left)
            .fetch_all()
            .await?;
        intents.extend(rows);
    }
    Ok(intents)
}

/// When the next intent is due.
pub(super) async fn next_due(conn: &mut Conn) -> Result<Option<Timestamp>> {
    let (at,): (Option<Timestamp>,) = conn
        .query(
            "SELECT MIN(next_attempt_at) FROM (SELECT next_attempt_at FROM network_intent \
             WHERE next_attempt_at IS NOT NULL UNION ALL SELECT next_attempt_at FROM disconnect_order \
             WHERE next_attempt_at IS NOT NULL) AS due",
        )
        .fetch_one()
        .await?;
    Ok(at)
}

/// What an attempt came to.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) state: IntentState,
    /// 1 when something was sent.
    pub(super) attempts: i64,
    pub(super) at: Timestamp,
    pub(super) next_attempt_at: Option<Timestamp>,
    pub(super) way: Option<&'a str>,
    pub(super) outcome: &'a str,
    pub(super) observed_generation: Option<i64>,
}

/// Notes what an attempt came to, unless something newer is wanted by now.
pub(super) async fn attempted(conn: &mut Conn, intent: &Intent, attempt: &Attempt<'_>) -> Result<bool> {
    conn.query(
        "UPDATE network_intent SET state = $4, attempts = attempts + $5, \
         attempted_at = CASE WHEN $5 > 0 THEN $6 ELSE attempted_at END, next_attempt_at = $7, \
         way = COALESCE($8, way), outcome = $9, observed_generation = COALESCE($10, observed_generation), \
         verified_at = CASE WHEN $4 = 'verified' THEN $6 ELSE verified_at END \
         WHERE tenant_id = $1 AND subscriber_id = $2 AND generation = $3",
    )
    .bind(intent.tenant_id)
    .bind(intent.subscriber_id)
    .bind(intent.generation)
    .bind(attempt.state)
    .bind(attempt.attempts)
    .bind(attempt.at)
    .bind(attempt.next_attempt_at)
    .bind(attempt.way.map(str::to_owned))
    .bind(attempt.outcome.to_owned())
    .bind(attempt.observed_generation)
    .execute_optional()
    .await
}

/// Intents in one of the states that wait for something to be seen, behind a place; for the reconciler.
pub(super) async fn waiting(
    conn: &mut Conn,
    states: &[IntentState],
    after: (TenantId, SubscriberId),
    limit: i64,
) -> Result<Vec<Intent>> {
    conn.query(INTENT)
        .push("(tenant_id, subscriber_id) > ($1, $2) AND state IN ")
        .bind(after.0)
        .bind(after.1)
        .push_list(states)
        .push(" ORDER BY tenant_id, subscriber_id LIMIT ")
        .push_bind(limit)
        .fetch_all()
        .await
}

/// Makes an intent due at once, unless something newer is wanted by now.
pub(super) async fn make_due(conn: &mut Conn, intent: &Intent, now: Timestamp) -> Result<()> {
    conn.query(
        "UPDATE network_intent SET next_attempt_at = $4 WHERE tenant_id = $1 AND subscriber_id = $2 AND generation = $3",
    )
    .bind(intent.tenant_id)
    .bind(intent.subscriber_id)
    .bind(intent.generation)
    .bind(now)
    .execute_optional()
    .await?;
    Ok(())
}

/// Intents and the oldest wish, by state.
pub(super) async fn counts(conn: &mut Conn) -> Result<Vec<(IntentState, i64, Timestamp)>> {
    conn.query("SELECT state, COUNT(*), MIN(wanted_at) FROM network_intent GROUP BY state").fetch_all().await
}

/// An order to end a session.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct DisconnectOrder {
    pub(super) tenant_id: TenantId,
    pub(super) session_id: SessionId,
    pub(super) router_id: RouterId,
    pub(super) wanted_at: Timestamp,
    pub(super) attempts: i64,
}

/// Puts an order up; one that is there is made due again.
pub(super) async fn put_order(
    conn: &mut Conn,
    scope: &Scope,
    session: SessionId,
    router: RouterId,
) -> Result<()> {
    conn.query(
        "INSERT INTO disconnect_order (tenant_id, session_id, router_id, wanted_at, state, attempts, next_attempt_at) \
         VALUES ($1, $2, $3, $4, 'pending', 0, $4) \
         ON CONFLICT (tenant_id, session_id) DO UPDATE SET state = 'pending', next_attempt_at = excluded.next_attempt_at",
    )
    .bind(scope.tenant())
    .bind(session)
    .bind(router)
    .bind(scope.now())
    .execute_one()
    .await
}

/// Orders that are due, the oldest first.
pub(super) async fn due_orders(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<DisconnectOrder>> {
    conn.query(
        "SELECT tenant_id, session_id, router_id, wanted_at, attempts FROM disconnect_order \
         WHERE next_attempt_at IS NOT NULL AND next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all()
    .await
}

/// Has an order looked at again at `at`: nothing was sent.
pub(super) async fn postpone_order(conn: &mut Conn, order: &DisconnectOrder, at: Timestamp) -> Result<()> {
    conn.query("UPDATE disconnect_order SET next_attempt_at = $3 WHERE tenant_id = $1 AND session_id = $2")
        .bind(order.tenant_id)
        .bind(order.session_id)
        .bind(at)
        .execute_one()
        .await
}

/// Notes what an attempt at an order came to.
pub(super) async fn order_attempted(
    conn: &mut Conn,
    order: &DisconnectOrder,
    state: &str,
    next_attempt_at: Option<Timestamp>,
    outcome: &str,
) -> Result<()> {
    conn.query(
        "UPDATE disconnect_order SET state = $3, attempts = attempts + 1, next_attempt_at = $4, outcome = $5 \
         WHERE tenant_id = $1 AND session_id = $2",
    )
    .bind(order.tenant_id)
    .bind(order.session_id)
    .bind(state)
    .bind(next_attempt_at)
    .bind(outcome)
    .execute_one()
    .await
}

/// Removes orders that were done before `before`.
pub(super) async fn remove_done_orders(conn: &mut Conn, before: Timestamp) -> Result<u64> {
    conn.query("DELETE FROM disconnect_order WHERE state = 'done' AND wanted_at < $1")
        .bind(before)
        .execute()
        .await
}
