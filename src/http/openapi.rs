//! The API's document: what stands in it beside the handlers, and how it is served.

use utoipa::{
    PartialSchema as _,
    openapi::{
        Components, Content, Info, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder, Schema,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};

use super::{
    layer::authentication::COOKIE,
    problem::{Code, FieldError, ProblemView},
};

/// The name of the scheme with a token in the header.
pub(super) const BEARER: &str = "bearer";
/// The name of the scheme with the session cookie.
pub(super) const SESSION: &str = "session";

/// The groups of the document, in the order of its page.
const TAGS: [(&str, &str); 14] = [
    ("sign-in", "Signing in and out, and one's own account."),
    ("tenants", "The internet service providers on this platform: their features, limits and invoices."),
    ("add-ons", "What tenants buy besides their plan."),
    ("platform", "What the platform sells to tenants, and its own settings."),
    ("people", "People who use the panel, and tokens of programs."),
    ("routers", "Routers: what is wanted of them, and what was last seen of them."),
    ("plans", "Service profiles that subscribers buy."),
    ("customers", "People and companies that pay."),
    ("subscribers", "Services with a login of their own; isolation."),
    ("sessions", "Who is online, who was, and who tried."),
    ("audit", "Who did what to what, from where, when and why."),
    ("events", "What happened, as a list and as a live stream; who reacts to it."),
    ("jobs", "Work in the background: how the queue does, its jobs with their logs, and what is paused."),
    ("operation", "Health and metrics of the daemon."),
];

const DESCRIPTION: &str = "\
Times are RFC 3339 in UTC, money is whole minor units with its currency, rates are bit/s, octets are decimal texts. \
Unknown fields are refused. A failure is `application/problem+json` (RFC 9457) and named in the list of problems.";

/// The document without its paths.
pub(super) fn start() -> OpenApi {
    let mut components = Components::new();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API token (rrn_…), or the token of a session (rrs_…)."))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let cookie =
        ApiKeyValue::with_description(COOKIE, "The session cookie, for this site's own pages alone.");
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let schemas: [(&str, RefOr<Schema>); 3] =
        [("Problem", ProblemView::schema()), ("FieldError", FieldError::schema()), ("Code", Code::schema())];
    for (name, schema) in schemas {
        components.schemas.insert(name.to_owned(), schema);
    }
    let mut info = Info::new("rrnetd", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.to_owned());
    let tags =
        TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    OpenApiBuilder::new().info(info).components(Some(components)).tags(Some(tags)).build()
}

/// Every response says what it is: the standard asks for it, and some generators refuse a document without.
pub(super) fn describe_response(status: &str, response: &mut RefOr<Response>) {
    if let RefOr::T(response) = response
        && response.description.is_empty()
    {
        response.description = match status {
            "201" => "What was made.",
            "204" => "Done.",
            _ => "What was asked for.",
        }
        .to_owned();
    }
}

/// Any failure.
pub(super) fn problem_response() -> RefOr<Response> {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description("A problem.")
        .content("application/problem+json", content)
        .build()
        .into()
}
