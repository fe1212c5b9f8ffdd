//! Reading the trail, newest entries first.

use base::{
    Timestamp,
    page::{Page, PageRequest},
};

use super::Hash;
use crate::{
    Conn, Origin,
    db::{Error, Result},
};

/// Which entries are asked for; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Kind of thing acted upon, such as `subscriber`.
    pub target_kind: Option<String>,
    /// Its id.
    pub target_id: Option<String>,
    /// Who acted: `user:ID`, `token:ID` or `system:part`.
    pub actor: Option<String>,
    /// The act, such as `subscriber.suspend`.
    pub act: Option<String>,
    /// At this time or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// An entry as it stands in the trail.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// 1, 2, 3, … for each tenant, without gaps.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who: `user:ID`, `token:ID` or `system:part`.
    pub actor: String,
    /// From which address, when it came over the network.
    pub address: Option<String>,
    /// What was done.
    pub act: String,
    /// To what kind of thing.
    pub target_kind: String,
    /// To which one.
    pub target_id: String,
    /// The state before, as JSON; secrets are masked.
    pub before: Option<serde_json::Value>,
    /// The state after, as JSON; secrets are masked.
    pub after: Option<serde_json::Value>,
    /// Why, where a reason was asked for.
    pub reason: Option<String>,
    /// This entry's place in the hash chain.
    pub hash: Hash,
}

/// A page of the trail of the tenant (or of the platform), newest first.
///
/// # Errors
/// When the database cannot be read, or the page's cursor is none of ours ([`Error::Encode`]).
pub async fn list(
    conn: &mut Conn,
    origin: &impl Origin,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<Recorded>> {
    let mut query = conn
        .query(
            "SELECT sequence, at, actor, address, act, target_kind, target_id, before_state, after_state, reason, hash \
             FROM audit WHERE tenant_id = $1",
        )
        .bind(origin.stream());
    if let Some(cursor) = page.after() {
        let sequence: i64 = cursor.parse().map_err(|error| Error::Encode(Box::new(error)))?;
        query = query.push(" AND sequence < ").push_bind(sequence);
    }
    let texts = [
        (" AND target_kind = ", &filter.target_kind),
        (" AND target_id = ", &filter.target_id),
        (" AND actor = ", &filter.actor),
        (" AND act = ", &filter.act),
    ];
    for (text, value) in texts {
        if let Some(value) = value {
            query = query.push(text).push_bind(value);
        }
    }
    if let Some(from) = filter.from {
        query = query.push(" AND at >= ").push_bind(from);
    }
    if let Some(until) = filter.until {
        query = query.push(" AND at < ").push_bind(until);
    }
    let rows: Vec<Row> = query
        .push(" ORDER BY sequence DESC LIMIT ")
        .push_bind(i64::from(page.limit()) + 1)
        .fetch_all()
        .await?;
    let rows = rows.into_iter().map(Recorded::try_from).collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(rows, page, |recorded| recorded.sequence.to_string()))
}

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    at: Timestamp,
    actor: String,
    address: Option<String>,
    act: String,
    target_kind: String,
    target_id: String,
    before_state: Option<String>,
    after_state: Option<String>,
    reason: Option<String>,
    hash: Vec<u8>,
}

impl TryFrom<Row> for Recorded {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let json = |text: Option<String>| {
            text.map(|text| serde_json::from_str(&text)).transpose().map_err(Error::decode)
        };
        let hash = <[u8; 32]>::try_from(row.hash.as_slice()).map_err(Error::decode)?;
        Ok(Self {
            sequence: row.sequence,
            at: row.at,
            actor: row.actor,
            address: row.address,
            act: row.act,
            target_kind: row.target_kind,
            target_id: row.target_id,
            before: json(row.before_state)?,
            after: json(row.after_state)?,
            reason: row.reason,
            hash: Hash::from_bytes(hash),
        })
    }
}
