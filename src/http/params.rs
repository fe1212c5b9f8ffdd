//! Parameters of the path and of the query.

use std::{
    error::Error as _,
    future::{Future, ready},
    str::FromStr,
};

use axum::extract::{FromRequestParts, Query, RawPathParams};
use base::page::PageRequest;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};

/// The id in the path. What is no id is nowhere either.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(Problem::internal)?;
        let id = params.iter().find(|(name, _)| *name == "id").and_then(|(_, text)| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::new(Code::NotFound))
    }
}

/// The query, of the form `T`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    fn from_request_parts(parts: &mut Parts, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        // PostgreSQL's texts hold no NUL, and nobody means one.
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return ready(Err(Problem::new(Code::InvalidQuery).detail("a value has a NUL in it")));
        }
        ready(Query::<T>::try_from_uri(&parts.uri).map(|Query(query)| Self(query)).map_err(|rejection| {
            // The framework's own words come first; the cause has the parameter and the reason.
            let cause = rejection.source().map_or_else(|| rejection.to_string(), ToString::to_string);
            Problem::new(Code::InvalidQuery).detail(cause)
        }))
    }
}

/// Which page of a list.
#[derive(Clone, Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// Rows of a page: 50 unless something else is said, at most 500.
    #[serde(default)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    after: Option<String>,
}

impl PageParams {
    pub(super) fn request(self) -> PageRequest {
        PageRequest::new(self.limit, self.after)
    }
}

/// A page of a list.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageView<T> {
    /// The rows.
    pub(super) rows: Vec<T>,
    /// What to give as `after` for the next page; not there on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

impl<T> PageView<T> {
    /// The page, its rows as their views.
    pub(super) fn of<R>(page: base::page::Page<R>, view: impl FnMut(R) -> T) -> Self {
        Self { rows: page.rows.into_iter().map(view).collect(), next: page.next }
    }
}
