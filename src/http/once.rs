//! Requests that may come twice: with an Idempotency-Key the second one gets the first answer, and nothing happens.

use axum::response::{IntoResponse, Response};
use foundation::{
    Origin, Tx,
    idempotency::{self, Answer, Claim, Fingerprint, Key},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{
    problem::{Code, Problem},
    version,
};

/// Says that the answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The caller's name for the act, if there is one, and where the act takes place.
#[derive(Debug)]
pub(super) struct Once {
    path: String,
    key: Option<(Key, Fingerprint)>,
}

/// The answer to a request that made something: 201, where it is, and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Created {
    path: String,
    body: String,
    replayed: bool,
}

impl Once {
    pub(super) const fn new(path: String, key: Option<(Key, Fingerprint)>) -> Self {
        Self { path, key }
    }

    /// Claims the key, first of all in the transaction. What was answered before is the answer again.
    pub(super) async fn claim(&self, tx: &mut Tx, origin: &impl Origin) -> Result<Option<Created>, Problem> {
        let Some((key, fingerprint)) = &self.key else { return Ok(None) };
        match idempotency::claim(tx, origin, key, fingerprint).await? {
            Claim::Fresh => Ok(None),
            Claim::Done(Answer { body, .. }) => {
                Ok(Some(Created { path: self.path.clone(), body, replayed: true }))
            }
            Claim::Taken => Err(Problem::new(Code::IdempotencyKeyReused)),
        }
    }

    /// Keeps the answer, last of all in the transaction. It must hold no secret.
    pub(super) async fn keep(
        &self,
        tx: &mut Tx,
        origin: &impl Origin,
        made: &impl Serialize,
    ) -> Result<Created, Problem> {
        let body = serde_json::to_string(made).map_err(Problem::internal)?;
        if let Some((key, _)) = &self.key {
            let answer = Answer { status: StatusCode::CREATED.as_u16(), body };
            idempotency::keep(tx, origin, key, &answer).await?;
            return Ok(Created { path: self.path.clone(), body: answer.body, replayed: false });
        }
        Ok(Created { path: self.path.clone(), body, replayed: false })
    }
}

impl Created {
    /// The same, with more in it than is kept: a secret that is shown once.
    pub(super) fn showing(self, shown: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self { body: serde_json::to_string(shown).map_err(Problem::internal)?, ..self })
    }
}

/// What an answer says of the thing that was made.
#[derive(serde::Deserialize)]
struct Made {
    id: Option<String>,
    version: Option<i64>,
}

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        let made = serde_json::from_str(&self.body).unwrap_or(Made { id: None, version: None });
        let content = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let mut response = (StatusCode::CREATED, content, self.body).into_response();
        let headers = response.headers_mut();
        if let Some(Ok(location)) = made.id.map(|id| HeaderValue::try_from(format!("{}/{id}", self.path))) {
            headers.insert(header::LOCATION, location);
        }
        if let Some(version) = made.version {
            headers.insert(header::ETAG, version::etag(version));
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
