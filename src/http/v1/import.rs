//! `/api/v1/subscribers/import`: subscribers in bulk, from a table.

use axum::{Json, extract::Request};
use base::SubscriberId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body,
    context::CallContext,
    params::Params,
    problem::Problem,
    route::{Access, Routes},
};
use crate::domain::{
    access::Permission,
    subscriber::import::{self, LineError, MAX_OCTETS, Made, Report},
    tenant::Feature,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.bulk_route(
        Access::Tenant(Permission::SubscriberImport, Some(Feature::Import)),
        MAX_OCTETS,
        routes!(import),
    )
}

/// Whether it is meant.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ImportParams {
    /// Import the lines that are ready. Without it nothing is written: a dry run.
    #[serde(default)]
    apply: bool,
}

/// What became of a table, or would become of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ImportView {
    /// What was found when it was checked.
    report: Report,
    /// What was imported; not there in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    applied: Option<AppliedView>,
}

/// What was imported.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AppliedView {
    /// The subscribers that were made.
    made: Vec<MadeView>,
    /// Lines that could not be imported any more, because something changed since they were checked.
    errors: Vec<LineError>,
    /// How many errors there are beyond those.
    more_errors: usize,
    /// The database went away in the middle: what was made stays, and the same table may be sent again.
    stopped: bool,
}

/// A subscriber that was imported.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MadeView {
    /// Its line.
    line: u64,
    /// Its id.
    id: SubscriberId,
    /// Its user name.
    username: String,
    /// Its password, when one was made and the caller may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    generated_password: Option<String>,
}

impl MadeView {
    fn of(made: Made, with_password: bool) -> Self {
        Self {
            line: made.line,
            id: made.id,
            username: made.username,
            generated_password: made
                .generated_password
                .filter(|_| with_password)
                .map(|password| password.expose().to_owned()),
        }
    }
}

/// Checks a table of subscribers (CSV, as spreadsheets save it), and imports it when that is asked for. A line that cannot
/// be accepted is named with the reason, and does not stop the others.
///
/// The first line names the columns, in any order and in English or Indonesian: `username` and `plan` (the plan's name) must
/// be there; `password` (made when empty), `name`, `phone`, `email`, `address` (the postal one), `identityNumber`, `note`,
/// `service`, `status`, `expiresAt`, `macLock`, `macs`, `router` (its name), `staticAddress` (or `ip`), `ipv6Prefix`,
/// `delegatedIpv6Prefix`, `simultaneous` may. Others are ignored, and named in the answer. For example:
/// `username,password,plan,name,phone` and below it `budi,rahasia123,Home 20,Budi Santoso,0812-3456-789`.
#[utoipa::path(
    post, path = "/api/v1/subscribers/import", tag = "subscribers", params(ImportParams),
    request_body(content = String, content_type = "text/csv"), responses((status = 200, body = ImportView))
)]
async fn import(
    cx: CallContext,
    Params(params): Params<ImportParams>,
    request: Request,
) -> Result<Json<ImportView>, Problem> {
    body::expect_kind(request.headers(), "text/csv")?;
    let octets = body::octets(request, &()).await?;
    let mut conn = cx.conn().await?;
    let checked = import::check(&mut conn, &cx.scope, &octets).await?;
    drop((conn, octets));
    if !params.apply {
        return Ok(Json(ImportView { report: checked.report, applied: None }));
    }
    let state = cx.state();
    let dictionary = state.dictionary.current();
    let applied = import::apply(&state.db, &cx.scope, &state.sealer, &dictionary, checked.drafts).await;
    let with_password = cx.caller.may(Permission::SubscriberPassword);
    let view = |made: Vec<Made>| made.into_iter().map(|made| MadeView::of(made, with_password)).collect();
    let applied = match applied {
        Ok(applied) => AppliedView {
            made: view(applied.made),
            errors: applied.errors,
            more_errors: applied.more_errors,
            stopped: false,
        },
        // Nothing was made: an ordinary failure. Otherwise the caller must learn of the passwords.
        Err(error) if error.made.is_empty() => return Err(error.source.into()),
        Err(error) => {
            tracing::error!(error = %error.source, import.made = error.made.len(), "an import stopped half-way");
            AppliedView { made: view(error.made), errors: Vec::new(), more_errors: 0, stopped: true }
        }
    };
    Ok(Json(ImportView { report: checked.report, applied: Some(applied) }))
}
