//! The SQL that feeds the directory: only what a packet needs, in the order of the primary key.

use std::net::Ipv4Addr;

use base::{MacAddress, PlanId, Platform, RouterId, Scope, SubscriberId, TenantId, Timestamp};
use foundation::{Conn, db::Result};
use sqlx::types::Json;

use super::super::{MacLock, OverlayReason, ServiceType, Status};
use crate::domain::values::{Ipv6Prefix, Text};

#[derive(Debug, sqlx::FromRow)]
pub(in super::super) struct Row {
    pub(in super::super) tenant_id: TenantId,
    pub(in super::super) id: SubscriberId,
    pub(in super::super) plan_id: PlanId,
    pub(in super::super) username: String,
    pub(in super::super) password: Option<Vec<u8>>,
    pub(in super::super) service: ServiceType,
    pub(in super::super) status: Status,
    pub(in super::super) expires_at: Option<Timestamp>,
    pub(in super::super) mac_lock: MacLock,
    pub(in super::super) macs: Json<Vec<MacAddress>>,
    pub(in super::super) router_id: Option<RouterId>,
    pub(in super::super) static_address: Option<Text<Ipv4Addr>>,
    pub(in super::super) ipv6_prefix: Option<Ipv6Prefix>,
    pub(in super::super) delegated_ipv6_prefix: Option<Ipv6Prefix>,
    pub(in super::super) routes: Json<Vec<String>>,
    pub(in super::super) simultaneous: Option<i64>,
    pub(in super::super) composed_attributes: Vec<u8>,
    pub(in super::super) overlay_generation: i64,
}

impl Row {
    pub(in super::super) const fn key(&self) -> Key {
        (self.tenant_id, self.id)
    }
}

/// The primary key.
pub(in super::super) type Key = (TenantId, SubscriberId);
/// One reason of one subscriber.
pub(in super::super) type Reason = (TenantId, SubscriberId, OverlayReason);

const SELECT: &str = "SELECT tenant_id, id, plan_id, username, password, service, status, expires_at, mac_lock, macs, \
                      router_id, static_address, ipv6_prefix, delegated_ipv6_prefix, routes, simultaneous, \
                      composed_attributes, overlay_generation FROM subscriber WHERE deleted_at IS NULL";

pub(in super::super) async fn find(conn: &mut Conn, scope: &Scope, id: SubscriberId) -> Result<Option<Row>> {
    conn.query(SELECT)
        .push(" AND tenant_id = $1 AND id = $2")
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await
}

/// The rows behind `after`.
pub(in super::super) async fn chunk(conn: &mut Conn, after: Option<Key>, limit: i64) -> Result<Vec<Row>> {
    let mut query = conn.query(SELECT);
    if let Some((tenant, id)) = after {
        query = query.push(" AND (tenant_id, id) > (").push_bind(tenant).push(", ").push_bind(id).push(")");
    }
    query.push(" ORDER BY tenant_id, id LIMIT ").push_bind(limit).fetch_all().await
}

/// The overlay of the subscribers from `first` to `last`.
pub(in super::super) async fn reasons(conn: &mut Conn, first: Key, last: Key) -> Result<Vec<Reason>> {
    conn.query(
        "SELECT tenant_id, subscriber_id, reason FROM overlay \
         WHERE (tenant_id, subscriber_id) >= ($1, $2) AND (tenant_id, subscriber_id) <= ($3, $4) \
         ORDER BY tenant_id, subscriber_id",
    )
    .bind(first.0)
    .bind(first.1)
    .bind(last.0)
    .bind(last.1)
    .fetch_all()
    .await
}

pub(in super::super) async fn count(conn: &mut Conn, _platform: &Platform) -> Result<i64> {
    let (count,): (i64,) =
        conn.query("SELECT COUNT(*) FROM subscriber WHERE deleted_at IS NULL").fetch_one().await?;
    Ok(count)
}
