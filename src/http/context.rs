//! Who calls, for whom, and what for: a handler reaches data through one of these contexts alone.
//!
//! The layers of a route put the caller and the scope there (see `layer`); a handler that asks for a context which its
//! route does not have gets a defect, not data.

use std::{
    convert::Infallible,
    future::{Future, ready},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::extract::FromRequestParts;
use base::{Platform, Scope};
use foundation::{Conn, Tx};
use http::{HeaderValue, header, request::Parts};

use super::{
    layer::authentication,
    problem::{Code, Problem},
    state::State,
};
use crate::domain::access::{Act, Caller, Token};

/// Somebody who is signed in, with nothing said about a tenant: for what concerns the caller alone.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// Who.
    pub(super) caller: Caller,
    /// The circumstances.
    pub(super) act: Act,
    /// What was shown.
    pub(super) token: Token,
    state: Arc<State>,
}

/// A caller within one tenant, whose permission for the route was checked.
#[derive(Clone, Debug)]
pub(super) struct CallContext {
    /// Whose data, on whose behalf, when.
    pub(super) scope: Scope,
    /// Who.
    pub(super) caller: Caller,
    state: Arc<State>,
}

/// The super admin on the platform as a whole.
#[derive(Clone, Debug)]
pub(super) struct PlatformContext {
    /// On whose behalf, when.
    pub(super) platform: Platform,
    state: Arc<State>,
}

/// Somebody at the door, who is not known yet.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// From where.
    pub(super) address: IpAddr,
    /// What the browser calls itself.
    pub(super) user_agent: Option<String>,
    /// Whether a page of ours sends this: a cookie is given to nobody else.
    pub(super) same_origin: bool,
}

impl FromRequestParts<Arc<State>> for Visitor {
    type Rejection = Infallible;

    fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> impl Future<Output = Result<Self, Infallible>> + Send {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        ready(Ok(Self {
            // Who comes from nowhere shares the throttle with all others who do.
            address: authentication::client(state, &parts.extensions, &parts.headers)
                .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            user_agent: parts.headers.get(header::USER_AGENT).and_then(text),
            same_origin: authentication::is_same_origin(&parts.headers),
        }))
    }
}

/// A person's own acts belong to the tenant's streams, or to the platform's.
#[derive(Clone, Debug)]
pub(super) enum Whose {
    /// Of a tenant.
    Tenant(Scope),
    /// Of the platform.
    Platform(Platform),
}

macro_rules! connections {
    ($($context:ty),+) => {$(
        impl $context {
            /// A connection for reading.
            ///
            /// # Errors
            /// When the database cannot be used.
            pub(super) async fn conn(&self) -> Result<Conn, Problem> {
                Ok(self.state.db.conn().await?)
            }

            /// Begins the request's transaction.
            ///
            /// # Errors
            /// When the database cannot be used.
            pub(super) async fn begin(&self) -> Result<Tx, Problem> {
                Ok(self.state.db.begin().await?)
            }
        }
    )+};
}

connections!(Person, CallContext, PlatformContext);

impl PlatformContext {
    /// What the handlers work with.
    pub(super) fn state(&self) -> &State {
        &self.state
    }
}

impl CallContext {
    /// What the handlers work with.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Somebody of the platform who overrides what a tenant has set says why.
    ///
    /// # Errors
    /// When nothing is said.
    pub(super) fn ensure_reason(&self) -> Result<(), Problem> {
        if self.caller.tenant.is_none() && self.scope.act().reason.is_none() {
            return Err(Problem::new(Code::InvalidHeader)
                .field("Rrnetd-Reason", "is needed of the platform's own people"));
        }
        Ok(())
    }
}

impl Person {
    /// What the handlers work with.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// The same, for what goes on after the answer has begun.
    pub(super) const fn shared_state(&self) -> &Arc<State> {
        &self.state
    }

    /// In whose stream the person's own acts stand.
    #[must_use]
    pub(super) fn origin(&self) -> Whose {
        let act = Platform {
            actor: self.caller.actor,
            from: self.act.from,
            reason: self.act.reason.clone(),
            now: self.act.now,
        };
        match self.caller.tenant {
            Some(tenant) => Whose::Tenant(act.within(tenant)),
            None => Whose::Platform(act),
        }
    }
}

/// A handler's context does not fit to its route: a defect.
#[derive(Debug, thiserror::Error)]
#[error("the route gives its handler no {0}")]
pub(super) struct Missing(pub(super) &'static str);

fn found<T: Clone + Send + Sync + 'static>(parts: &Parts, what: &'static str) -> Result<T, Problem> {
    parts.extensions.get().cloned().ok_or_else(|| Problem::internal(Missing(what)))
}

macro_rules! from_extensions {
    ($context:ident { $($field:ident: $what:literal),+ }) => {
        impl FromRequestParts<Arc<State>> for $context {
            type Rejection = Problem;

            fn from_request_parts(
                parts: &mut Parts,
                state: &Arc<State>,
            ) -> impl Future<Output = Result<Self, Problem>> + Send {
                let context = (|| Ok(Self { $($field: found(parts, $what)?,)+ state: Arc::clone(state) }))();
                ready(context)
            }
        }
    };
}

from_extensions!(Person { caller: "caller", act: "act", token: "token" });
from_extensions!(CallContext { scope: "scope", caller: "caller" });
from_extensions!(PlatformContext { platform: "platform" });
