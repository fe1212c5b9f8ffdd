//! `/api/v1/audit/export`: the audit trail as a file, in pages, however long it is: no more than one page of it is in
//! memory, and no connection of the database waits for a slow reader.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use base::{Timestamp, page::PageRequest};
use foundation::{
    Origin,
    audit::{self, Entry, Filter, Recorded},
};
use futures_util::stream;
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::{
    super::{
        context::{CallContext, PlatformContext},
        params::Params,
        problem::Problem,
        route::{Access, Routes},
    },
    audit::AuditEntry,
};
use crate::domain::access::Permission;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Tenant(Permission::AuditRead, None), routes!(export))
        .route(Access::Platform, routes!(platform_export_audit))
}

base::text_enum! {
    /// How the file is written.
    enum Format {
        /// A table, for spreadsheets: comma-separated, one entry a line, names of the columns first.
        Csv = "csv",
        /// JSON lines: one entry a line, as the list has it.
        Jsonl = "jsonl",
    }
}

/// Which entries are asked for, and how.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportParams {
    /// How the file is written.
    #[param(inline)]
    format: Format,
    /// Kind of thing acted upon, such as `subscriber`.
    target_kind: Option<String>,
    /// Its id.
    target_id: Option<String>,
    /// Who acted: `user:ID`, `token:ID` or `system:part`.
    actor: Option<String>,
    /// The act, such as `subscriber.suspend`.
    act: Option<String>,
    /// At this time or later.
    from: Option<Timestamp>,
    /// Before this time.
    until: Option<Timestamp>,
}

/// What the trail says of an export.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    format: Format,
    target_kind: Option<String>,
    target_id: Option<String>,
    actor: Option<String>,
    act: Option<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// Whose trail.
#[derive(Debug)]
enum Trail {
    Tenant(CallContext),
    Platform(PlatformContext),
}

/// Rows of a page.
const PAGE: u32 = 500;

/// The tenant's audit trail as a file, newest entries first. That it was taken out stands in the trail.
#[utoipa::path(
    get, path = "/api/v1/audit/export", tag = "audit", params(ExportParams),
    responses((status = 200, description = "The file.", content((String = "text/csv"), (String = "application/jsonl"))))
)]
async fn export(cx: CallContext, Params(params): Params<ExportParams>) -> Result<Response, Problem> {
    file(Trail::Tenant(cx), params).await
}

/// The platform's own audit trail as a file, newest entries first.
#[utoipa::path(
    get, path = "/api/v1/platform/audit/export", tag = "audit", params(ExportParams),
    responses((status = 200, description = "The file.", content((String = "text/csv"), (String = "application/jsonl"))))
)]
async fn platform_export_audit(
    cx: PlatformContext,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    file(Trail::Platform(cx), params).await
}

async fn file(trail: Trail, params: ExportParams) -> Result<Response, Problem> {
    let format = params.format;
    trail.note(&params).await?;
    let filter = Arc::new(Filter {
        target_kind: params.target_kind,
        target_id: params.target_id,
        actor: params.actor,
        act: params.act,
        from: params.from,
        until: params.until,
    });
    let (kind, name, start) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\"", COLUMNS),
        Format::Jsonl => ("application/jsonl", "attachment; filename=\"audit.jsonl\"", ""),
    };
    // The first page is read here, so that a failure is still a problem and not half a file.
    let first = trail.page(&filter, None).await?;
    let state = (trail, filter, Some(first), start.to_owned());
    let pages = stream::unfold(state, move |(trail, filter, page, mut text)| async move {
        let page: base::page::Page<Recorded> = page?;
        for recorded in page.rows {
            write(&mut text, format, &AuditEntry::from(recorded));
        }
        let next = match page.next {
            None => None,
            Some(cursor) => match trail.page(&filter, Some(cursor)).await {
                Ok(page) => Some(page),
                // What was sent cannot be taken back: the file breaks off, and the client sees that it did.
                Err(problem) => {
                    tracing::warn!(?problem, "an export of the audit trail broke off");
                    return Some((Err(Broken), (trail, filter, None, String::new())));
                }
            },
        };
        Some((Ok(text), (trail, filter, next, String::new())))
    });
    let mut response = Response::new(Body::from_stream(pages));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}

/// The file breaks off.
#[derive(Debug, thiserror::Error)]
#[error("the database went away in the middle of an export")]
struct Broken;

impl Trail {
    async fn page(
        &self,
        filter: &Filter,
        after: Option<String>,
    ) -> Result<base::page::Page<Recorded>, Problem> {
        let request = PageRequest::new(Some(PAGE), after);
        Ok(match self {
            Self::Tenant(cx) => audit::list(&mut cx.conn().await?, &cx.scope, filter, &request).await?,
            Self::Platform(cx) => audit::list(&mut cx.conn().await?, &cx.platform, filter, &request).await?,
        })
    }

    async fn note(&self, params: &ExportParams) -> Result<(), Problem> {
        let exported = Exported {
            format: params.format,
            target_kind: params.target_kind.clone(),
            target_id: params.target_id.clone(),
            actor: params.actor.clone(),
            act: params.act.clone(),
            from: params.from,
            until: params.until,
        };
        let mut tx = match self {
            Self::Tenant(cx) => cx.begin().await?,
            Self::Platform(cx) => cx.begin().await?,
        };
        let stream = match self {
            Self::Tenant(cx) => cx.scope.stream(),
            Self::Platform(cx) => cx.platform.stream(),
        };
        let entry = Entry::new("audit.export", "audit", stream).after(&exported);
        match self {
            Self::Tenant(cx) => tx.audit(&cx.scope, entry),
            Self::Platform(cx) => tx.audit(&cx.platform, entry),
        }
        Ok(tx.commit().await?)
    }
}

const COLUMNS: &str = "sequence,at,actor,address,act,targetKind,targetId,before,after,reason,hash\r\n";

fn write(text: &mut String, format: Format, entry: &AuditEntry) {
    match format {
        // What was read from JSON can be written as JSON.
        Format::Jsonl => text.push_str(&serde_json::to_string(entry).unwrap_or_default()),
        Format::Csv => {
            for (at, cell) in entry.cells().into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                push_cell(text, &cell);
            }
            text.push('\r');
        }
    }
    text.push('\n');
}

/// A cell of RFC 4180. What a spreadsheet would take for a formula is marked as text: anybody may have typed it.
fn push_cell(text: &mut String, cell: &str) {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    text.push('"');
    if formula {
        text.push('\'');
    }
    text.push_str(&cell.replace('"', "\"\""));
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        for (cell, written) in [
            ("Budi", "\"Budi\""),
            ("a \"b\", c\nd", "\"a \"\"b\"\", c\nd\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("@x", "\"'@x\""),
            ("", "\"\""),
        ] {
            let mut text = String::new();
            push_cell(&mut text, cell);
            assert_eq!(text, written);
        }
    }
}
