//! The SQL of lists and of the search box.

use base::Scope;
use foundation::{
    Conn,
    db::{Query, Result, Sql, dialect},
};

use super::{
    super::{Filter, Listed},
    subscriber::{Row, columns},
};
use crate::domain::values::text::behind;

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    row: Row,
    customer_name: String,
    customer_phone: Option<String>,
    plan_name: String,
}

impl From<ListedRow> for Listed {
    fn from(listed: ListedRow) -> Self {
        Self {
            subscriber: listed.row.into(),
            customer_name: listed.customer_name,
            customer_phone: listed.customer_phone,
            plan_name: listed.plan_name,
        }
    }
}

const SELECT: &str = concat!(
    "SELECT ",
    columns!(),
    ", c.name AS customer_name, c.phone AS customer_phone, p.name AS plan_name FROM subscriber s"
);

const JOINED: &str = " JOIN customer c ON c.tenant_id = s.tenant_id AND c.id = s.customer_id \
                      JOIN plan p ON p.tenant_id = s.tenant_id AND p.id = s.plan_id \
                      WHERE s.tenant_id = $1 AND s.deleted_at IS NULL";

/// SQLite takes the index of user names by itself, which is shorter, and then reads every subscriber to see when it expires.
const BY_EXPIRY: Sql = dialect(" INDEXED BY subscriber_expires", "");

/// Whose generation is odd is isolated; written as the index has it.
const ISOLATED: &str = " AND s.overlay_generation % 2 = 1";

/// A page behind the user name `after`.
pub(in super::super) async fn page(
    conn: &mut Conn,
    scope: &Scope,
    filter: &Filter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Listed>> {
    let rows: Vec<ListedRow> = listed(conn, scope, filter, after, limit).fetch_all().await?;
    Ok(rows.into_iter().map(Listed::from).collect())
}

/// The statement of [`page`].
pub(in super::super) fn listed<'c>(
    conn: &'c mut Conn,
    scope: &Scope,
    filter: &Filter,
    after: Option<&str>,
    limit: i64,
) -> Query<'c> {
    let mut query = conn.query(SELECT);
    let expiry_alone = Filter { expires_before: filter.expires_before, ..Filter::default() };
    if filter.expires_before.is_some() && *filter == expiry_alone {
        query = query.push_sql(BY_EXPIRY);
    }
    query = query.push(JOINED).bind(scope.tenant());
    if let Some(after) = after {
        query = query.push(" AND s.username > ").push_bind(after.to_owned());
    }
    if let Some(prefix) = &filter.username_prefix {
        query = query.push(" AND s.username >= ").push_bind(prefix.clone());
        query = query.push(" AND s.username < ").push_bind(behind(prefix));
    }
    if let Some(status) = filter.status {
        query = query.push(" AND s.status = ").push_bind(status);
    }
    if let Some(service) = filter.service {
        query = query.push(" AND s.service = ").push_bind(service);
    }
    if let Some(plan) = filter.plan {
        query = query.push(" AND s.plan_id = ").push_bind(plan);
    }
    if let Some(router) = filter.router {
        query = query.push(" AND s.router_id = ").push_bind(router);
    }
    if let Some(customer) = filter.customer {
        query = query.push(" AND s.customer_id = ").push_bind(customer);
    }
    if let Some(before) = filter.expires_before {
        query = query.push(" AND s.expires_at IS NOT NULL AND s.expires_at < ").push_bind(before);
    }
    match filter.isolated {
        Some(true) => query = query.push(ISOLATED),
        Some(false) => query = query.push(" AND s.overlay_generation % 2 = 0"),
        None => {}
    }
    if let Some(reason) = filter.reason {
        // Counted, so that PostgreSQL does not make a join of it and leave the order of user names.
        query = query.push(ISOLATED).push(
            " AND (SELECT COUNT(*) FROM overlay o WHERE o.tenant_id = s.tenant_id AND o.subscriber_id = s.id \
             AND o.reason = ",
        );
        query = query.push_bind(reason).push(") > 0");
    }
    query.push(" ORDER BY s.username LIMIT ").push_bind(limit)
}

/// Which column a search looks at.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Searched {
    /// The user name.
    Username,
    /// The customer's name, as a search key.
    CustomerName,
    /// The customer's telephone number.
    Phone,
}

/// Those in whose column stands something from `from` up to `to`, in the order of that column: so both databases walk its
/// index, and stop at the limit.
pub(in super::super) async fn search(
    conn: &mut Conn,
    scope: &Scope,
    column: Searched,
    from: &str,
    to: &str,
    limit: i64,
) -> Result<Vec<Listed>> {
    let condition = match column {
        Searched::Username => " AND s.username >= $2 AND s.username < $3 ORDER BY s.username LIMIT $4",
        Searched::CustomerName => {
            " AND c.deleted_at IS NULL AND c.name_key >= $2 AND c.name_key < $3 ORDER BY c.name_key LIMIT $4"
        }
        Searched::Phone => {
            " AND c.deleted_at IS NULL AND c.phone >= $2 AND c.phone < $3 ORDER BY c.phone LIMIT $4"
        }
    };
    let rows: Vec<ListedRow> = conn
        .query(SELECT)
        .push(JOINED)
        .push(condition)
        .bind(scope.tenant())
        .bind(from.to_owned())
        .bind(to.to_owned())
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(Listed::from).collect())
}
