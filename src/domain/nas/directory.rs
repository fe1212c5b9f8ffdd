//! Routers as the directory holds them.

use std::net::IpAddr;

use aaa::directory::entry;
use base::{
    Platform, RouterId, Scope, TenantId,
    seal::{OpenError, Sealer},
};
use foundation::{Conn, db};
use radius::secret::SharedSecret;

use super::{secret, spec, store};

/// Routers, or tenants, that are read at a time.
const CHUNK: i64 = 500;

/// Why the routers cannot be handed to the directory.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database cannot be read.
    #[error("the routers cannot be read")]
    Database(#[from] db::Error),
}

/// A router as it is now; `None` when there is none. One whose secret does not open counts as none, with an alarm: the rest
/// of its tenant goes on.
///
/// # Errors
/// As [`ReadError`] says.
pub async fn directory_entry(
    conn: &mut Conn,
    scope: &Scope,
    sealer: &Sealer,
    id: RouterId,
) -> Result<Option<entry::Router>, ReadError> {
    match store::find_row(conn, scope, id).await? {
        Some((row, addresses)) => Ok(readable(compose(sealer, row, addresses))),
        None => Ok(None),
    }
}

/// Hands every router of every tenant to `take`. One whose secret does not open is left out, with an alarm.
///
/// # Errors
/// When the database cannot be read; routers before that were handed over.
pub async fn directory_entries(
    conn: &mut Conn,
    _platform: &Platform,
    sealer: &Sealer,
    mut take: impl FnMut(entry::Router),
) -> Result<(), ReadError> {
    let mut tenant_after = None;
    loop {
        let tenants = store::tenants(conn, tenant_after, CHUNK).await?;
        let Some(last) = tenants.last() else { return Ok(()) };
        tenant_after = Some(*last);
        for tenant in tenants {
            of_tenant(conn, sealer, tenant, &mut take).await?;
        }
    }
}

async fn of_tenant(
    conn: &mut Conn,
    sealer: &Sealer,
    tenant: TenantId,
    take: &mut impl FnMut(entry::Router),
) -> Result<(), ReadError> {
    let mut after = None;
    loop {
        let rows = store::list_rows(conn, tenant, after, CHUNK).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = Some(last.id);
        for (row, addresses) in rows {
            if let Some(router) = readable(compose(sealer, row, addresses)) {
                take(router);
            }
        }
    }
}

/// The entry, unless its secret does not open: then the log and a counter say so.
fn readable(composed: Result<entry::Router, (RouterId, OpenError)>) -> Option<entry::Router> {
    composed
        .map_err(|(router, error)| {
            metrics::counter!("rrnetd_directory_unreadable_total", "kind" => "router").increment(1);
            tracing::error!(router.id = %router, %error, "the secret of a router cannot be opened: it is left out");
        })
        .ok()
}

fn compose(
    sealer: &Sealer,
    row: store::Row,
    addresses: Vec<IpAddr>,
) -> Result<entry::Router, (RouterId, OpenError)> {
    let (tenant, id) = (row.tenant_id, row.id);
    let secret = sealer.open(&secret::place(tenant, &id), &row.secret).map_err(|error| (id, error))?;
    let secret = SharedSecret::new(secret.expose()).map_err(|_| (id, OpenError::Form))?;
    let spec = row.into_router(addresses).spec;
    Ok(entry::Router {
        id,
        tenant,
        reject_delay: spec::reject_delay(&spec),
        name: spec.name.into(),
        addresses: spec.addresses.into(),
        secret,
        message_authenticator: spec.message_authenticator.into(),
        octets: spec.octets.into(),
        change_way: spec.change_way.into(),
        dynauth_address: spec.dynauth_address,
        dynauth_port: spec.dynauth_port,
        dynauth_event_timestamp: spec.dynauth_event_timestamp,
    })
}
