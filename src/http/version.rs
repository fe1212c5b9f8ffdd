//! Versions over HTTP: the ETag of what was read comes back as If-Match with the change (RFC 9110 §13.1.1).

use std::future::{Future, ready};

use axum::{
    Json,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header, request::Parts};
use serde::Serialize;

use super::problem::{Code, Problem};
use crate::domain::values::Version;

/// What the caller's change is based on; `None` stands for `*`: whatever is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct IfMatch(pub(super) Option<Version>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    fn from_request_parts(parts: &mut Parts, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        ready(match parts.headers.get(header::IF_MATCH) {
            None => Err(Problem::new(Code::VersionRequired)),
            Some(value) => parse(value).ok_or_else(|| {
                Problem::new(Code::InvalidHeader).field("If-Match", "is neither an ETag of ours nor *")
            }),
        })
    }
}

/// The same, where the change may also be made without having read.
#[derive(Clone, Copy, Debug)]
pub(super) struct IfMatchGiven(pub(super) Option<Version>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatchGiven {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if !parts.headers.contains_key(header::IF_MATCH) {
            return Ok(Self(None));
        }
        IfMatch::from_request_parts(parts, state).await.map(|IfMatch(seen)| Self(seen))
    }
}

/// One strong tag: a weak one never matches, and of several only one can be current.
fn parse(value: &HeaderValue) -> Option<IfMatch> {
    let text = value.to_str().ok()?.trim();
    if text == "*" {
        return Some(IfMatch(None));
    }
    let number = text.strip_prefix('"')?.strip_suffix('"')?;
    let canonical = number.parse::<i64>().ok().filter(|it| it.to_string() == number)?;
    Some(IfMatch(Some(Version::new(canonical))))
}

/// The tag of a version.
pub(super) fn etag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// A thing with its version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Versioned<T>(pub(super) Version, pub(super) T);

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, etag(self.0.number()))], Json(self.1)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_strong_tag_is_read() {
        let read = |text: &'static str| parse(&HeaderValue::from_static(text)).map(|it| it.0);
        assert_eq!(read("\"7\""), Some(Some(Version::new(7))));
        assert_eq!(read("*"), Some(None));
        assert_eq!(parse(&etag(7)).unwrap().0, Some(Version::new(7)));
        for text in ["7", "W/\"7\"", "\"7\", \"8\"", "\"x\"", "\"07\"", "\"+7\"", "\"", ""] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
