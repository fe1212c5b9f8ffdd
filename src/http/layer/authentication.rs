//! Who calls: a program by its token, a person by a token or by the session cookie.
//!
//! A cookie is sent by the browser whatever page asks for it. So a change that comes with one must come from our own
//! pages: the browser says where from, in `Sec-Fetch-Site` and `Origin`, which no page can forge.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State as Extracted},
    middleware::Next,
    response::Response,
};
use http::{Extensions, HeaderMap, Method, header};

use super::{
    super::{
        problem::{Code, Problem},
        route::Access,
        state::State,
    },
    budget::Budgets,
};
use crate::domain::access::{self, Act, Permission, Token};

/// The session cookie's name.
pub(in super::super) const COOKIE: &str = "rrnetd_session";
/// Why the caller does it, for the audit trail.
pub(in super::super) const REASON: &str = "rrnetd-reason";
/// The longest reason, octets.
const MAX_REASON: usize = 500;

pub(in super::super) async fn authenticate(
    Extracted((state, budgets, access)): Extracted<(Arc<State>, Arc<Budgets>, Access)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let act = Act {
        from: client(&state, request.extensions(), request.headers()),
        reason: reason(request.headers())?,
        now: state.clock.wall(),
    };
    if access == Access::Nearby && is_nearby(&request) {
        return Ok(next.run(request).await);
    }
    // Whoever shows nothing that is valid is charged by the address.
    let unknown = |problem: Problem| budgets.failed(act.from).unwrap_or(problem);
    let token = shown(request.method(), request.headers()).map_err(unknown)?;
    let mut conn = state.db.conn().await?;
    let caller = access::authenticate(&mut conn, &token, act.now).await?;
    drop(conn);
    let caller = caller.ok_or_else(|| unknown(Problem::new(Code::TokenInvalid).challenge()))?;
    if caller.password_expired && access != Access::SignedIn {
        return Err(Problem::new(Code::PasswordExpired));
    }
    if access == Access::Nearby && !caller.may(Permission::Platform) {
        return Err(Problem::new(Code::PermissionMissing));
    }
    request.extensions_mut().insert(act);
    request.extensions_mut().insert(token);
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The token that the request carries.
fn shown(method: &Method, headers: &HeaderMap) -> Result<Token, Problem> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| text.split_once(' ')).and_then(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token.trim())).flatten()
        });
        return token.ok_or_else(|| Problem::new(Code::TokenInvalid).challenge());
    }
    let Some(token) = cookie(headers) else { return Err(Problem::new(Code::Unauthenticated).challenge()) };
    if !method.is_safe() && !is_same_origin(headers) {
        return Err(Problem::new(Code::CrossOrigin));
    }
    token.ok_or_else(|| Problem::new(Code::TokenInvalid).challenge())
}

/// The session cookie: `None` when there is none, `Some(None)` when it holds no token.
fn cookie(headers: &HeaderMap) -> Option<Option<Token>> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| Token::parse(value))
}

/// Whether a page of ours sends this. Browsers send at least one of the two headers with every change; what sends none
/// has no business with a cookie.
pub(in super::super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some((_, authority)) = text(header::ORIGIN).and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    text(header::HOST).is_some_and(|host| host.eq_ignore_ascii_case(authority))
}

/// Where the request comes from: the last address that a trusted proxy heard from, else the peer's.
pub(in super::super) fn client(
    state: &State,
    extensions: &Extensions,
    headers: &HeaderMap,
) -> Option<IpAddr> {
    let peer = peer(extensions)?;
    let settings = state.settings.current();
    let trusted = |address: IpAddr| settings.trusted_proxies.contains(&address);
    if !trusted(peer) {
        return Some(peer);
    }
    let forwarded: Vec<IpAddr> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|address| address.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .collect();
    forwarded.into_iter().rev().find(|address| !trusted(*address)).or(Some(peer))
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(peer.ip().to_canonical())
}

/// From this machine, and not on behalf of somebody elsewhere.
fn is_nearby(request: &Request) -> bool {
    let forwarded =
        ["forwarded", "x-forwarded-for", "via"].iter().any(|name| request.headers().contains_key(*name));
    !forwarded && peer(request.extensions()).is_some_and(|peer| peer.is_loopback())
}

fn reason(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(REASON) else { return Ok(None) };
    let refused = |problem| Problem::new(Code::InvalidHeader).field("Rrnetd-Reason", problem);
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| refused("is not UTF-8"))?.trim();
    if text.len() > MAX_REASON {
        return Err(refused("is longer than 500 octets"));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_our_own_pages_are_same_origin() {
        for own in [
            headers(&[("sec-fetch-site", "same-origin")]),
            headers(&[("origin", "http://panel.test:8080"), ("host", "panel.test:8080")]),
        ] {
            assert!(is_same_origin(&own), "{own:?}");
        }
        for foreign in [
            headers(&[]),
            headers(&[("sec-fetch-site", "cross-site")]),
            headers(&[("sec-fetch-site", "same-site")]),
            headers(&[("sec-fetch-site", "cross-site"), ("origin", "http://a.test"), ("host", "a.test")]),
            headers(&[("origin", "http://evil.test"), ("host", "panel.test")]),
            headers(&[("origin", "null"), ("host", "panel.test")]),
            headers(&[("host", "panel.test")]),
        ] {
            assert!(!is_same_origin(&foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_token_is_read_from_the_header_first() {
        let code = |method: Method, pairs: &[(&'static str, &'static str)]| {
            shown(&method, &headers(pairs)).map(drop).map_err(|problem| problem.code())
        };
        const GOOD: &str = "Bearer rrn_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        const COOKIES: &str = "a=b; rrnetd_session=rrs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(code(Method::POST, &[("authorization", GOOD)]), Ok(()), "a header is no browser's doing");
        assert_eq!(code(Method::GET, &[]), Err(Code::Unauthenticated));
        assert_eq!(code(Method::GET, &[("authorization", "Basic eDp5")]), Err(Code::TokenInvalid));
        assert_eq!(
            code(Method::GET, &[("authorization", "Bearer x"), ("cookie", COOKIES)]),
            Err(Code::TokenInvalid)
        );
        assert_eq!(code(Method::GET, &[("cookie", COOKIES)]), Ok(()));
        assert_eq!(code(Method::POST, &[("cookie", COOKIES)]), Err(Code::CrossOrigin));
        assert_eq!(code(Method::POST, &[("cookie", COOKIES), ("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(code(Method::GET, &[("cookie", "rrnetd_session=x")]), Err(Code::TokenInvalid));
    }

    #[test]
    fn reasons_are_bounded_text() {
        assert_eq!(
            reason(&headers(&[("rrnetd-reason", " tagihan lunas ")])).unwrap().unwrap(),
            "tagihan lunas"
        );
        assert_eq!(reason(&headers(&[])).unwrap(), None);
        let mut long = HeaderMap::new();
        long.insert(REASON, HeaderValue::from_str(&"x".repeat(501)).unwrap());
        assert_eq!(reason(&long).unwrap_err().code(), Code::InvalidHeader);
    }
}
