//! What is written down of refused sign-ins: in the trail of the tenant whose person was meant, or the platform's where that is
//! nobody's; in the log; and counted.
//!
//! A flood writes little. Of one login from one address the first, the tenth, the hundredth refusal of an hour is written,
//! with how many it were by then; of one person at most ten an hour, wherever they come from, and of logins that are
//! nobody's a hundred. What was typed stands nowhere: people type their password into the wrong field.

use std::{net::IpAddr, time::Duration};

use base::{Now, Platform, UserId};
use foundation::{audit, db};
use moka::{Entry, ops::compute::Op, sync::Cache};
use parking_lot::Mutex;
use serde::Serialize;

use super::{
    Door, LoginError, User,
    login::{find, note, only},
    throttle,
};

/// What is counted together.
const WINDOW: Duration = Duration::from_hours(1);
/// Entries about one person within the window.
const ENTRIES_OF_PERSON: u32 = 10;
/// Entries about logins that are nobody's within the window.
const ENTRIES_OF_STRANGERS: u32 = 100;
/// Logins and people that are counted, each at most 600 octets. The cache keeps those that are seen often.
const MAX_COUNTED: u64 = 20_000;
/// Octets of a login and a tenant's name that count here.
const MAX_LOGIN: usize = 400;

base::text_enum! {
    /// Why somebody was not let in; for the trail and the metric, never for who asks.
    pub enum Refusal {
        /// The login is nobody's, or that of several.
        UnknownLogin = "unknown_login",
        /// The password is wrong.
        WrongPassword = "wrong_password",
        /// The person may not sign in any more.
        Disabled = "disabled",
        /// Too many attempts; the password was not looked at.
        Throttled = "throttled",
        /// The password was right, the code was not.
        WrongCode = "wrong_code",
        /// Everything was right, and the tenant's panel is locked.
        PanelLocked = "panel_locked",
    }
}

/// Somebody who wants to be let in.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// In its stored form.
    pub(super) login: String,
    /// The tenant's short name, where it was said.
    pub(super) slug: Option<String>,
    pub(super) address: IpAddr,
}

/// Counts refusals. A part of the throttle.
#[derive(Debug)]
pub(super) struct Refusals {
    logins: Cache<(String, IpAddr), Counted>,
    people: Cache<UserId, Counted>,
    strangers: Mutex<Counted>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    /// When the window began, on the monotonic clock.
    since: Duration,
    count: u32,
}

/// What the trail says.
#[derive(Serialize)]
struct Told {
    reason: Refusal,
    /// Of this login from this address within the hour.
    attempts: u32,
}

impl Refusal {
    /// Why `meant` is not let in; `None` for what is no refusal.
    fn of(error: &LoginError, meant: Option<&User>) -> Option<Self> {
        Some(match (error, meant) {
            (LoginError::Refused, None) => Self::UnknownLogin,
            (LoginError::Refused, Some(user)) if user.disabled => Self::Disabled,
            (LoginError::Refused, Some(_)) => Self::WrongPassword,
            (LoginError::Throttled(_), _) => Self::Throttled,
            (LoginError::SecondFactorRefused, _) => Self::WrongCode,
            (LoginError::PanelLocked { .. }, _) => Self::PanelLocked,
            _ => return None,
        })
    }
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self { logins: Cache::new(MAX_COUNTED), people: Cache::new(MAX_COUNTED), strangers: Mutex::default() }
    }

    /// How many it were of this login from this address within the window, with this one.
    fn count(&self, attempt: &Attempt, now: Now) -> u32 {
        let mut named = format!("{}\n{}", attempt.slug.as_deref().unwrap_or_default(), attempt.login);
        named.truncate(named.floor_char_boundary(MAX_LOGIN));
        raise(&self.logins, (named, throttle::network(attempt.address)), now)
    }

    /// Whether there is room for an entry about this person, or about a login that is nobody's.
    fn take_room(&self, person: Option<UserId>, now: Now) -> bool {
        match person {
            Some(person) => raise(&self.people, person, now) <= ENTRIES_OF_PERSON,
            None => {
                let mut strangers = self.strangers.lock();
                *strangers = strangers.raised(now);
                strangers.count <= ENTRIES_OF_STRANGERS
            }
        }
    }
}

fn raise<K: Clone + Eq + std::hash::Hash + Send + Sync + 'static>(
    cache: &Cache<K, Counted>,
    key: K,
    now: Now,
) -> u32 {
    let mut raised = Counted::default();
    cache.entry(key).and_compute_with(|entry| {
        raised = entry.map(Entry::into_value).unwrap_or_default().raised(now);
        Op::Put(raised)
    });
    raised.count
}

impl Counted {
    fn raised(self, now: Now) -> Self {
        if self.count == 0 || now.monotonic.saturating_sub(self.since) >= WINDOW {
            return Self { since: now.monotonic, count: 1 };
        }
        Self { count: self.count.saturating_add(1), ..self }
    }
}

/// The first, the tenth, the hundredth.
const fn is_told(attempts: u32) -> bool {
    match attempts.checked_ilog10() {
        Some(zeros) => attempts == 10_u32.pow(zeros),
        None => false,
    }
}

impl Door<'_> {
    /// Writes down that `meant`, where that is known, was not let in. That it cannot be written keeps nobody from the answer.
    pub(super) async fn note_refusal(
        &self,
        now: Now,
        attempt: &Attempt,
        meant: Option<&User>,
        error: &LoginError,
    ) {
        let Some(reason) = Refusal::of(error, meant) else { return };
        metrics::counter!("rrnetd_login_refused_total", "reason" => reason.as_str()).increment(1);
        let attempts = self.throttle.refusals().count(attempt, now);
        if !is_told(attempts) {
            return;
        }
        if let Err(error) = self.write_refusal(now, attempt, meant, Told { reason, attempts }).await {
            metrics::counter!("rrnetd_login_refusals_unwritten_total").increment(1);
            tracing::warn!(%error, "a refused sign-in cannot be written down");
        }
    }

    async fn write_refusal(
        &self,
        now: Now,
        attempt: &Attempt,
        meant: Option<&User>,
        told: Told,
    ) -> db::Result<()> {
        let door = Platform { from: Some(attempt.address), ..Platform::system("access.login", now.wall) };
        let mut meant = meant.cloned();
        // Who is throttled was not looked up.
        if told.reason == Refusal::Throttled && meant.is_none() {
            let mut conn = self.db.conn().await?;
            meant = only(&find(&mut conn, &door, attempt).await?).map(|(user, _)| user.clone());
        }
        let person = meant.as_ref().map(|user| user.id);
        if !self.throttle.refusals().take_room(person, now) {
            metrics::counter!("rrnetd_login_refusals_unwritten_total").increment(1);
            return Ok(());
        }
        tracing::warn!(
            login.reason = told.reason.as_str(),
            login.attempts = told.attempts,
            client.address = %attempt.address,
            tenant.id = meant.as_ref().and_then(|user| user.tenant).map(tracing::field::display),
            user.id = person.map(tracing::field::display),
            "a sign-in is refused: {}", told.reason
        );
        let mut tx = self.db.begin().await?;
        match &meant {
            Some(user) => {
                let entry = audit::Entry::new("user.login_refused", "user", user.id).after(&told);
                note(&mut tx, &door, user, entry);
            }
            None => tx.audit(&door, audit::Entry::new("user.login_refused", "login", "unknown").after(&told)),
        }
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use base::{Clock, Timestamp};

    use super::*;

    #[test]
    fn a_flood_writes_little() {
        let (clock, hand) = Clock::mock(Timestamp::EPOCH);
        let refusals = Refusals::new();
        let attempt = |login: &str, host: u8| Attempt {
            login: login.to_owned(),
            slug: None,
            address: IpAddr::from([192, 0, 2, host]),
        };
        let told = |login: &str, host| is_told(refusals.count(&attempt(login, host), clock.now()));
        assert_eq!((0..5_000).filter(|_| told("budi", 1)).count(), 4, "1, 10, 100, 1000");
        assert!(told("budi", 2) && told("siti", 1), "each login and address by itself");
        let person = UserId::from_bytes([1; 16]);
        let room = |who| (0..1_000).filter(|_| refusals.take_room(who, clock.now())).count();
        assert_eq!((room(Some(person)), room(None)), (10, 100));
        assert_eq!(room(Some(UserId::from_bytes([2; 16]))), 10, "strangers take no room from people");
        hand.advance(WINDOW);
        assert!(told("budi", 1) && room(Some(person)) == 10 && room(None) == 100);
        assert!(told(&"é".repeat(1_000_000), 3), "and takes no memory");
    }
}
