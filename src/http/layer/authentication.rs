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
use http::{Extensions, HeaderMap, Method, Uri, header, request::Parts, uri::Authority};

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
    if access == Access::Nearby && is_nearby(&state, request.extensions(), request.uri(), request.headers()) {
        return Ok(next.run(request).await);
    }
    // Whoever shows nothing that is valid is charged by the address.
    let unknown = |problem: Problem| budgets.failed(act.from).unwrap_or(problem);
    let token = shown(request.method(), request.headers()).map_err(unknown)?;
    let mut conn = state.db.conn().await?;
    let caller = access::authenticate(&mut conn, &token, act.now).await?;
    drop(conn);
    let caller = caller.ok_or_else(|| unknown(Problem::new(Code::TokenInvalid).challenge()))?;
    let refused = if caller.password_expired && !matches!(access, Access::SignedIn | Access::Leaving) {
        Some(Code::PasswordExpired)
    } else if access == Access::Nearby && !caller.may(Permission::Platform) {
        Some(Code::PermissionMissing)
    } else {
        None
    };
    if let Some(code) = refused {
        return Err(budgets.refused(&caller).unwrap_or(Problem::new(code)));
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
fn is_nearby(state: &State, extensions: &Extensions, uri: &Uri, headers: &HeaderMap) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "via"].iter().any(|name| headers.contains_key(*name));
    !forwarded
        && peer(extensions).is_some_and(|peer| peer.is_loopback())
        && asks_for_us(uri, headers, &state.settings.current().own_hosts)
}

/// Whether the request is for a name that is this machine's. A page from elsewhere whose name was made to lead here (DNS
/// rebinding) has its own; what names no host is no browser.
fn asks_for_us(uri: &Uri, headers: &HeaderMap, own: &[String]) -> bool {
    let named = headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
    uri.authority().map(Authority::as_str).into_iter().chain(named).all(|authority| is_own(authority, own))
}

/// Whether a host, with or without a port, is loopback or one of our own.
fn is_own(authority: &str, own: &[String]) -> bool {
    // A browser names nobody here.
    let parsed = Some(authority).filter(|it| !it.contains('@')).map(Authority::try_from);
    let Some(Ok(authority)) = parsed else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_same = |other: &str| match (host.parse::<IpAddr>(), other.parse::<IpAddr>()) {
        (Ok(host), Ok(other)) => host.to_canonical() == other.to_canonical(),
        _ => host.eq_ignore_ascii_case(other),
    };
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|host| host.to_canonical().is_loopback());
    is_loopback || is_same("localhost") || own.iter().any(|other| is_same(other))
}

/// Whether the caller may see how the daemon is, as `/metrics` shows it: from this machine, or with the super admin's token. It
/// is nobody's failure when it may not.
pub(in super::super) async fn may_watch(state: &State, request: &Parts) -> bool {
    if is_nearby(state, &request.extensions, &request.uri, &request.headers) {
        return true;
    }
    let Ok(token) = shown(&request.method, &request.headers) else { return false };
    let read = async {
        let mut conn = state.db.conn().await?;
        access::authenticate(&mut conn, &token, state.clock.wall()).await
    };
    matches!(read.await, Ok(Some(caller)) if caller.may(Permission::Platform) && !caller.password_expired)
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
    fn only_names_of_this_machine_are_its_own() {
        let own = ["noc.example.net".to_owned(), "2001:db8::5".to_owned()];
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "127.0.1.1",
            "[::1]:8080",
            "[::ffff:127.0.0.1]",
            "noc.example.net:80",
            "NOC.example.net",
            "[2001:db8:0::5]:8080",
        ] {
            assert!(is_own(host, &own), "{host}");
        }
        for host in [
            "",
            "evil.test",
            "evil.test:8080",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "192.0.2.1",
            "[2001:db8::6]",
            "example.net",
            "x@evil.test",
            "localhost@evil.test",
        ] {
            assert!(!is_own(host, &own), "{host}");
        }
        let uri = Uri::from_static("/metrics");
        assert!(asks_for_us(&uri, &headers(&[]), &own), "no browser");
        assert!(!asks_for_us(&uri, &headers(&[("host", "localhost"), ("host", "evil.test")]), &own));
        assert!(!asks_for_us(&Uri::from_static("http://evil.test/metrics"), &headers(&[]), &own));
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
