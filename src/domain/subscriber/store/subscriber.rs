//! The SQL of single subscribers.

use std::net::Ipv4Addr;

use base::{CustomerId, MacAddress, PlanId, RouterId, Scope, SubscriberId, Timestamp};
use foundation::{
    Conn,
    db::{Error, Result, bulk},
};
use sqlx::types::Json;

use super::super::{MacLock, OverlayReason, OverlayReasons, ServiceType, Status, Subscriber, SubscriberSpec};
use crate::domain::values::{AttributeText, Ipv6Prefix, Text, Version};

#[derive(sqlx::FromRow)]
pub(in super::super) struct Row {
    id: SubscriberId,
    customer_id: CustomerId,
    plan_id: PlanId,
    username: String,
    hardware_login: bool,
    service: ServiceType,
    status: Status,
    expires_at: Option<Timestamp>,
    mac_lock: MacLock,
    macs: Json<Vec<MacAddress>>,
    router_id: Option<RouterId>,
    static_address: Option<Text<Ipv4Addr>>,
    ipv6_prefix: Option<Ipv6Prefix>,
    delegated_ipv6_prefix: Option<Ipv6Prefix>,
    routes: Json<Vec<String>>,
    simultaneous: Option<i64>,
    attributes: Json<Vec<AttributeText>>,
    abuse: bool,
    manual: bool,
    unpaid: bool,
    quota: bool,
    overlay_generation: i64,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Row> for Subscriber {
    fn from(row: Row) -> Self {
        let reasons = [
            (row.abuse, OverlayReason::Abuse),
            (row.manual, OverlayReason::Manual),
            (row.unpaid, OverlayReason::Unpaid),
            (row.quota, OverlayReason::Quota),
        ];
        Self {
            id: row.id,
            customer: row.customer_id,
            spec: SubscriberSpec {
                username: row.username,
                plan: row.plan_id,
                service: row.service,
                expires_at: row.expires_at,
                mac_lock: row.mac_lock,
                macs: row.macs.0,
                router: row.router_id,
                static_address: row.static_address.map(|text| text.0),
                ipv6_prefix: row.ipv6_prefix,
                delegated_ipv6_prefix: row.delegated_ipv6_prefix,
                routes: row.routes.0,
                simultaneous: row.simultaneous.map(|number| u16::try_from(number).unwrap_or(u16::MAX)),
                attributes: row.attributes.0,
            },
            hardware_login: row.hardware_login,
            status: row.status,
            overlay: OverlayReasons::of(
                reasons.into_iter().filter(|(set, _)| *set).map(|(_, reason)| reason),
            ),
            overlay_generation: row.overlay_generation,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The columns of a [`Row`], of `subscriber s`.
macro_rules! columns {
    () => {
        "s.id, s.customer_id, s.plan_id, s.username, s.password IS NULL AS hardware_login, s.service, s.status, \
         s.expires_at, s.mac_lock, s.macs, s.router_id, s.static_address, s.ipv6_prefix, s.delegated_ipv6_prefix, \
         s.routes, s.simultaneous, s.attributes, s.overlay_generation, s.version, s.created_at, s.updated_at, \
         EXISTS (SELECT 1 FROM overlay o WHERE o.tenant_id = s.tenant_id AND o.subscriber_id = s.id \
                 AND o.reason = 'abuse') AS abuse, \
         EXISTS (SELECT 1 FROM overlay o WHERE o.tenant_id = s.tenant_id AND o.subscriber_id = s.id \
                 AND o.reason = 'manual') AS manual, \
         EXISTS (SELECT 1 FROM overlay o WHERE o.tenant_id = s.tenant_id AND o.subscriber_id = s.id \
                 AND o.reason = 'unpaid') AS unpaid, \
         EXISTS (SELECT 1 FROM overlay o WHERE o.tenant_id = s.tenant_id AND o.subscriber_id = s.id \
                 AND o.reason = 'quota') AS quota"
    };
}
pub(super) use columns;

const SELECT: &str =
    concat!("SELECT ", columns!(), " FROM subscriber s WHERE s.deleted_at IS NULL AND s.tenant_id = $1 AND ");

/// A subscriber to be stored.
#[derive(Debug)]
pub(in super::super) struct NewRow<'a> {
    pub(in super::super) subscriber: &'a Subscriber,
    pub(in super::super) password: Option<&'a [u8]>,
    pub(in super::super) composed_attributes: &'a [u8],
}

/// `false` when the name or the static address is taken.
pub(in super::super) async fn insert(conn: &mut Conn, scope: &Scope, row: &NewRow<'_>) -> Result<bool> {
    Ok(insert_all(conn, scope, std::slice::from_ref(row), "ON CONFLICT DO NOTHING").await? == 1)
}

/// Stores `rows`; `tail` says what happens when a name or an address is taken. Says how many were stored.
pub(in super::super) async fn insert_all(
    conn: &mut Conn,
    scope: &Scope,
    rows: &[NewRow<'_>],
    tail: &'static str,
) -> Result<u64> {
    bulk::insert(
        conn,
        "INSERT INTO subscriber (tenant_id, id, customer_id, plan_id, username, password, service, status, expires_at, \
         mac_lock, macs, router_id, static_address, ipv6_prefix, delegated_ipv6_prefix, routes, simultaneous, \
         attributes, composed_attributes, overlay_generation, version, created_at, updated_at)",
        tail,
        rows,
        |values, row| {
            let (subscriber, spec) = (row.subscriber, &row.subscriber.spec);
            values.push(scope.tenant());
            values.push(subscriber.id);
            values.push(subscriber.customer);
            values.push(spec.plan);
            values.push(spec.username.as_str());
            values.push(row.password.map(<[u8]>::to_vec));
            values.push(spec.service);
            values.push(subscriber.status);
            values.push(spec.expires_at);
            values.push(spec.mac_lock);
            values.push(Json(&spec.macs));
            values.push(spec.router);
            values.push(spec.static_address.map(Text));
            values.push(spec.ipv6_prefix);
            values.push(spec.delegated_ipv6_prefix);
            values.push(Json(&spec.routes));
            values.push(spec.simultaneous.map(i64::from));
            values.push(Json(&spec.attributes));
            values.push(row.composed_attributes);
            values.push(subscriber.overlay_generation);
            values.push(subscriber.version);
            values.push(subscriber.created_at);
            values.push(subscriber.updated_at);
        },
    )
    .await
}

/// What another subscriber has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Taken {
    /// The user name.
    Username,
    /// The static address.
    StaticAddress,
}

/// Whether somebody but `id` has the name or the address.
pub(in super::super) async fn taken(
    conn: &mut Conn,
    scope: &Scope,
    id: Option<SubscriberId>,
    username: &str,
    address: Option<Ipv4Addr>,
) -> Result<Option<Taken>> {
    let by_name: Option<(SubscriberId,)> = conn
        .query("SELECT id FROM subscriber WHERE tenant_id = $1 AND username = $2 AND deleted_at IS NULL")
        .bind(scope.tenant())
        .bind(username)
        .fetch_optional()
        .await?;
    if by_name.is_some_and(|(other,)| Some(other) != id) {
        return Ok(Some(Taken::Username));
    }
    let Some(address) = address else { return Ok(None) };
    let by_address: Option<(SubscriberId,)> = conn
        .query(
            "SELECT id FROM subscriber WHERE tenant_id = $1 AND static_address = $2 AND deleted_at IS NULL",
        )
        .bind(scope.tenant())
        .bind(Text(address))
        .fetch_optional()
        .await?;
    Ok(by_address.filter(|(other,)| Some(*other) != id).map(|_| Taken::StaticAddress))
}

pub(in super::super) async fn find(
    conn: &mut Conn,
    scope: &Scope,
    id: SubscriberId,
) -> Result<Option<Subscriber>> {
    let row: Option<Row> =
        conn.query(SELECT).push("s.id = $2").bind(scope.tenant()).bind(id).fetch_optional().await?;
    Ok(row.map(Subscriber::from))
}

pub(in super::super) async fn find_by_username(
    conn: &mut Conn,
    scope: &Scope,
    username: &str,
) -> Result<Option<Subscriber>> {
    let row: Option<Row> = conn
        .query(SELECT)
        .push("s.username = $2")
        .bind(scope.tenant())
        .bind(username)
        .fetch_optional()
        .await?;
    Ok(row.map(Subscriber::from))
}

pub(in super::super) async fn update(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: &Subscriber,
    composed_attributes: &[u8],
    version: Version,
) -> Result<()> {
    let spec = &subscriber.spec;
    conn.query(
        "UPDATE subscriber SET plan_id = $4, username = $5, service = $6, expires_at = $7, mac_lock = $8, macs = $9, \
         router_id = $10, static_address = $11, ipv6_prefix = $12, delegated_ipv6_prefix = $13, routes = $14, \
         simultaneous = $15, attributes = $16, composed_attributes = $17, version = $18, updated_at = $19 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(subscriber.id)
    .bind(version)
    .bind(spec.plan)
    .bind(&spec.username)
    .bind(spec.service)
    .bind(spec.expires_at)
    .bind(spec.mac_lock)
    .bind(Json(&spec.macs))
    .bind(spec.router)
    .bind(spec.static_address.map(Text))
    .bind(spec.ipv6_prefix)
    .bind(spec.delegated_ipv6_prefix)
    .bind(Json(&spec.routes))
    .bind(spec.simultaneous.map(i64::from))
    .bind(Json(&spec.attributes))
    .bind(composed_attributes)
    .bind(subscriber.version)
    .bind(subscriber.updated_at)
    .execute_one()
    .await
}

pub(in super::super) async fn set_plan(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: &Subscriber,
    version: Version,
) -> Result<()> {
    conn.query(
        "UPDATE subscriber SET plan_id = $4, version = $5, updated_at = $6 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(subscriber.id)
    .bind(version)
    .bind(subscriber.spec.plan)
    .bind(subscriber.version)
    .bind(subscriber.updated_at)
    .execute_one()
    .await
}

pub(in super::super) async fn set_status(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: &Subscriber,
    version: Version,
) -> Result<()> {
    conn.query(
        "UPDATE subscriber SET status = $4, version = $5, updated_at = $6 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(subscriber.id)
    .bind(version)
    .bind(subscriber.status)
    .bind(subscriber.version)
    .bind(subscriber.updated_at)
    .execute_one()
    .await
}

/// Stores a sealed password, or none, and the user name that goes with it.
pub(in super::super) async fn set_password(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: &Subscriber,
    sealed: Option<&[u8]>,
) -> Result<()> {
    conn.query(
        "UPDATE subscriber SET password = $3, username = $4, version = $5, updated_at = $6 \
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(subscriber.id)
    .bind(sealed.map(<[u8]>::to_vec))
    .bind(&subscriber.spec.username)
    .bind(subscriber.version)
    .bind(subscriber.updated_at)
    .execute_one()
    .await
}

/// The sealed password; the outer `None` when there is no such subscriber.
pub(in super::super) async fn password(
    conn: &mut Conn,
    scope: &Scope,
    id: SubscriberId,
) -> Result<Option<Option<Vec<u8>>>> {
    let row: Option<(Option<Vec<u8>>,)> = conn
        .query("SELECT password FROM subscriber WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL")
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(|(sealed,)| sealed))
}

pub(in super::super) async fn delete(conn: &mut Conn, scope: &Scope, id: SubscriberId) -> Result<()> {
    conn.query(
        "UPDATE subscriber SET deleted_at = $3, version = version + 1, updated_at = $3 \
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(id)
    .bind(scope.now())
    .execute_one()
    .await
}

/// `false` when there was nothing to learn.
pub(in super::super) async fn learn_mac(
    conn: &mut Conn,
    scope: &Scope,
    id: SubscriberId,
    mac: MacAddress,
) -> Result<bool> {
    conn.query(
        "UPDATE subscriber SET mac_lock = 'locked', macs = $3, version = version + 1, updated_at = $4 \
         WHERE tenant_id = $1 AND id = $2 AND mac_lock = 'learn' AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(id)
    .bind(Json([mac]))
    .bind(scope.now())
    .execute_optional()
    .await
}

/// The generation after the change.
pub(in super::super) async fn bump_overlay_generation(
    conn: &mut Conn,
    scope: &Scope,
    id: SubscriberId,
) -> Result<i64> {
    let row: Option<(i64,)> = conn
        .query(
            "UPDATE subscriber SET overlay_generation = overlay_generation + 1 \
             WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING overlay_generation",
        )
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    row.map(|(generation,)| generation).ok_or(Error::RowNotFound)
}
