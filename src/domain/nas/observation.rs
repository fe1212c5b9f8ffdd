//! What was last seen of a router, apart from what is wanted of it.

use std::net::IpAddr;

use base::{Platform, RouterId, Scope, TenantId, Timestamp};
use foundation::{Conn, Tx, db};

use super::store;

/// What was last seen of a router.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RouterObservation)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// When its last packet came.
    pub last_seen_at: Timestamp,
    /// Where that came from.
    #[schema(value_type = String)]
    pub source_address: IpAddr,
    /// To which of our addresses it went: CoA is sent from there.
    #[schema(value_type = Option<String>)]
    pub local_address: Option<IpAddr>,
    /// When an Access-Request last came with a Message-Authenticator.
    pub with_message_authenticator_at: Option<Timestamp>,
    /// When one last came without: such a router needs an upgrade.
    pub without_message_authenticator_at: Option<Timestamp>,
}

/// Notes what was seen of a router. Older news than is known changes nothing, and nobody is told: it is no intent.
///
/// # Errors
/// When there is no such router, or the database cannot be used.
pub async fn observe(tx: &mut Tx, scope: &Scope, id: RouterId, seen: &Observation) -> db::Result<()> {
    store::observe(tx, &[(scope.tenant(), id, seen.clone())]).await
}

/// Notes what was seen of many routers, each named once, at most a thousand in a transaction.
///
/// # Errors
/// When there is no such router, or the database cannot be used.
pub async fn observe_all(
    tx: &mut Tx,
    _platform: &Platform,
    seen: &[(TenantId, RouterId, Observation)],
) -> db::Result<()> {
    store::observe(tx, seen).await
}

/// Routers that are read at a time.
const CHUNK: i64 = 1_000;

/// Hands what was last seen of every router of every tenant to `take`; of those that never sent a packet there is nothing.
///
/// # Errors
/// When the database cannot be read; routers before that were handed over.
pub async fn observations(
    conn: &mut Conn,
    _platform: &Platform,
    mut take: impl FnMut(TenantId, RouterId, Observation),
) -> db::Result<()> {
    let mut after = None;
    loop {
        let rows = store::all_observations(conn, after, CHUNK).await?;
        let Some((tenant, router, _)) = rows.last() else { return Ok(()) };
        after = Some((*tenant, *router));
        rows.into_iter().for_each(|(tenant, router, observation)| take(tenant, router, observation));
    }
}
