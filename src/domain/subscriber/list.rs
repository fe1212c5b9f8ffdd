//! Lists of subscribers, and the search box.

use base::{
    CustomerId, PlanId, RouterId, Scope, Timestamp,
    page::{Page, PageRequest},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use foundation::{Conn, db};

use super::{
    super::values::text::{behind, search_key},
    OverlayReason, ServiceType, Status, Subscriber, customer, store,
    store::list::Searched,
};

/// Most hits of a search: what a person looks through.
const MAX_HITS: u32 = 50;

/// Which subscribers are asked for; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of this status.
    pub status: Option<Status>,
    /// Those on this service.
    pub service: Option<ServiceType>,
    /// Those with this plan.
    pub plan: Option<PlanId>,
    /// Those that are bound to this router.
    pub router: Option<RouterId>,
    /// Those of this customer.
    pub customer: Option<CustomerId>,
    /// Those that are isolated, or those that are not.
    pub isolated: Option<bool>,
    /// Those that are isolated for this reason.
    pub reason: Option<OverlayReason>,
    /// Those whose time runs out before this.
    pub expires_before: Option<Timestamp>,
    /// Those whose user name starts so.
    pub username_prefix: Option<String>,
}

/// A subscriber in a list.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ListedSubscriber)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The subscriber.
    #[serde(flatten)]
    pub subscriber: Subscriber,
    /// Its customer's name.
    pub customer_name: String,
    /// Its customer's telephone number.
    pub customer_phone: Option<String>,
    /// Its plan's name.
    pub plan_name: String,
}

/// Why a list cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The cursor does not come from an earlier page.
    #[error("the page's cursor does not come from an earlier page")]
    Cursor,
    /// The database cannot be read.
    #[error("the subscribers cannot be read")]
    Database(#[from] db::Error),
}

/// The tenant's subscribers in the order of user names, octet by octet.
///
/// # Errors
/// As [`ListError`] says.
pub async fn list(
    conn: &mut Conn,
    scope: &Scope,
    filter: &Filter,
    request: &PageRequest,
) -> Result<Page<Listed>, ListError> {
    let after = request.after().map(parse_cursor).transpose()?;
    let limit = i64::from(request.limit()) + 1;
    let rows = store::list::page(conn, scope, filter, after.as_deref(), limit).await?;
    Ok(Page::cut(rows, request, |row| compose_cursor(&row.subscriber.spec.username)))
}

/// Subscribers whose user name, customer's name or customer's telephone number starts with `text`, at most `limit` (and
/// never more than 50), in the order of user names. Case matters in user names alone.
///
/// # Errors
/// When the database cannot be read.
pub async fn search(conn: &mut Conn, scope: &Scope, text: &str, limit: u32) -> db::Result<Vec<Listed>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let limit = i64::from(limit.clamp(1, MAX_HITS));
    let mut hits = store::list::search(conn, scope, Searched::Username, text, &behind(text), limit).await?;
    let key = search_key(text);
    hits.extend(store::list::search(conn, scope, Searched::CustomerName, &key, &behind(&key), limit).await?);
    for prefix in customer::phone_prefixes(text) {
        hits.extend(
            store::list::search(conn, scope, Searched::Phone, &prefix, &behind(&prefix), limit).await?,
        );
    }
    hits.sort_by(|one, other| one.subscriber.spec.username.cmp(&other.subscriber.spec.username));
    hits.dedup_by_key(|hit| hit.subscriber.id);
    hits.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(hits)
}

fn compose_cursor(username: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(username)
}

fn parse_cursor(text: &str) -> Result<String, ListError> {
    let octets = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| ListError::Cursor)?;
    String::from_utf8(octets).map_err(|_| ListError::Cursor)
}
