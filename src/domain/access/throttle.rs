//! Slows guessing of passwords down, per person and address and per address.
//!
//! An attempt is charged before the password is looked at, so that many at the same time count as many; success gives
//! the charge back.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use base::{Now, UserId};
use moka::{ops::compute::Op, sync::Cache};

use super::refusal::Refusals;

/// Attempts of one person from one address before anybody has to wait.
const FREE_PER_PERSON: u32 = 5;
/// Attempts from one address, whoever it is for: an office behind one address has a dozen people.
const FREE_PER_ADDRESS: u32 = 20;
/// Codes of a person's second factor, whatever address they come from: whoever tries knows the password.
const FREE_CODES: u32 = 5;
/// Octets of a login, and of a tenant's name, that count here: a longer one is nobody's, and must not fill the memory.
const MAX_LOGIN: usize = 400;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait: a guesser gets 96 attempts a day, and a person who forgot the password is not locked out for good.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// Failures are forgotten this long after the last.
const MEMORY: Duration = Duration::from_hours(1);
/// Entries kept, about 100 octets each and at most 900. The cache keeps those that are seen often when a flood of addresses fills it.
const MAX_ENTRIES: u64 = 50_000;

/// Counts attempts. One for the whole daemon.
#[derive(Debug)]
pub struct LoginThrottle {
    attempts: Cache<Key, Attempts>,
    /// What was refused, for the trail.
    refusals: Refusals,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Of one tenant where one was named: guesses at its people are no guesses at another's with the same login.
    Person {
        login: String,
        tenant: Option<String>,
        network: IpAddr,
    },
    Network(IpAddr),
    Code(UserId),
}

#[derive(Clone, Copy, Debug)]
struct Attempts {
    count: u32,
    last: Duration,
}

/// Too many attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts; the next one is possible in {} s", wait.as_secs() + 1)]
pub struct Throttled {
    /// How long to wait.
    pub wait: Duration,
}

impl Default for LoginThrottle {
    fn default() -> Self {
        Self::new()
    }
}

impl LoginThrottle {
    /// Nothing was tried yet.
    #[must_use]
    pub fn new() -> Self {
        Self { attempts: Cache::new(MAX_ENTRIES), refusals: Refusals::new() }
    }

    pub(super) const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Charges an attempt.
    ///
    /// # Errors
    /// When it has to wait; then it is not charged.
    pub(super) fn admit(
        &self,
        login: &str,
        tenant: Option<&str>,
        address: IpAddr,
        now: Now,
    ) -> Result<(), Throttled> {
        let network = network(address);
        let keys = [
            (Key::Network(network), FREE_PER_ADDRESS),
            (Key::person(login, tenant, network), FREE_PER_PERSON),
        ];
        // Looked at first, so that an attempt that one of the two refuses is charged to neither.
        for (key, free) in &keys {
            self.attempts.get(key).map_or(Ok(()), |attempts| attempts.check(*free, now))?;
        }
        keys.into_iter().try_for_each(|(key, free)| self.charge(key, free, now))
    }

    /// The attempt was right: the person starts anew, and the address gets its charge back.
    pub(super) fn succeeded(&self, login: &str, tenant: Option<&str>, address: IpAddr) {
        let network = network(address);
        self.attempts.invalidate(&Key::person(login, tenant, network));
        self.attempts.entry(Key::Network(network)).and_compute_with(|entry| {
            match entry.map(moka::Entry::into_value) {
                Some(attempts) if attempts.count > 1 => {
                    Op::Put(Attempts { count: attempts.count - 1, ..attempts })
                }
                Some(_) => Op::Remove,
                None => Op::Nop,
            }
        });
    }

    /// Forgets all attempts.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.attempts.invalidate_all();
    }

    /// Charges an attempt at the code of a person's second factor.
    ///
    /// # Errors
    /// When it has to wait; then it is not charged.
    pub(super) fn admit_code(&self, user: UserId, now: Now) -> Result<(), Throttled> {
        self.charge(Key::Code(user), FREE_CODES, now)
    }

    /// The code was right: the person starts anew.
    pub(super) fn code_succeeded(&self, user: UserId) {
        self.attempts.invalidate(&Key::Code(user));
    }

    fn charge(&self, key: Key, free: u32, now: Now) -> Result<(), Throttled> {
        let mut outcome = Ok(());
        self.attempts.entry(key).and_compute_with(|entry| {
            let Some(attempts) =
                entry.map(moka::Entry::into_value).filter(|attempts| !attempts.forgotten(now))
            else {
                return Op::Put(Attempts { count: 1, last: now.monotonic });
            };
            outcome = attempts.check(free, now);
            match outcome {
                Ok(()) => Op::Put(Attempts { count: attempts.count.saturating_add(1), last: now.monotonic }),
                Err(_) => Op::Nop,
            }
        });
        outcome
    }
}

impl Key {
    fn person(login: &str, tenant: Option<&str>, network: IpAddr) -> Self {
        let cut = |text: &str| text[..text.floor_char_boundary(MAX_LOGIN)].to_owned();
        Self::Person { login: cut(login), tenant: tenant.map(cut), network }
    }
}

impl Attempts {
    fn forgotten(self, now: Now) -> bool {
        now.monotonic.saturating_sub(self.last) >= MEMORY
    }

    /// May another one follow now?
    fn check(self, free: u32, now: Now) -> Result<(), Throttled> {
        let Some(over) = self.count.checked_sub(free) else { return Ok(()) };
        let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(over).unwrap_or(u32::MAX)).min(LONGEST_WAIT);
        match (self.last + wait).checked_sub(now.monotonic) {
            Some(wait) if !wait.is_zero() && !self.forgotten(now) => Err(Throttled { wait }),
            _ => Ok(()),
        }
    }
}

/// Whoever has one IPv6 address has the whole /64.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use base::{Clock, Timestamp};

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let (clock, hand) = Clock::mock(Timestamp::EPOCH);
        let throttle = LoginThrottle::new();
        for _ in 0..FREE_PER_PERSON {
            throttle.admit("budi", None, ADDRESS, clock.now()).unwrap();
        }
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            let wait = Duration::from_secs(wait);
            assert_eq!(throttle.admit("budi", None, ADDRESS, clock.now()), Err(Throttled { wait }));
            hand.advance(wait);
            throttle.admit("budi", None, ADDRESS, clock.now()).unwrap();
        }
    }

    #[test]
    fn a_login_without_end_takes_no_memory() {
        let (long, shorter) = ("é".repeat(100_000), "é".repeat(MAX_LOGIN));
        let key = Key::person(&long, Some(&long), ADDRESS);
        let Key::Person { login, tenant: Some(tenant), .. } = &key else { panic!("{key:?}") };
        assert_eq!((login.len(), tenant.len()), (MAX_LOGIN, MAX_LOGIN));
        assert_eq!(key, Key::person(&shorter, Some(&shorter), ADDRESS), "and is throttled as one");
    }

    #[test]
    fn codes_are_throttled_for_the_person_wherever_they_come_from() {
        let (clock, hand) = Clock::mock(Timestamp::EPOCH);
        let throttle = LoginThrottle::new();
        let user = UserId::from_bytes([1; 16]);
        for _ in 0..FREE_CODES {
            throttle.admit_code(user, clock.now()).unwrap();
        }
        assert!(throttle.admit_code(user, clock.now()).is_err());
        throttle.admit_code(UserId::from_bytes([2; 16]), clock.now()).unwrap();
        hand.advance(FIRST_WAIT);
        throttle.admit_code(user, clock.now()).unwrap();
        throttle.code_succeeded(user);
        throttle.admit_code(user, clock.now()).unwrap();
    }

    #[test]
    fn others_and_those_elsewhere_do_not_wait() {
        let (clock, _hand) = Clock::mock(Timestamp::EPOCH);
        let throttle = LoginThrottle::new();
        for _ in 0..FREE_PER_PERSON {
            throttle.admit("budi", None, ADDRESS, clock.now()).unwrap();
        }
        assert!(throttle.admit("budi", None, ADDRESS, clock.now()).is_err());
        assert!(throttle.admit("siti", None, ADDRESS, clock.now()).is_ok());
        assert!(throttle.admit("budi", None, "2001:db8::1".parse().unwrap(), clock.now()).is_ok());
    }

    #[test]
    fn guesses_at_one_tenant_s_people_are_none_at_another_s() {
        let (clock, _hand) = Clock::mock(Timestamp::EPOCH);
        let throttle = LoginThrottle::new();
        for _ in 0..FREE_PER_PERSON {
            throttle.admit("admin", Some("one"), ADDRESS, clock.now()).unwrap();
        }
        assert!(throttle.admit("admin", Some("one"), ADDRESS, clock.now()).is_err());
        for tenant in [Some("two"), None] {
            throttle.admit("admin", tenant, ADDRESS, clock.now()).unwrap();
        }
        throttle.succeeded("admin", Some("two"), ADDRESS);
        assert!(throttle.admit("admin", Some("one"), ADDRESS, clock.now()).is_err());
    }

    #[test]
    fn an_address_that_tries_many_names_waits() {
        let (clock, _hand) = Clock::mock(Timestamp::EPOCH);
        let throttle = LoginThrottle::new();
        let at = |host: u32| IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(host)));
        for host in 0..FREE_PER_ADDRESS {
            throttle.admit(&format!("user{host}"), None, at(host), clock.now()).unwrap();
        }
        assert!(throttle.admit("another", None, at(99), clock.now()).is_err(), "one /64 is one address");
    }

    #[test]
    fn success_and_time_forgive() {
        let (clock, hand) = Clock::mock(Timestamp::EPOCH);
        let throttle = LoginThrottle::new();
        for _ in 0..100 {
            throttle.admit("budi", None, ADDRESS, clock.now()).unwrap();
            throttle.succeeded("budi", None, ADDRESS);
        }
        for _ in 0..FREE_PER_PERSON {
            throttle.admit("budi", None, ADDRESS, clock.now()).unwrap();
        }
        assert!(throttle.admit("budi", None, ADDRESS, clock.now()).is_err());
        hand.advance(MEMORY);
        assert!(throttle.admit("budi", None, ADDRESS, clock.now()).is_ok());
    }
}
