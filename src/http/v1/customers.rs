//! `/api/v1/customers`: the people and companies that pay.

use axum::Json;
use base::{CustomerId, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::{Body, Creation},
    context::CallContext,
    once::Created,
    params::{Id, PageParams, PageView, Params},
    problem::Problem,
    route::{Access, Routes},
    version::{IfMatch, Versioned},
};
use crate::domain::{
    access::Permission,
    subscriber::{self, Customer, CustomerSpec},
};

pub(super) fn routes(routes: Routes) -> Routes {
    let read = Access::Tenant(Permission::SubscriberRead, None);
    let write = Access::Tenant(Permission::SubscriberWrite, None);
    routes
        .route(read, routes!(list))
        .route(write, routes!(create))
        .route(read, routes!(load))
        .route(write, routes!(update))
        .route(Access::Tenant(Permission::CustomerIdentity, None), routes!(reveal_identity_number))
}

/// A customer, and its identity number where that is told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CustomerBody {
    /// Who.
    pub(super) customer: CustomerSpec,
    /// Number of the identity card. Left out it stays as it is; an empty one removes it.
    #[serde(default)]
    pub(super) identity_number: Option<SecretString>,
}

/// The tenant's customers in the order of their making.
#[utoipa::path(
    get, path = "/api/v1/customers", tag = "customers", params(PageParams),
    responses((status = 200, body = PageView<Customer>))
)]
async fn list(
    cx: CallContext,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<Customer>>, Problem> {
    let mut conn = cx.conn().await?;
    let page = subscriber::list_customers(&mut conn, &cx.scope, &page.request()).await?;
    Ok(Json(PageView::of(page, |customer| customer)))
}

/// Adds a customer.
#[utoipa::path(
    post, path = "/api/v1/customers", tag = "customers", request_body = CustomerBody,
    responses((status = 201, body = Customer))
)]
async fn create(cx: CallContext, creation: Creation<CustomerBody>) -> Result<Created, Problem> {
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.scope).await? {
        return Ok(answer);
    }
    let CustomerBody { customer, identity_number } = creation.body;
    let sealer = &cx.state().sealer;
    let customer = subscriber::create_customer(&mut tx, &cx.scope, sealer, customer, identity_number).await?;
    let answer = creation.once.keep(&mut tx, &cx.scope, &customer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// One customer.
#[utoipa::path(
    get, path = "/api/v1/customers/{id}", tag = "customers", params(("id" = CustomerId, Path)),
    responses((status = 200, body = Customer))
)]
async fn load(cx: CallContext, Id(id): Id<CustomerId>) -> Result<Versioned<Customer>, Problem> {
    let mut conn = cx.conn().await?;
    let customer = subscriber::load_customer(&mut conn, &cx.scope, id).await?;
    Ok(Versioned(customer.version, customer))
}

/// Changes a customer.
#[utoipa::path(
    put, path = "/api/v1/customers/{id}", tag = "customers", params(("id" = CustomerId, Path)),
    request_body = CustomerBody,
    responses((status = 200, body = Customer), (status = 412, description = "Changed meanwhile."))
)]
async fn update(
    cx: CallContext,
    Id(id): Id<CustomerId>,
    IfMatch(seen): IfMatch,
    Body(body): Body<CustomerBody>,
) -> Result<Versioned<Customer>, Problem> {
    let mut tx = cx.begin().await?;
    let (sealer, CustomerBody { customer, identity_number }) = (&cx.state().sealer, body);
    let customer =
        subscriber::update_customer(&mut tx, &cx.scope, sealer, id, seen, customer, identity_number).await?;
    tx.commit().await?;
    Ok(Versioned(customer.version, customer))
}

/// A customer's identity number.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IdentityView {
    /// The number; null when there is none.
    identity_number: Option<String>,
}

/// Shows a customer's identity number. The audit trail says who saw it.
#[utoipa::path(
    post, path = "/api/v1/customers/{id}/identity-number/reveal", tag = "customers",
    params(("id" = CustomerId, Path)), responses((status = 200, body = IdentityView))
)]
async fn reveal_identity_number(
    cx: CallContext,
    Id(id): Id<CustomerId>,
) -> Result<Json<IdentityView>, Problem> {
    let mut tx = cx.begin().await?;
    let number = subscriber::reveal_identity_number(&mut tx, &cx.scope, &cx.state().sealer, id).await?;
    tx.commit().await?;
    Ok(Json(IdentityView { identity_number: number.map(|number| number.expose().to_owned()) }))
}
