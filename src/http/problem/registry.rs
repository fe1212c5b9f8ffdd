//! Every problem that the API can answer with (RFC 9457). Nothing else leaves the daemon as an error.
//!
//! The list is public: clients tell problems apart by [`Code`], so a code is never renamed and never changes its status.
//! `docs/problems.md` and the page `/docs/problems` are made from it.

use http::StatusCode;

macro_rules! registry {
    ($($name:ident = $code:literal, $status:ident, $title:literal, $remedy:literal;)+) => {
        base::text_enum! {
            /// Which problem.
            pub enum Code {
                $(#[doc = $title] $name = $code,)+
            }
        }

        impl Code {
            /// The HTTP status that it comes with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// What is wrong, the same each time.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// What the caller can do about it.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)+ }
            }
        }
    };
}

registry! {
    NotFound = "not_found", NOT_FOUND, "There is no such thing",
        "Check the address. What belongs to another tenant is not there either.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The address does not take this method",
        "See the API's document for the methods of this address.";

    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Nobody is signed in",
        "Send a token as `Authorization: Bearer …`, or sign in.";
    TokenInvalid = "token_invalid", UNAUTHORIZED, "The token is not valid, or not any more",
        "Sign in again, or use a token that is neither expired nor revoked.";
    LoginRefused = "login_refused", UNAUTHORIZED, "Login or password is wrong",
        "Check both, and the tenant where the login exists in several. A locked user is refused alike.";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "The budget of requests is spent",
        "Wait as long as Retry-After says; RateLimit tells in each answer what is left.";
    LoginThrottled = "login_throttled", TOO_MANY_REQUESTS, "Too many attempts to sign in",
        "Wait as long as Retry-After says.";
    PasswordExpired = "password_expired", FORBIDDEN, "The password must be replaced first",
        "Choose a password of your own with POST /api/v1/me/password.";
    SecondFactorRequired = "second_factor_required", UNAUTHORIZED, "A code is asked for besides the password",
        "Sign in again with `code`: what the device shows, or a recovery code.";
    SecondFactorRefused = "second_factor_refused", UNAUTHORIZED, "The code is not right, or was used before",
        "Wait for the next code, or take another recovery code.";
    TenantIsolated = "tenant_isolated", FORBIDDEN, "The platform has locked the tenant's panel",
        "Pay what `invoices` names, as `howToPay` says; where nothing is unpaid, ask the platform. Routers and subscribers \
         are served on.";
    TenantDisabled = "tenant_disabled", FORBIDDEN, "The tenant has left the platform",
        "Ask the platform.";
    FeatureDisabled = "feature_disabled", FORBIDDEN, "The tenant does not have this feature",
        "Another plan or an add-on has it; the platform can switch it on.";
    PermissionMissing = "permission_missing", FORBIDDEN, "The permission for this is missing",
        "Ask somebody who has it, or for a role or a token with it.";
    RankTooLow = "rank_too_low", FORBIDDEN, "Your role may not manage that role, or give that permission",
        "Ask somebody of a higher role.";
    PersonRequired = "person_required", FORBIDDEN, "Only a person may do this, no program",
        "Sign in, and do it with the session's token.";
    LastOwner = "last_owner", CONFLICT, "The tenant would have no owner left who may sign in",
        "Make somebody else an owner first.";
    CrossOrigin = "cross_origin", FORBIDDEN, "The request comes from another site",
        "A session cookie counts for this site's own pages alone. Programs send a token.";
    TenantRequired = "tenant_required", BAD_REQUEST, "No tenant is named",
        "Name it in the header Rrnetd-Tenant.";
    NotASession = "not_a_session", CONFLICT, "An API token is no session",
        "Revoke the token instead.";

    MalformedJson = "malformed_json", BAD_REQUEST, "The body is not JSON",
        "Send one JSON document in UTF-8.";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is of another kind",
        "Send application/json, or text/csv to an import.";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "Send less at a time.";
    BodyTooSlow = "body_too_slow", REQUEST_TIMEOUT, "The body came too slowly",
        "Send it at once, or at 64 KiB a second.";
    InvalidBody = "invalid_body", UNPROCESSABLE_ENTITY, "A value cannot be accepted",
        "`errors` names each field with what is wrong.";
    InvalidQuery = "invalid_query", BAD_REQUEST, "The query cannot be understood",
        "See the API's document for the parameters of this address.";
    InvalidHeader = "invalid_header", BAD_REQUEST, "A header cannot be understood",
        "`errors` names the header with what is wrong.";
    InvalidCursor = "invalid_cursor", BAD_REQUEST, "The cursor does not come from an earlier page",
        "Start again without `after`, or take `next` of the page before.";

    VersionRequired = "version_required", PRECONDITION_REQUIRED, "The change needs the version that it is based on",
        "Read the thing and send its ETag as If-Match.";
    VersionMoved = "version_moved", PRECONDITION_FAILED, "It was changed meanwhile",
        "Read it again and decide anew.";
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key stands for another request",
        "Use a fresh key for each new act.";
    NameTaken = "name_taken", CONFLICT, "The name is taken",
        "Choose another name.";
    AddressTaken = "address_taken", CONFLICT, "The address is taken",
        "Choose another address.";
    AddressNotShareable = "address_not_shareable", CONFLICT, "Another tenant's router is at this address, and one of the two does not sign its requests",
        "Let the router sign (`messageAuthenticator` required), or ask the platform.";
    SecretTaken = "secret_taken", CONFLICT, "Another router of the tenant at this address has the same secret",
        "Routers that share an address need secrets of their own.";
    SecretMustBeGenerated = "secret_must_be_generated", CONFLICT, "Another tenant's router is at this address: no secret can be chosen there",
        "Leave `secret` out, so that one is made; change addresses with `newSecret=true`. Then put the new secret into the router.";
    InUse = "in_use", CONFLICT, "Something still refers to it",
        "Take the references away first.";
    NotPossible = "not_possible", CONFLICT, "Its present state does not allow this",
        "`detail` says which state.";
    LimitReached = "limit_reached", CONFLICT, "The tenant's limit is reached",
        "`limit` names it, with what is used and the add-on that raises it. Buy that, take a larger plan, or remove what is not needed.";
    SessionNotLive = "session_not_live", CONFLICT, "The session is not online",
        "It is over already; the list of live sessions shows what is.";
    SubscriberMoved = "subscriber_moved", CONFLICT, "The subscriber's next event is another one by now",
        "Look where it stands, and decide anew.";
    EventNotKept = "event_not_kept", CONFLICT, "The event is not in the stream, or not any more",
        "`detail` says which events there are.";

    TooManyStreams = "too_many_streams", SERVICE_UNAVAILABLE, "Too many listen to events at the moment",
        "Try again after Retry-After, and close streams that nobody reads.";
    Busy = "busy", SERVICE_UNAVAILABLE, "Too much is asked of the daemon at the moment",
        "Try again after Retry-After.";
    TookTooLong = "took_too_long", SERVICE_UNAVAILABLE, "The answer took too long and was given up",
        "Try again; with the same Idempotency-Key nothing happens twice.";
    DatabaseUnavailable = "database_unavailable", SERVICE_UNAVAILABLE, "The database cannot be used at the moment",
        "Try again after Retry-After. RADIUS is answered meanwhile.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "A defect of the daemon",
        "Report it with the request's id, under which the log has the cause.";
}

impl Code {
    /// The problem's type: an address of the daemon itself, where it is described.
    #[must_use]
    pub fn type_uri(self) -> String {
        format!("/docs/problems#{self}")
    }
}

/// The registry as a table in Markdown, as `docs/problems.md` has it.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Problems of the API\n\n\
         An answer of `application/problem+json` (RFC 9457) tells what went wrong. Programs look at `code`, which never\n\
         changes its meaning; `detail` and `errors` are for people.\n\n\
         | code | status | what is wrong | what to do |\n|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let row =
            format!("| `{code}` | {} | {} | {} |\n", code.status().as_u16(), code.title(), code.remedy());
        text.push_str(&row);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_an_error_and_says_what_to_do() {
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code}");
            assert!(code.remedy().ends_with('.') && !code.title().ends_with('.'), "{code}");
            assert!(code.as_str().bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_'), "{code}");
        }
    }

    #[test]
    fn the_documentation_lists_them_all() {
        let stored = include_str!("../../../docs/problems.md");
        assert!(stored == markdown(), "docs/problems.md is not up to date:\n{}", markdown());
    }
}
