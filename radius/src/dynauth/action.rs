//! What to do about a refusal (RFC 5176 §3.5).

use crate::attribute::ErrorCause;

/// What the caller should do with a request that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The router knows no such session: it is gone, so close it. What was wanted holds for the next one.
    CloseSession,
    /// The router says that it is another one than was named: NAS-IP-Address or NAS-Identifier is not what it calls itself.
    /// Ask again without them, and show the operator.
    DropNasIdentification,
    /// The session was not named well enough, or several match: ask again with more of its attributes.
    IdentifyBetter,
    /// This router will not do it this way: go on to the next one (Disconnect, then the API).
    FallBack,
    /// It could do it, but not now: try again later.
    RetryLater,
    /// The router's configuration forbids it: go on to the next way, and show the operator.
    AskOperator,
}

impl Action {
    /// The action for a refusal with this Error-Cause, or without any.
    pub fn of(cause: Option<ErrorCause>) -> Self {
        match cause {
            Some(ErrorCause::SESSION_CONTEXT_NOT_FOUND | ErrorCause::RESIDUAL_CONTEXT_REMOVED) => {
                Self::CloseSession
            }
            Some(ErrorCause::NAS_IDENTIFICATION_MISMATCH) => Self::DropNasIdentification,
            Some(ErrorCause::MISSING_ATTRIBUTE | ErrorCause::MULTIPLE_SESSION_SELECTION) => {
                Self::IdentifyBetter
            }
            Some(ErrorCause::RESOURCES_UNAVAILABLE | ErrorCause::PROXY_PROCESSING_ERROR) => Self::RetryLater,
            Some(ErrorCause::ADMINISTRATIVELY_PROHIBITED | ErrorCause::REQUEST_NOT_ROUTABLE) => {
                Self::AskOperator
            }
            // Unsupported or invalid attributes, services and extensions (401, 404 to 407), a session that cannot be removed
            // (504), a new authorisation that we did not ask for (507), and causes of later standards: the same request would
            // be refused again.
            _ => Self::FallBack,
        }
    }
}
