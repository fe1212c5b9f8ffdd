//! The SQL of the import: what is taken of a chunk of names and addresses.

use std::{collections::HashSet, net::Ipv4Addr};

use base::Scope;
use foundation::{
    Conn,
    db::{Query, Result},
};

use super::super::import::Draft;
use crate::domain::values::Text;

/// Subscribers of one transaction. Each takes five rows (customer, subscriber, event, audit entry, change), and a transaction
/// may write a thousand.
pub(in super::super) const CHUNK: usize = 180;

/// What of a chunk others have already.
#[derive(Debug, Default)]
pub(in super::super) struct Taken {
    pub(in super::super) usernames: HashSet<String>,
    pub(in super::super) addresses: HashSet<Ipv4Addr>,
}

/// What of these drafts others have already.
pub(in super::super) async fn taken(conn: &mut Conn, scope: &Scope, drafts: &[Draft]) -> Result<Taken> {
    let mut taken = Taken::default();
    let usernames: Vec<&str> = drafts.iter().map(|draft| draft.spec.username.as_str()).collect();
    if let Some(last) = usernames.last() {
        let query = conn
            .query("SELECT username FROM subscriber WHERE tenant_id = $1 AND deleted_at IS NULL AND username IN (")
            .bind(scope.tenant());
        let query = filled(query, &usernames, last, |query, name| query.push_bind((*name).to_owned()));
        let rows: Vec<(String,)> = query.push(")").fetch_all().await?;
        taken.usernames = rows.into_iter().map(|(name,)| name).collect();
    }
    let addresses: Vec<Ipv4Addr> = drafts.iter().filter_map(|draft| draft.spec.static_address).collect();
    if let Some(last) = addresses.last() {
        let query = conn
            .query(
                "SELECT static_address FROM subscriber \
                 WHERE tenant_id = $1 AND deleted_at IS NULL AND static_address IN (",
            )
            .bind(scope.tenant());
        let query = filled(query, &addresses, last, |query, address| query.push_bind(Text(*address)));
        let rows: Vec<(Text<Ipv4Addr>,)> = query.push(")").fetch_all().await?;
        taken.addresses = rows.into_iter().map(|(address,)| address.0).collect();
    }
    Ok(taken)
}

/// Appends a list of [`CHUNK`] values, filled up with the last one: one statement for all chunks, prepared once.
fn filled<'c, T>(
    mut query: Query<'c>,
    values: &[T],
    last: &T,
    bind: impl Fn(Query<'c>, &T) -> Query<'c>,
) -> Query<'c> {
    for (place, value) in
        values.iter().chain(std::iter::repeat(last)).take(CHUNK.max(values.len())).enumerate()
    {
        if place > 0 {
            query = query.push(", ");
        }
        query = bind(query, value);
    }
    query
}
