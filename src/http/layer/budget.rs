//! How much may be asked: per tenant, per person of the platform, and per address where nobody is known.
//!
//! Whoever is known is charged at once, before anything else is looked at: a request that a later layer refuses, such as one
//! without the permission, costs as much as one that is let through.
//!
//! Every answer says how much is left (draft-ietf-httpapi-ratelimit-headers); beyond it is 429 with the time to wait. A
//! budget is whole again after a minute, and refills evenly meanwhile. WhatsApp notices have a budget of their own.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Request, State as Extracted},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use base::{Clock, TenantId, UserId};
use governor::{
    Quota, RateLimiter,
    clock::Clock as _,
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use http::{HeaderName, HeaderValue};
use moka::sync::Cache;

use super::{
    super::{
        context::Missing,
        problem::{Code, Problem},
        state::{Settings, State},
    },
    authentication,
};
use crate::domain::access::Caller;

/// What a budget is for within: a minute.
const WINDOW: Duration = Duration::from_mins(1);
/// Budgets kept, about 300 octets each. The cache keeps those that are asked for often when a flood of addresses fills it.
const MAX_BUDGETS: u64 = 50_000;
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Whose budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Payer {
    Tenant(TenantId),
    Person(UserId),
    Visitor(IpAddr),
}

/// The budgets of everybody who asked lately. One for the whole daemon.
#[derive(Debug)]
pub(in super::super) struct Budgets {
    cache: Cache<Payer, Arc<Bucket>>,
    clock: Clock,
    per_minute: NonZeroU32,
    per_visitor: NonZeroU32,
}

#[derive(Debug)]
struct Bucket {
    size: NonZeroU32,
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, StateInformationMiddleware>,
}

/// Our clock as the limiter wants it.
#[derive(Clone, Debug)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.now().monotonic
    }
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Charge {
    payer: &'static str,
    size: u32,
    left: u32,
    /// How long to wait, when nothing is left.
    wait: Option<Duration>,
}

impl Budgets {
    pub(in super::super) fn new(clock: Clock, settings: &Settings) -> Self {
        let at_least_one = |rate: u32| NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
        Self {
            cache: Cache::new(MAX_BUDGETS),
            clock,
            per_minute: at_least_one(settings.requests_per_minute),
            per_visitor: at_least_one(settings.visitor_requests_per_minute),
        }
    }

    fn charge(&self, payer: Payer, size: NonZeroU32) -> Charge {
        let fresh = || {
            let limiter = RateLimiter::direct_with_clock(Quota::per_minute(size), Ticks(self.clock.clone()))
                .with_middleware::<StateInformationMiddleware>();
            Arc::new(Bucket { size, limiter })
        };
        // A budget that was given another size begins anew.
        let bucket =
            self.cache.entry(payer).or_insert_with_if(fresh, |bucket| bucket.size != size).into_value();
        let name = payer.name();
        let (left, wait) = match bucket.limiter.check() {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(early) => (0, Some(early.wait_time_from(bucket.limiter.clock().now()))),
        };
        if wait.is_some() {
            metrics::counter!("rrnetd_http_limited_total", "budget" => name).increment(1);
        }
        Charge { payer: name, size: size.get(), left, wait }
    }

    fn charge_visitor(&self, address: Option<IpAddr>) -> Charge {
        self.charge(Payer::Visitor(network(address)), self.per_visitor)
    }

    /// Charges whoever comes from `address` for a request that nobody answers for; the refusal, when that was too many.
    pub(in super::super) fn failed(&self, address: Option<IpAddr>) -> Option<Problem> {
        self.charge_visitor(address).refusal()
    }
}

impl Budgets {
    /// Charges whoever calls.
    fn charge_caller(&self, caller: &Caller) -> Charge {
        let size = caller.requests_per_minute.and_then(NonZeroU32::new).unwrap_or(self.per_minute);
        self.charge(caller.tenant.map_or(Payer::Person(caller.user), Payer::Tenant), size)
    }

    /// Charges a caller whom authentication itself sends away; the refusal, when that was too often.
    pub(in super::super) fn refused(&self, caller: &Caller) -> Option<Problem> {
        self.charge_caller(caller).refusal()
    }
}

impl Payer {
    const fn name(self) -> &'static str {
        match self {
            Self::Tenant(_) => "tenant",
            Self::Person(_) => "person",
            Self::Visitor(_) => "visitor",
        }
    }
}

impl Charge {
    fn refusal(self) -> Option<Problem> {
        self.wait.map(|wait| Problem::new(Code::RateLimited).retry_after(wait))
    }

    /// Says in the answer what is left.
    fn note(self, mut response: Response) -> Response {
        let Self { payer, size, left, .. } = self;
        // Refills evenly: this much of the window until it is whole.
        let spent = u64::from(size - left.min(size));
        let whole = (spent * WINDOW.as_secs()).div_ceil(u64::from(size));
        let headers = [
            (POLICY, format!("\"{payer}\";q={size};w={}", WINDOW.as_secs())),
            (LEFT, format!("\"{payer}\";r={left};t={whole}")),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Charges whoever calls: the tenant, or somebody of the platform.
pub(in super::super) async fn of_caller(
    Extracted(budgets): Extracted<Arc<Budgets>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(caller) = request.extensions().get::<Caller>() else {
        return Err(Problem::internal(Missing("caller")));
    };
    Ok(go_on(budgets.charge_caller(caller), request, next).await)
}

/// Charges whoever comes from the address.
pub(in super::super) async fn of_visitor(
    Extracted((state, budgets)): Extracted<(Arc<State>, Arc<Budgets>)>,
    request: Request,
    next: Next,
) -> Response {
    let address = authentication::client(&state, request.extensions(), request.headers());
    go_on(budgets.charge_visitor(address), request, next).await
}

async fn go_on(charge: Charge, request: Request, next: Next) -> Response {
    let response = match charge.refusal() {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    charge.note(response)
}

/// Whoever has one IPv6 address has the whole /64; who comes from nowhere shares with all others who do.
fn network(address: Option<IpAddr>) -> IpAddr {
    match address.map(|address| address.to_canonical()) {
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Some(IpAddr::V4(address)) => IpAddr::V4(address),
        Some(IpAddr::V6(address)) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    fn budgets(per_minute: u32) -> (Budgets, base::MockClock) {
        let (clock, hand) = Clock::mock(Timestamp::EPOCH);
        let settings = Settings { requests_per_minute: per_minute, ..Settings::default() };
        (Budgets::new(clock, &settings), hand)
    }

    #[test]
    fn a_budget_is_spent_and_refills_evenly() {
        let (budgets, hand) = budgets(6);
        let payer = Payer::Tenant(TenantId::from_bytes([1; 16]));
        let charge = || budgets.charge(payer, budgets.per_minute);
        for left in (0..6).rev() {
            assert_eq!(charge(), Charge { payer: "tenant", size: 6, left, wait: None });
        }
        assert_eq!(charge().wait, Some(Duration::from_secs(10)));
        hand.advance(Duration::from_secs(10));
        assert_eq!(charge().wait, None);
        assert!(charge().wait.is_some(), "one every ten seconds");
        let other = Payer::Tenant(TenantId::from_bytes([2; 16]));
        assert_eq!(budgets.charge(other, budgets.per_minute).left, 5, "others have their own");
    }

    #[test]
    fn a_budget_of_another_size_begins_anew() {
        let (budgets, _hand) = budgets(2);
        let payer = Payer::Person(UserId::from_bytes([1; 16]));
        let of = |size: u32| budgets.charge(payer, NonZeroU32::new(size).unwrap());
        while of(2).wait.is_none() {}
        assert_eq!(of(5).left, 4);
        assert_eq!(of(5).left, 3);
    }

    #[test]
    fn answers_say_what_is_left() {
        let charge = Charge { payer: "tenant", size: 600, left: 595, wait: None };
        let response = charge.note(().into_response());
        assert_eq!(response.headers()[POLICY], "\"tenant\";q=600;w=60");
        assert_eq!(response.headers()[LEFT], "\"tenant\";r=595;t=1");
        assert_eq!(
            network(Some("2001:db8::1".parse().unwrap())),
            network(Some("2001:db8::2".parse().unwrap()))
        );
        assert_ne!(network(Some("192.0.2.1".parse().unwrap())), network(Some("192.0.2.2".parse().unwrap())));
    }
}
