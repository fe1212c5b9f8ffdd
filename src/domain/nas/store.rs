//! The SQL of routers.

use std::{collections::HashMap, net::IpAddr};

use base::{RouterId, Scope, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Result, Sql, bulk, dialect},
};

use super::{
    super::values::{Text, Version},
    ChangeWay, MessageAuthenticator, Observation, OctetDirection, Router, RouterSpec,
    sharing::Neighbour,
};

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) tenant_id: TenantId,
    pub(super) id: RouterId,
    name: String,
    pub(super) secret: Vec<u8>,
    message_authenticator: MessageAuthenticator,
    reject_delay_ms: i64,
    octets: OctetDirection,
    change_way: ChangeWay,
    dynauth_address: Option<Text<IpAddr>>,
    dynauth_port: i64,
    dynauth_event_timestamp: bool,
    location: String,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Row {
    pub(super) fn into_router(self, addresses: Vec<IpAddr>) -> Router {
        Router {
            id: self.id,
            spec: RouterSpec {
                name: self.name,
                addresses,
                message_authenticator: self.message_authenticator,
                // The columns' CHECKs keep both within 16 bits.
                reject_delay_ms: u16::try_from(self.reject_delay_ms).unwrap_or(u16::MAX),
                octets: self.octets,
                change_way: self.change_way,
                dynauth_address: self.dynauth_address.map(|text| text.0),
                dynauth_port: u16::try_from(self.dynauth_port).unwrap_or(u16::MAX),
                dynauth_event_timestamp: self.dynauth_event_timestamp,
                location: self.location,
            },
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

const SELECT: &str = "SELECT tenant_id, id, name, secret, message_authenticator, reject_delay_ms, octets, change_way, \
                      dynauth_address, dynauth_port, dynauth_event_timestamp, location, version, created_at, updated_at \
                      FROM router WHERE deleted_at IS NULL AND ";

/// `false` when the name is taken.
pub(super) async fn insert(conn: &mut Conn, scope: &Scope, router: &Router, secret: &[u8]) -> Result<bool> {
    conn.query(
        "INSERT INTO router (tenant_id, id, name, secret, message_authenticator, reject_delay_ms, octets, change_way, \
         dynauth_address, dynauth_port, dynauth_event_timestamp, location, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING",
    )
    .bind(scope.tenant())
    .bind(router.id)
    .bind(&router.spec.name)
    .bind(secret)
    .bind(router.spec.message_authenticator)
    .bind(i64::from(router.spec.reject_delay_ms))
    .bind(router.spec.octets)
    .bind(router.spec.change_way)
    .bind(router.spec.dynauth_address.map(|address| address.to_string()))
    .bind(i64::from(router.spec.dynauth_port))
    .bind(router.spec.dynauth_event_timestamp)
    .bind(&router.spec.location)
    .bind(router.version)
    .bind(router.created_at)
    .bind(router.updated_at)
    .execute_optional()
    .await
}

pub(super) async fn update(conn: &mut Conn, scope: &Scope, router: &Router, version: Version) -> Result<()> {
    conn.query(
        "UPDATE router SET name = $4, message_authenticator = $5, reject_delay_ms = $6, octets = $7, change_way = $8, \
         dynauth_address = $9, dynauth_port = $10, dynauth_event_timestamp = $11, location = $12, version = $13, \
         updated_at = $14 WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(router.id)
    .bind(version)
    .bind(&router.spec.name)
    .bind(router.spec.message_authenticator)
    .bind(i64::from(router.spec.reject_delay_ms))
    .bind(router.spec.octets)
    .bind(router.spec.change_way)
    .bind(router.spec.dynauth_address.map(|address| address.to_string()))
    .bind(i64::from(router.spec.dynauth_port))
    .bind(router.spec.dynauth_event_timestamp)
    .bind(&router.spec.location)
    .bind(router.version)
    .bind(router.updated_at)
    .execute_one()
    .await
}

pub(super) async fn set_secret(conn: &mut Conn, scope: &Scope, router: &Router, secret: &[u8]) -> Result<()> {
    conn.query(
        "UPDATE router SET secret = $3, version = $4, updated_at = $5 \
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(router.id)
    .bind(secret)
    .bind(router.version)
    .bind(router.updated_at)
    .execute_one()
    .await
}

/// Replaces a router's addresses.
pub(super) async fn set_addresses(
    conn: &mut Conn,
    scope: &Scope,
    id: RouterId,
    addresses: &[IpAddr],
) -> Result<()> {
    conn.query("DELETE FROM router_address WHERE tenant_id = $1 AND router_id = $2")
        .bind(scope.tenant())
        .bind(id)
        .execute()
        .await?;
    bulk::insert(
        conn,
        "INSERT INTO router_address (tenant_id, router_id, address)",
        "",
        addresses,
        |values, address| {
            values.push(scope.tenant());
            values.push(id);
            values.push(address.to_string());
        },
    )
    .await
    .map(drop)
}

/// Keeps everybody else from giving one of these addresses to a router until the commit. They come sorted, so that two
/// transactions cannot wait for each other.
pub(super) async fn lock_addresses(conn: &mut Conn, addresses: &[IpAddr]) -> Result<()> {
    for address in addresses {
        conn.query(
            "INSERT INTO router_source (address) VALUES ($1) \
             ON CONFLICT (address) DO UPDATE SET address = excluded.address",
        )
        .bind(address.to_string())
        .execute_one()
        .await?;
    }
    Ok(())
}

/// All routers, of whatever tenant, at these addresses; one with several of them comes as often.
pub(super) async fn routers_at(conn: &mut Conn, addresses: &[IpAddr]) -> Result<Vec<Neighbour>> {
    let mut found = Vec::new();
    for address in addresses {
        let rows: Vec<(TenantId, RouterId, Vec<u8>, MessageAuthenticator)> = conn
            .query(
                "SELECT r.tenant_id, r.id, r.secret, r.message_authenticator FROM router_address a \
                 JOIN router r ON r.tenant_id = a.tenant_id AND r.id = a.router_id \
                 WHERE a.address = $1 AND r.deleted_at IS NULL",
            )
            .bind(address.to_string())
            .fetch_all()
            .await?;
        found.extend(rows.into_iter().map(|(tenant, id, secret, message_authenticator)| Neighbour {
            address: *address,
            tenant,
            id,
            secret,
            message_authenticator,
        }));
    }
    Ok(found)
}

pub(super) async fn sealed_secret(conn: &mut Conn, scope: &Scope, id: RouterId) -> Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> = conn
        .query("SELECT secret FROM router WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL")
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(|(secret,)| secret))
}

pub(super) async fn name_is_taken(conn: &mut Conn, scope: &Scope, id: RouterId, name: &str) -> Result<bool> {
    let other: Option<(RouterId,)> = conn
        .query("SELECT id FROM router WHERE tenant_id = $1 AND name = $2 AND id <> $3 AND deleted_at IS NULL")
        .bind(scope.tenant())
        .bind(name)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(other.is_some())
}

/// How many subscribers may log in on this router alone.
pub(super) async fn bound_subscribers(conn: &mut Conn, scope: &Scope, id: RouterId) -> Result<i64> {
    let (count,): (i64,) = conn
        .query(
            "SELECT COUNT(*) FROM subscriber WHERE tenant_id = $1 AND router_id = $2 AND deleted_at IS NULL",
        )
        .bind(scope.tenant())
        .bind(id)
        .fetch_one()
        .await?;
    Ok(count)
}

pub(super) async fn delete(conn: &mut Conn, scope: &Scope, id: RouterId) -> Result<()> {
    conn.query(
        "UPDATE router SET deleted_at = $3, version = version + 1 \
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(id)
    .bind(scope.now())
    .execute_one()
    .await
}

/// Whether the router is there; then it cannot be removed before the commit.
pub(super) async fn hold(conn: &mut Conn, scope: &Scope, id: RouterId) -> Result<bool> {
    locked(conn, scope, id, dialect("", " FOR SHARE")).await
}

/// Whether the router is there; then nobody else can hold it before the commit.
pub(super) async fn hold_alone(conn: &mut Conn, scope: &Scope, id: RouterId) -> Result<bool> {
    locked(conn, scope, id, dialect("", " FOR UPDATE")).await
}

/// SQLite's one writer holds everything; PostgreSQL is told what to hold.
async fn locked(conn: &mut Conn, scope: &Scope, id: RouterId, lock: Sql) -> Result<bool> {
    let found: Option<(RouterId,)> = conn
        .query("SELECT id FROM router WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL")
        .push_sql(lock)
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

pub(super) async fn find_row(
    conn: &mut Conn,
    scope: &Scope,
    id: RouterId,
) -> Result<Option<(Row, Vec<IpAddr>)>> {
    let row: Option<Row> = conn
        .query(SELECT)
        .push("tenant_id = $1 AND id = $2")
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut addresses = addresses(conn, scope.tenant(), id, id).await?;
    Ok(Some((row, addresses.remove(&id).unwrap_or_default())))
}

pub(super) async fn find(conn: &mut Conn, scope: &Scope, id: RouterId) -> Result<Option<Router>> {
    Ok(find_row(conn, scope, id).await?.map(|(row, addresses)| row.into_router(addresses)))
}

pub(super) async fn list(
    conn: &mut Conn,
    scope: &Scope,
    after: Option<RouterId>,
    limit: i64,
) -> Result<Vec<Router>> {
    let rows = list_rows(conn, scope.tenant(), after, limit).await?;
    Ok(rows.into_iter().map(|(row, addresses)| row.into_router(addresses)).collect())
}

/// A tenant's routers behind `after`, in the order of ids, each with its addresses.
pub(super) async fn list_rows(
    conn: &mut Conn,
    tenant: TenantId,
    after: Option<RouterId>,
    limit: i64,
) -> Result<Vec<(Row, Vec<IpAddr>)>> {
    let mut query = conn.query(SELECT).push("tenant_id = ").push_bind(tenant);
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all().await?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
    let mut addresses = addresses(conn, tenant, first.id, last.id).await?;
    Ok(rows
        .into_iter()
        .map(|row| (addresses.remove(&row.id).unwrap_or_default(), row))
        .map(|(a, r)| (r, a))
        .collect())
}

/// The addresses of a tenant's routers from `first` to `last`.
async fn addresses(
    conn: &mut Conn,
    tenant: TenantId,
    first: RouterId,
    last: RouterId,
) -> Result<HashMap<RouterId, Vec<IpAddr>>> {
    let rows: Vec<(RouterId, Text<IpAddr>)> = conn
        .query(
            "SELECT router_id, address FROM router_address \
             WHERE tenant_id = $1 AND router_id >= $2 AND router_id <= $3",
        )
        .bind(tenant)
        .bind(first)
        .bind(last)
        .fetch_all()
        .await?;
    let mut addresses: HashMap<RouterId, Vec<IpAddr>> = HashMap::new();
    for (router, address) in rows {
        addresses.entry(router).or_default().push(address.0);
    }
    addresses.values_mut().for_each(|of_router| of_router.sort_unstable());
    Ok(addresses)
}

/// Tenants that have routers, behind `after`.
pub(super) async fn tenants(conn: &mut Conn, after: Option<TenantId>, limit: i64) -> Result<Vec<TenantId>> {
    let rows: Vec<(TenantId,)> = conn
        .query("SELECT id FROM tenant WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(after.unwrap_or(TenantId::PLATFORM))
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

#[derive(sqlx::FromRow)]
struct ObservationRow {
    tenant_id: TenantId,
    router_id: RouterId,
    last_seen_at: Timestamp,
    source_address: Text<IpAddr>,
    local_address: Option<Text<IpAddr>>,
    with_message_authenticator_at: Option<Timestamp>,
    without_message_authenticator_at: Option<Timestamp>,
}

impl From<ObservationRow> for Observation {
    fn from(row: ObservationRow) -> Self {
        Self {
            last_seen_at: row.last_seen_at,
            source_address: row.source_address.0,
            local_address: row.local_address.map(|text| text.0),
            with_message_authenticator_at: row.with_message_authenticator_at,
            without_message_authenticator_at: row.without_message_authenticator_at,
        }
    }
}

const OBSERVATION: &str = "SELECT o.tenant_id, o.router_id, o.last_seen_at, o.source_address, o.local_address, \
                           o.with_message_authenticator_at, o.without_message_authenticator_at \
                           FROM router_observation o ";

/// What was seen of all tenants' routers behind `after`, in the order of tenants and ids.
pub(super) async fn all_observations(
    conn: &mut Conn,
    after: Option<(TenantId, RouterId)>,
    limit: i64,
) -> Result<Vec<(TenantId, RouterId, Observation)>> {
    let mut query = conn
        .query(OBSERVATION)
        .push("JOIN router r ON r.tenant_id = o.tenant_id AND r.id = o.router_id WHERE r.deleted_at IS NULL");
    if let Some((tenant, router)) = after {
        query = query
            .push(" AND (o.tenant_id, o.router_id) > (")
            .push_bind(tenant)
            .push(", ")
            .push_bind(router)
            .push(")");
    }
    let rows: Vec<ObservationRow> =
        query.push(" ORDER BY o.tenant_id, o.router_id LIMIT ").push_bind(limit).fetch_all().await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.router_id, row.into())).collect())
}

/// What was seen of the tenant's routers from `first` to `last`.
pub(super) async fn observations(
    conn: &mut Conn,
    scope: &Scope,
    first: RouterId,
    last: RouterId,
) -> Result<HashMap<RouterId, Observation>> {
    let rows: Vec<ObservationRow> = conn
        .query(OBSERVATION)
        .push("WHERE o.tenant_id = $1 AND o.router_id >= $2 AND o.router_id <= $3")
        .bind(scope.tenant())
        .bind(first)
        .bind(last)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|row| (row.router_id, row.into())).collect())
}

/// Notes what was seen, each router once; older news than is known changes nothing.
pub(super) async fn observe(conn: &mut Conn, seen: &[(TenantId, RouterId, Observation)]) -> Result<()> {
    bulk::insert(
        conn,
        "INSERT INTO router_observation (tenant_id, router_id, last_seen_at, source_address, local_address, \
         with_message_authenticator_at, without_message_authenticator_at)",
        "ON CONFLICT (tenant_id, router_id) DO UPDATE SET last_seen_at = excluded.last_seen_at, \
         source_address = excluded.source_address, \
         local_address = COALESCE(excluded.local_address, router_observation.local_address), \
         with_message_authenticator_at = \
         COALESCE(excluded.with_message_authenticator_at, router_observation.with_message_authenticator_at), \
         without_message_authenticator_at = \
         COALESCE(excluded.without_message_authenticator_at, router_observation.without_message_authenticator_at) \
         WHERE excluded.last_seen_at >= router_observation.last_seen_at",
        seen,
        |values, (tenant, router, observation)| {
            values.push(*tenant);
            values.push(*router);
            values.push(observation.last_seen_at);
            values.push(observation.source_address.to_string());
            values.push(observation.local_address.map(|address| address.to_string()));
            values.push(observation.with_message_authenticator_at);
            values.push(observation.without_message_authenticator_at);
        },
    )
    .await
    .map(drop)
}
