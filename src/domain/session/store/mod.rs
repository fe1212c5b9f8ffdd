//! The SQL of sessions: `rows` as packets change them · `ends` told by nobody · `journal` how far it is applied · `lists` what
//! people ask.

pub(super) mod days;
pub(super) mod ends;
pub(super) mod journal;
pub(super) mod lists;
pub(super) mod rows;

use base::Timestamp;
use foundation::{
    Conn,
    db::{Result, dialect},
};

/// All that a [`Row`](super::row::Row) is made of.
macro_rules! columns {
    () => {
        "SELECT tenant_id, id, router_id, subscriber_id, name_hash, from_cookie, overlay_generation, \
         username, acct_session_id, identifiers, framed_address, framed_ipv6_address, \
         framed_ipv6_prefix, delegated_ipv6_prefix, mac, nas_port, started_at, updated_at, \
         session_seconds, upload_octets, download_octets, upload_packets, download_packets, ended_at, \
         end_cause, terminate_cause, revision "
    };
}

/// Sessions by what is pushed behind it.
const SELECT: &str = concat!(columns!(), "FROM session WHERE ");

/// Each session that the statement behind it finds for each of a list, on PostgreSQL.
const SELECT_EACH: &str = concat!(columns!(), "FROM (SELECT DISTINCT value FROM unnest(ARRAY");

/// Makes the partition of the month that `at` lies in; SQLite has none.
pub(super) async fn make_month(conn: &mut Conn, at: Timestamp) -> Result<()> {
    conn.query(dialect("SELECT $1", "SELECT make_session_month($1)")).bind(at).execute().await?;
    Ok(())
}
