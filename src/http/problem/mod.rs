//! Problems as answers: what every handler's failure becomes.
//!
//! `registry` lists them all; `domain` and `money` translate the errors of the services, each of them exhaustively.

mod domain;
mod money;
pub(super) mod registry;

use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
pub(super) use registry::Code;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::values::Invalid;

/// A failed request, on its way to the caller.
#[derive(Debug)]
pub(super) struct Problem {
    code: Code,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    challenge: bool,
    cause: Option<Cause>,
    /// What programs are told besides, by name (RFC 9457 §3.2).
    extensions: Vec<(&'static str, serde_json::Value)>,
}

/// What is wrong with one field or header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// The field, such as `rateLimit.download.rate`; a place in a list is its number from 0.
    pub(super) field: String,
    /// What is wrong with it.
    pub(super) problem: String,
}

/// An RFC 9457 document.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(super) struct ProblemView {
    /// Address of the problem's description.
    r#type: String,
    /// What is wrong, the same for each problem of the type.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// Tells problems apart; never renamed.
    code: Code,
    /// What is wrong this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'static, str>>,
    /// Fields that cannot be accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// What some problems tell besides: `limit` which is reached, `invoices` and `howToPay` of who is locked out.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    extensions: serde_json::Map<String, serde_json::Value>,
}

/// What is behind a defect: for the log alone, taken by the layer that knows the request.
#[derive(Clone, Debug)]
pub(super) struct Cause(Arc<dyn Error + Send + Sync>);

impl Problem {
    /// The problem without further words.
    pub(super) const fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
            challenge: false,
            cause: None,
            extensions: Vec::new(),
        }
    }

    /// With what is wrong this time.
    pub(super) fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With a field that is wrong.
    pub(super) fn field(mut self, field: impl Into<String>, problem: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), problem: problem.into() });
        self
    }

    /// Worth another try after `wait`.
    pub(super) const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Tells programs something besides. What cannot be written is left out: the problem itself says enough.
    pub(super) fn with(mut self, name: &'static str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.extensions.push((name, value));
        }
        self
    }

    /// Asks for a bearer token (RFC 6750 §3).
    pub(super) const fn challenge(mut self) -> Self {
        self.challenge = true;
        self
    }

    /// A defect of ours, or of what we stand on: the caller learns nothing, the log has the cause.
    pub(super) fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::new(Code::Internal).because(cause)
    }

    /// With the cause, for the log.
    pub(super) fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Cause(Arc::new(cause)));
        self
    }

    /// Which problem.
    #[cfg(test)]
    pub(super) const fn code(&self) -> Code {
        self.code
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        // Lists call their page's cursor so; it stands in the query, never in a body.
        if invalid.field == "after" {
            return Self::new(Code::InvalidCursor);
        }
        Self::new(Code::InvalidBody).field(invalid.field, invalid.problem)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let view = ProblemView {
            r#type: self.code.type_uri(),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code,
            detail: self.detail,
            errors: self.errors,
            extensions: self.extensions.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        let mut response = (self.code.status(), Json(view)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            // Whole seconds, and never too early.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        if self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

impl fmt::Display for Cause {
    /// The error and what is behind it, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_is_a_document_of_rfc_9457() {
        let problem = Problem::from(Invalid::new("name", "must not be empty"));
        let response = problem.into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "/docs/problems#invalid_body",
                "title": "A value cannot be accepted",
                "status": 422,
                "code": "invalid_body",
                "errors": [{ "field": "name", "problem": "must not be empty" }],
            })
        );
    }

    #[test]
    fn waits_are_never_too_early() {
        let response = Problem::new(Code::Busy).retry_after(Duration::from_millis(300)).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
