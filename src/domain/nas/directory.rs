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

/// Why a row cannot become a directory entry.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database cannot be read.
    #[error("the routers cannot be read")]
    Database(#[from] db::Error),
    /// A secret does not open.
    #[error("the secret of router {router} cannot be opened")]
    Sealed {
        /// Whose.
        router: RouterId,
        /// Why.
        source: OpenError,
    },
}

/// A router as it is now; `None` when there is none.
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
        Some((row, addresses)) => compose(sealer, row, addresses).map(Some),
        None => Ok(None),
    }
}

/// Hands every router of every tenant to `take`: one whose secret does not open as the error, and the rest goes on.
///
/// # Errors
/// When the database cannot be read; routers before that were handed over.
pub async fn directory_entries(
    conn: &mut Conn,
    _platform: &Platform,
    sealer: &Sealer,
    mut take: impl FnMut(Result<entry::Router, ReadError>),
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
    take: &mut impl FnMut(Result<entry::Router, ReadError>),
) -> Result<(), ReadError> {
    let mut after = None;
    loop {
        let rows = store::list_rows(conn, tenant, after, CHUNK).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = Some(last.id);
        for (row, addresses) in rows {
            take(compose(sealer, row, addresses));
        }
    }
}

fn compose(sealer: &Sealer, row: store::Row, addresses: Vec<IpAddr>) -> Result<entry::Router, ReadError> {
    let (tenant, id) = (row.tenant_id, row.id);
    let sealed = |source| ReadError::Sealed { router: id, source };
    let secret = sealer.open(&secret::place(tenant, &id), &row.secret).map_err(sealed)?;
    let secret = SharedSecret::new(secret.expose()).map_err(|_| sealed(OpenError::Form))?;
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
