//! What was seen of routers, for whoever stores it, and what was stored of them, after a restart. The packet path only sets
//! marks; these are taken now and then.

use std::sync::{Arc, atomic::Ordering};

use base::{RouterId, TenantId, Timestamp};

use super::{
    router::{Path, RouterState},
    table::Live,
};

/// How a router signed its Access-Requests since this was last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    /// One came with a Message-Authenticator.
    pub with: bool,
    /// One came without.
    pub without: bool,
}

impl RouterState {
    /// Takes the marks of its signatures away, and says what they were.
    pub fn take_signatures(&self) -> Signatures {
        Signatures {
            with: self.signed_lately.swap(false, Ordering::Relaxed),
            without: self.unsigned_lately.swap(false, Ordering::Relaxed),
        }
    }

    /// Puts back what was seen of it before the daemon's restart. What was seen since is newer, and stays.
    pub fn restore(&self, last_seen: Timestamp, path: Path) {
        self.last_seen.fetch_max(last_seen.as_millis(), Ordering::Relaxed);
        self.path.rcu(|known| known.clone().or_else(|| Some(Arc::new(path))));
    }
}

impl Live {
    /// Every router that is observed, in no order.
    #[must_use]
    pub fn routers(&self) -> Vec<Arc<RouterState>> {
        self.routers.all()
    }

    /// Puts back what was seen of a router before the daemon's restart.
    pub fn restore_router(&self, id: RouterId, tenant: TenantId, last_seen: Timestamp, path: Path) {
        self.routers.load(id, tenant).restore(last_seen, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(peer: u8, local: u8) -> Path {
        Path { peer: [192, 0, 2, peer].into(), local: [127, 0, 0, local].into() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn what_was_stored_comes_back_and_gives_way_to_what_is_seen() {
        let live = Live::new([7; 16]);
        let (id, tenant) = (RouterId::generate(Timestamp::EPOCH), TenantId::generate(Timestamp::EPOCH));
        live.restore_router(id, tenant, at(100), path(1, 3));
        let [router] = live.routers().try_into().unwrap();
        assert_eq!((router.id(), router.tenant()), (id, tenant));
        assert_eq!((router.view().last_seen, router.path()), (Some(at(100)), Some(path(1, 3))));
        router.seen(at(200), path(1, 4));
        live.restore_router(id, tenant, at(100), path(1, 3));
        assert_eq!((router.view().last_seen, router.path()), (Some(at(200)), Some(path(1, 4))));
    }

    #[test]
    fn signatures_are_told_once() {
        let live = Live::new([7; 16]);
        let router = live.router(RouterId::generate(Timestamp::EPOCH), TenantId::generate(Timestamp::EPOCH));
        assert_eq!(router.take_signatures(), Signatures::default());
        router.message_authenticator(true);
        router.message_authenticator(false);
        assert_eq!(router.take_signatures(), Signatures { with: true, without: true });
        assert_eq!(router.take_signatures(), Signatures::default());
        router.message_authenticator(true);
        assert_eq!(router.take_signatures(), Signatures { with: true, without: false });
        assert!(router.view().signs_requests, "the operator sees it for as long as the daemon runs");
    }
}
