//! The documentation that the daemon serves of itself: plain pages without scripts, and without anything from elsewhere.

mod page;
mod schema;

use std::fmt::Write as _;

use axum::body::Bytes;
use axum::{Router, response::IntoResponse, routing::get};
use http::{HeaderValue, header};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::problem::Code;

const STYLE: &str = include_str!("style.css");
/// Our own style sheet, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'";
/// The pages change with the daemon's version alone.
const CACHE: &str = "max-age=300";

/// The pages of `document`, made once.
pub(super) fn router<S: Clone + Send + Sync + 'static>(document: &OpenApi) -> serde_json::Result<Router<S>> {
    let json = serde_json::to_value(document)?;
    let page = Bytes::from(page::render(&json));
    let problems = Bytes::from(problems());
    let document = Bytes::from(serde_json::to_vec(&sorted(json))?);
    Ok(Router::new()
        .route("/docs", get(async move || served("text/html; charset=utf-8", page)))
        .route("/docs/problems", get(async move || served("text/html; charset=utf-8", problems)))
        .route("/docs/style.css", get(async || served("text/css; charset=utf-8", STYLE.into())))
        .route("/openapi.json", get(async move || served("application/json", document))))
}

/// The pages' paths: open to anybody, as the documentation in the repository is.
pub(super) const PATHS: [&str; 4] = ["/docs", "/docs/problems", "/docs/style.css", "/openapi.json"];

fn served(kind: &'static str, body: Bytes) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, CACHE),
    ];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), body)
}

/// Objects come in the order of their keys, so that two builds give the same document.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn problems() -> String {
    let mut body = String::from(
        "<h1>Problems</h1><p>A failed request is answered with <code>application/problem+json</code> (RFC 9457). \
         Programs look at <code>code</code>.</p><table><tr><th>code</th><th>status</th><th>what is wrong</th>\
         <th>what to do</th></tr>",
    );
    for code in Code::ALL {
        // Writing into a text cannot fail.
        let _ = write!(
            body,
            "<tr id=\"{code}\"><td><code>{code}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            code.status().as_u16(),
            escape(code.title()),
            escape(code.remedy())
        );
    }
    body.push_str("</table>");
    html("Problems", &body)
}

fn html(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{} · rrnetd</title>\
         <link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body><nav><a href=\"/docs\">API</a> \
         <a href=\"/docs/problems\">Problems</a> <a href=\"/openapi.json\">openapi.json</a></nav>\
         <main>{body}</main></body></html>",
        escape(title)
    )
}

/// Text as it may stand in HTML, also within an attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
