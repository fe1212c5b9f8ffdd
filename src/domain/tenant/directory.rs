//! Tenants as the directory holds them.

use aaa::directory::entry;
use base::{Platform, Scope, TenantId};
use foundation::{Conn, db};
use jiff::tz::TimeZone;

use super::{Tenant, store};

/// Tenants that are read at a time.
const CHUNK: i64 = 500;

/// Why rows cannot become directory entries.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database cannot be read.
    #[error("the rows cannot be read")]
    Database(#[from] db::Error),
    /// A stored time zone is unknown to this build.
    #[error("tenant {tenant} has the unknown time zone {zone:?}")]
    TimeZone {
        /// Whose.
        tenant: TenantId,
        /// Its name.
        zone: String,
    },
}

/// The scope's tenant as it is now; `None` when there is none.
///
/// # Errors
/// As [`ReadError`] says.
pub async fn directory_entry(conn: &mut Conn, scope: &Scope) -> Result<Option<entry::Tenant>, ReadError> {
    store::tenant::find(conn, scope.tenant()).await?.map(compose).transpose()
}

/// Hands every tenant to `take`.
///
/// # Errors
/// As [`ReadError`] says; tenants before the failure were handed over.
pub async fn directory_entries(
    conn: &mut Conn,
    _platform: &Platform,
    mut take: impl FnMut(entry::Tenant),
) -> Result<(), ReadError> {
    let mut after = None;
    loop {
        let tenants = store::tenant::list(conn, after, CHUNK).await?;
        let Some(last) = tenants.last() else { return Ok(()) };
        after = Some(last.id);
        for tenant in tenants {
            take(compose(tenant)?);
        }
    }
}

fn compose(tenant: Tenant) -> Result<entry::Tenant, ReadError> {
    let Ok(zone) = TimeZone::get(&tenant.spec.time_zone) else {
        return Err(ReadError::TimeZone { tenant: tenant.id, zone: tenant.spec.time_zone });
    };
    Ok(entry::Tenant {
        id: tenant.id,
        zone,
        realm: tenant.spec.realm.map(Into::into),
        isolir: tenant.isolir_profile.directory_entry(),
        stopped: tenant.service_stopped,
    })
}
