//! The SQL of customers.

use base::{CustomerId, Scope, Timestamp};
use foundation::{
    Conn,
    db::{Result, bulk},
};

use super::super::{Customer, CustomerSpec};
use crate::domain::values::{Version, text::search_key};

#[derive(sqlx::FromRow)]
struct Row {
    id: CustomerId,
    name: String,
    phone: Option<String>,
    email: Option<String>,
    address: String,
    has_identity_number: bool,
    note: String,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Row> for Customer {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            spec: CustomerSpec {
                name: row.name,
                phone: row.phone,
                email: row.email,
                address: row.address,
                note: row.note,
            },
            has_identity_number: row.has_identity_number,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

const SELECT: &str = "SELECT id, name, phone, email, address, identity_number IS NOT NULL AS has_identity_number, note, \
                      version, created_at, updated_at FROM customer WHERE deleted_at IS NULL AND ";

/// Each customer with its sealed identity number.
pub(in super::super) async fn insert(
    conn: &mut Conn,
    scope: &Scope,
    customers: &[(&Customer, Option<&[u8]>)],
) -> Result<()> {
    bulk::insert(
        conn,
        "INSERT INTO customer (tenant_id, id, name, name_key, phone, email, address, identity_number, note, version, \
         created_at, updated_at)",
        "",
        customers,
        |values, (customer, identity_number)| {
            values.push(scope.tenant());
            values.push(customer.id);
            values.push(customer.spec.name.as_str());
            values.push(search_key(&customer.spec.name));
            values.push(customer.spec.phone.clone());
            values.push(customer.spec.email.clone());
            values.push(customer.spec.address.as_str());
            values.push(identity_number.map(<[u8]>::to_vec));
            values.push(customer.spec.note.as_str());
            values.push(customer.version);
            values.push(customer.created_at);
            values.push(customer.updated_at);
        },
    )
    .await
    .map(drop)
}

pub(in super::super) async fn find(
    conn: &mut Conn,
    scope: &Scope,
    id: CustomerId,
) -> Result<Option<Customer>> {
    let row: Option<Row> = conn
        .query(SELECT)
        .push("tenant_id = $1 AND id = $2")
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(Customer::from))
}

pub(in super::super) async fn list(
    conn: &mut Conn,
    scope: &Scope,
    after: Option<CustomerId>,
    limit: i64,
) -> Result<Vec<Customer>> {
    let mut query = conn.query(SELECT).push("tenant_id = ").push_bind(scope.tenant());
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all().await?;
    Ok(rows.into_iter().map(Customer::from).collect())
}

pub(in super::super) async fn update(
    conn: &mut Conn,
    scope: &Scope,
    customer: &Customer,
    version: Version,
) -> Result<()> {
    conn.query(
        "UPDATE customer SET name = $4, name_key = $5, phone = $6, email = $7, address = $8, note = $9, version = $10, \
         updated_at = $11 WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(customer.id)
    .bind(version)
    .bind(&customer.spec.name)
    .bind(search_key(&customer.spec.name))
    .bind(&customer.spec.phone)
    .bind(&customer.spec.email)
    .bind(&customer.spec.address)
    .bind(&customer.spec.note)
    .bind(customer.version)
    .bind(customer.updated_at)
    .execute_one()
    .await
}

pub(in super::super) async fn set_identity_number(
    conn: &mut Conn,
    scope: &Scope,
    id: CustomerId,
    sealed: Option<&[u8]>,
) -> Result<()> {
    conn.query(
        "UPDATE customer SET identity_number = $3 WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(id)
    .bind(sealed.map(<[u8]>::to_vec))
    .execute_one()
    .await
}

/// The sealed number; the outer `None` when there is no such customer.
pub(in super::super) async fn identity_number(
    conn: &mut Conn,
    scope: &Scope,
    id: CustomerId,
) -> Result<Option<Option<Vec<u8>>>> {
    let row: Option<(Option<Vec<u8>>,)> = conn
        .query("SELECT identity_number FROM customer WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL")
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(|(sealed,)| sealed))
}
