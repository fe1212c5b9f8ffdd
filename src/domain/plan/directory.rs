//! Plans as the directory holds them.

use aaa::directory::entry;
use base::{PlanId, Platform, Scope};
use foundation::{Conn, db};

use super::{Plan, minutes_of_week, store};

/// Plans that are read at a time.
const CHUNK: i64 = 500;

/// Why the plans cannot be handed to the directory.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database cannot be read.
    #[error("the plans cannot be read")]
    Database(#[from] db::Error),
}

/// A plan as it is now; `None` when there is none.
///
/// # Errors
/// As [`ReadError`] says.
pub async fn directory_entry(
    conn: &mut Conn,
    scope: &Scope,
    id: PlanId,
) -> Result<Option<entry::Plan>, ReadError> {
    Ok(store::find_row(conn, scope, id).await?.map(compose))
}

/// Hands every plan of every tenant to `take`.
///
/// # Errors
/// As [`ReadError`] says; plans before that were handed over.
pub async fn directory_entries(
    conn: &mut Conn,
    _platform: &Platform,
    mut take: impl FnMut(entry::Plan),
) -> Result<(), ReadError> {
    let mut after = None;
    loop {
        let rows = store::all(conn, after, CHUNK).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some((last.tenant_id, last.id));
        rows.into_iter().map(compose).for_each(&mut take);
    }
}

fn compose(mut row: store::Row) -> entry::Plan {
    let tenant = row.tenant_id;
    let attributes = std::mem::take(&mut row.composed_attributes).into();
    let Plan { id, spec, .. } = row.into();
    let service = spec.service;
    let boxed = |text: Option<String>| text.map(Box::from);
    entry::Plan {
        id,
        tenant,
        rate_limit: service.rate_limit.map(|limit| limit.compose().into()),
        pool: boxed(service.pool),
        ipv6_pool: boxed(service.ipv6_pool),
        delegated_ipv6_pool: boxed(service.delegated_ipv6_pool),
        group: boxed(service.group),
        address_list: boxed(service.address_list),
        filter: boxed(service.filter),
        session_timeout: service.session_timeout,
        idle_timeout: service.idle_timeout,
        interim_interval: service.interim_interval,
        simultaneous: service.simultaneous,
        hours: minutes_of_week(&service.hours),
        attributes,
    }
}
