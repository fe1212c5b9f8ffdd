//! Request bodies: one JSON document, read strictly, and what was wrong with it by field.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    body::Bytes,
    extract::{
        FromRequest, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
};
use foundation::idempotency::{Fingerprint, Key};
use futures_util::TryStreamExt as _;
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use super::{
    layer::turn::Turn,
    once::Once,
    problem::{Code, Problem},
    state::State,
};

/// Octets of a body: far more than any form has.
pub(super) const MAX_BODY: usize = 256 * 1024;

/// The longest place in a document that is named, octets: what is longer is nobody's typing.
const MAX_FIELD: usize = 200;
/// A NUL within a text of JSON, behind its backslash: the bare octet is no JSON.
const NUL: &[u8] = b"u0000";
/// Unknown fields that are named one by one.
const MAX_UNREAD: usize = 10;

/// A JSON document of the form `T`.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

/// A JSON document that makes something, with the caller's name for the act.
#[derive(Debug)]
pub(super) struct Creation<T> {
    /// The document.
    pub(super) body: T,
    /// So that the same request does nothing twice.
    pub(super) once: Once,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        expect_kind(request.headers(), "application/json")?;
        parse(&octets(request, state).await?).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<State>> for Creation<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Problem> {
        expect_kind(request.headers(), "application/json")?;
        let key = key(request.headers())?;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let octets = octets(request, state).await?;
        let fingerprint = Fingerprint::of(&[
            state.fingerprint_key.expose(),
            method.as_str().as_bytes(),
            path.as_bytes(),
            &octets,
        ]);
        Ok(Self { body: parse(&octets)?, once: Once::new(path, key.map(|key| (key, fingerprint))) })
    }
}

/// The whole body, as far as the route's limit lets it in, and unless it comes too slowly.
pub(super) async fn octets<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let turn = request.extensions().get::<Turn>().cloned();
    let received = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&received);
    let request = request.map(|body| {
        axum::body::Body::from_stream(body.into_data_stream().inspect_ok(move |part| {
            counted.fetch_add(part.len() as u64, Ordering::Relaxed);
        }))
    });
    let reading = Bytes::from_request(request, state);
    let read = match turn {
        Some(turn) => turn.receive(reading, &received).await?,
        None => reading.await,
    };
    read.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            Problem::new(Code::BodyTooLarge)
        }
        _ => Problem::new(Code::MalformedJson).detail("the body broke off"),
    })
}

/// Refuses a body that does not say that it is of the kind; parameters such as a charset do not matter.
pub(super) fn expect_kind(headers: &HeaderMap, kind: &str) -> Result<(), Problem> {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = said.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(kind) {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType).detail(format!("this address takes {kind}")))
}

fn key(headers: &HeaderMap) -> Result<Option<Key>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let refused = |problem: String| Problem::new(Code::InvalidHeader).field("Idempotency-Key", problem);
    let text = value.to_str().map_err(|_| refused("is not ASCII".to_owned()))?;
    text.parse().map(Some).map_err(|error: foundation::idempotency::ParseKeyError| refused(error.to_string()))
}

/// Reads a document; what is wrong is told by field. A field that nothing reads is refused, however deep it stands: forms
/// that are also stored pass over what a newer version wrote, but a caller who mistypes a name must learn of it.
pub(super) fn parse<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Problem> {
    // The reader would take a list as the fields of a form in their order.
    if octets.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::new(Code::InvalidBody).detail("the document must be an object"));
    }
    // PostgreSQL's texts hold no NUL, and nobody means one.
    if has_nul(octets) {
        return Err(Problem::new(Code::InvalidBody).detail("a text has a NUL in it"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(octets);
    let mut track = serde_path_to_error::Track::new();
    let mut unread = Vec::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let value = serde_ignored::deserialize(tracked, |path| {
        if unread.len() < MAX_UNREAD {
            unread.push(shortened(path.to_string()));
        }
    })
    .map_err(|error: serde_json::Error| {
        if error.is_data() {
            // The reader's own position in the octets helps nobody who has the field.
            let text = error.to_string();
            let reason = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
            Problem::new(Code::InvalidBody).field(shortened(track.path().to_string()), reason)
        } else {
            Problem::new(Code::MalformedJson).detail(error.to_string())
        }
    })?;
    deserializer.end().map_err(|error| Problem::new(Code::MalformedJson).detail(error.to_string()))?;
    if unread.is_empty() {
        return Ok(value);
    }
    let problem = Problem::new(Code::InvalidBody);
    Err(unread.into_iter().fold(problem, |problem, field| problem.field(field, "is unknown")))
}

/// Whether a text of the document has a NUL in it. A backslash takes what follows it along, so that an escaped one says nothing
/// of the six characters that look like a NUL.
fn has_nul(mut octets: &[u8]) -> bool {
    while let Some(at) = octets.iter().position(|octet| *octet == b'\\') {
        let escaped = octets.get(at + 1..).unwrap_or_default();
        if escaped.starts_with(NUL) {
            return true;
        }
        octets = escaped.get(1..).unwrap_or_default();
    }
    false
}

fn shortened(mut field: String) -> String {
    field.truncate(field.floor_char_boundary(MAX_FIELD));
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only read")]
        inner_part: Vec<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only read")]
        rate: u32,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        lenient: Lenient,
    }

    #[derive(Debug, Default, serde::Deserialize)]
    struct Lenient {
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        known: u32,
    }

    fn wrong(text: &str) -> (Code, String) {
        let problem = parse::<Outer>(text.as_bytes()).unwrap_err();
        (problem.code(), format!("{problem:?}"))
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        let (code, text) = wrong(r#"{"innerPart":[{"rate":1},{"rate":"x"}]}"#);
        assert_eq!(code, Code::InvalidBody);
        assert!(text.contains("innerPart[1].rate"), "{text}");
        assert!(text.contains("invalid type: string") && !text.contains("at line"), "{text}");
        let (code, text) = wrong(r#"{"innerPart":[],"isAdmin":true}"#);
        assert!(code == Code::InvalidBody && text.contains("unknown field `isAdmin`"), "{text}");
        let (code, text) = wrong(r#"{"innerPart":[{"rate":1,"lenient":{"known":1,"knwon":2}}]}"#);
        assert!(code == Code::InvalidBody && text.contains("innerPart.0.lenient.knwon"), "{text}");
        assert!(wrong("{}").1.contains("missing field `innerPart`"));
        for broken in ["", "{", "nonsense", "{\"innerPart\":[]} x", "{\"innerPart\":[]}\\"] {
            assert_eq!(wrong(broken).0, Code::MalformedJson, "{broken}");
        }
    }

    #[test]
    fn a_nul_is_refused_and_what_only_looks_like_one_is_not() {
        #[derive(Debug, serde::Deserialize)]
        struct Text {
            text: String,
        }
        for nul in [r"\u0000", r"x\u0000", r"\\\u0000", r"\n\u0000", r"\\\\\u0000"] {
            let error = parse::<Text>(format!(r#"{{"text":"{nul}"}}"#).as_bytes()).unwrap_err();
            assert_eq!(error.code(), Code::InvalidBody, "{nul}");
        }
        for (written, read) in [(r"C:\\u0000", r"C:\u0000"), (r"\\\\u0000", r"\\u0000"), (r"\u00001", "")] {
            let parsed = parse::<Text>(format!(r#"{{"text":"{written}"}}"#).as_bytes());
            assert_eq!(parsed.map(|it| it.text).unwrap_or_default(), read, "{written}");
        }
    }
}
