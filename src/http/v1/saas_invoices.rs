//! `/api/v1/tenants/{id}/invoices`, `/api/v1/saas-invoices`: the platform's invoices, for the super admin;
//! `/api/v1/tenant/invoices`: one's own.

use axum::Json;
use base::{SaasInvoiceId, TenantId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    super::{
        body::Body,
        context::{CallContext, PlatformContext},
        params::{Id, PageParams, PageView, Params},
        problem::Problem,
        route::{Access, Routes},
    },
    tenants::{owner, reason},
};
use crate::domain::{
    access::Permission,
    addon::{self, SaasCharge},
    billing::saas::{self, SaasInvoice},
};

/// Charges of a list: more than anybody has in a cycle.
const MAX_CHARGES: u32 = 500;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Tenant(Permission::TenantRead, None), routes!(own))
        .route(Access::Tenant(Permission::TenantRead, None), routes!(charges))
        .route(Access::Platform, routes!(list, issue))
        .route(Access::Platform, routes!(pay))
        .route(Access::Platform, routes!(void))
}

/// What one's own tenant was asked to pay, in the order of making.
#[utoipa::path(
    get, path = "/api/v1/tenant/invoices", tag = "tenants", operation_id = "tenant_invoices", params(PageParams),
    responses((status = 200, description = "A page.", body = PageView<SaasInvoice>))
)]
async fn own(
    cx: CallContext,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<SaasInvoice>>, Problem> {
    let page = saas::list(&mut cx.conn().await?, &cx.scope, &page.request()).await?;
    Ok(Json(PageView::of(page, |invoice| invoice)))
}

/// What one's own tenant owes and stands on no invoice yet: the first 500.
#[utoipa::path(
    get, path = "/api/v1/tenant/charges", tag = "tenants", operation_id = "tenant_charges",
    responses((status = 200, description = "The charges.", body = Vec<SaasCharge>))
)]
async fn charges(cx: CallContext) -> Result<Json<Vec<SaasCharge>>, Problem> {
    Ok(Json(addon::open_charges(&mut cx.conn().await?, &cx.scope, MAX_CHARGES).await?))
}

/// What a tenant was asked to pay.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/invoices", tag = "tenants", operation_id = "tenants_invoices", params(("id" = TenantId, Path), PageParams),
    responses((status = 200, description = "A page.", body = PageView<SaasInvoice>))
)]
async fn list(
    cx: PlatformContext,
    Id(id): Id<TenantId>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<SaasInvoice>>, Problem> {
    let page = saas::list(&mut cx.conn().await?, &cx.platform.within(id), &page.request()).await?;
    Ok(Json(PageView::of(page, |invoice| invoice)))
}

/// An invoice to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IssueBody {
    /// Days to pay in, at most 90; what the platform's settings say unless something else is said.
    #[serde(default)]
    due_in_days: Option<i64>,
    /// Why, for the audit trail.
    reason: String,
}

/// Makes the invoice for the month that the tenant is in, with every charge that stands on none. A month has one, however
/// often it is asked for.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/invoices", tag = "tenants", operation_id = "tenants_issue_invoice", params(("id" = TenantId, Path)),
    request_body = IssueBody, responses((status = 200, description = "The invoice.", body = SaasInvoice))
)]
async fn issue(
    mut cx: PlatformContext,
    Id(id): Id<TenantId>,
    Body(body): Body<IssueBody>,
) -> Result<Json<SaasInvoice>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let invoice = saas::issue(&mut tx, &cx.platform, id, body.due_in_days).await?;
    tx.commit().await?;
    Ok(Json(invoice))
}

/// What becomes of an invoice.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SettleBody {
    /// Whose invoice it is, for whoever wants that to be looked at: another's is not found.
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// How it was paid, or why it is void: for the invoice and the audit trail.
    reason: String,
}

/// Notes that an invoice was paid.
#[utoipa::path(
    post, path = "/api/v1/saas-invoices/{id}/pay", tag = "tenants", params(("id" = SaasInvoiceId, Path)),
    request_body = SettleBody, responses((status = 200, description = "The invoice.", body = SaasInvoice))
)]
async fn pay(
    mut cx: PlatformContext,
    Id(id): Id<SaasInvoiceId>,
    Body(body): Body<SettleBody>,
) -> Result<Json<SaasInvoice>, Problem> {
    let note = reason(&body.reason)?;
    cx.platform.reason = Some(note.clone());
    let mut tx = cx.begin().await?;
    let tenant = owner(body.tenant_id, saas::tenant_of(&mut tx, &cx.platform, id).await?)?;
    let invoice = saas::pay(&mut tx, &cx.platform, tenant, id, &note).await?;
    tx.commit().await?;
    Ok(Json(invoice))
}

/// Declares an invoice void. Its month may have another one, on which its charges stand.
#[utoipa::path(
    post, path = "/api/v1/saas-invoices/{id}/void", tag = "tenants", params(("id" = SaasInvoiceId, Path)),
    request_body = SettleBody, responses((status = 200, description = "The invoice.", body = SaasInvoice))
)]
async fn void(
    mut cx: PlatformContext,
    Id(id): Id<SaasInvoiceId>,
    Body(body): Body<SettleBody>,
) -> Result<Json<SaasInvoice>, Problem> {
    let note = reason(&body.reason)?;
    cx.platform.reason = Some(note.clone());
    let mut tx = cx.begin().await?;
    let tenant = owner(body.tenant_id, saas::tenant_of(&mut tx, &cx.platform, id).await?)?;
    let invoice = saas::void(&mut tx, &cx.platform, tenant, id, &note).await?;
    tx.commit().await?;
    Ok(Json(invoice))
}
