//! Routers by id and by the addresses that their packets come from.

use std::{net::IpAddr, sync::Arc};

use base::RouterId;

use super::{cow::CowMap, entry::Router, keyed::HashKey};

/// The routers at one address, in the order of their ids; never empty.
pub type RoutersAt = Arc<[Arc<Router>]>;

/// All routers. Addresses are canonical: an IPv4-mapped IPv6 address is the IPv4 address.
pub(super) struct Routers {
    by_id: CowMap<RouterId, Arc<Router>>,
    by_address: CowMap<IpAddr, RoutersAt>,
}

impl Routers {
    pub(super) fn new(key: HashKey) -> Self {
        Self { by_id: CowMap::new(key), by_address: CowMap::new(key) }
    }

    pub(super) fn find(&self, id: RouterId) -> Option<Arc<Router>> {
        self.by_id.find(&id)
    }

    pub(super) fn at(&self, address: IpAddr) -> Option<RoutersAt> {
        self.by_address.find(&address.to_canonical())
    }

    pub(super) fn holds(&self, router: &Router) -> bool {
        self.find(router.id).is_some_and(|known| *known == canonical(router.clone()))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn all(&self) -> Vec<Arc<Router>> {
        self.by_id.values()
    }

    /// Puts a router; at an address that it keeps, it is never missing. One writer alone.
    pub(super) fn insert(&self, router: Router) {
        let router = Arc::new(canonical(router));
        let previous = self.by_id.insert(router.id, Arc::clone(&router));
        for &address in &router.addresses {
            let others = self.by_address.find(&address);
            let mut here: Vec<_> = others.iter().flat_map(|others| others.iter()).cloned().collect();
            here.retain(|other| other.id != router.id);
            here.push(Arc::clone(&router));
            self.by_address.insert(address, in_order(here));
        }
        if let Some(previous) = previous {
            self.leave(&previous, |address| !router.addresses.contains(&address));
        }
    }

    /// Takes a router out. One writer alone.
    pub(super) fn remove(&self, id: RouterId) {
        if let Some(router) = self.by_id.remove(&id) {
            self.leave(&router, |_| true);
        }
    }

    /// Puts `routers` in place of all; of two with one id the later stays. One writer alone.
    pub(super) fn replace(&self, routers: Vec<Router>) {
        let routers: Vec<_> = routers.into_iter().map(|router| Arc::new(canonical(router))).collect();
        let by_id: hashbrown::HashMap<_, _, HashKey> = {
            let mut map = hashbrown::HashMap::with_hasher(self.by_id.key());
            map.extend(routers.into_iter().map(|router| (router.id, router)));
            map
        };
        let mut by_address = hashbrown::HashMap::<IpAddr, Vec<_>, HashKey>::with_hasher(self.by_id.key());
        for router in by_id.values() {
            for &address in &router.addresses {
                by_address.entry(address).or_default().push(Arc::clone(router));
            }
        }
        self.by_id.replace(by_id);
        self.by_address.replace(by_address.into_iter().map(|(address, here)| (address, in_order(here))));
    }

    /// Takes `router` from those of its addresses that `leaves` picks.
    fn leave(&self, router: &Router, leaves: impl Fn(IpAddr) -> bool) {
        for &address in router.addresses.iter().filter(|address| leaves(**address)) {
            let Some(here) = self.by_address.find(&address) else { continue };
            let others: Vec<_> = here.iter().filter(|other| other.id != router.id).cloned().collect();
            if others.is_empty() {
                self.by_address.remove(&address);
            } else {
                self.by_address.insert(address, in_order(others));
            }
        }
    }
}

fn canonical(mut router: Router) -> Router {
    let mut addresses: Vec<_> = router.addresses.iter().map(IpAddr::to_canonical).collect();
    addresses.sort_unstable();
    addresses.dedup();
    router.addresses = addresses.into();
    router
}

fn in_order(mut routers: Vec<Arc<Router>>) -> RoutersAt {
    routers.sort_unstable_by_key(|router| router.id);
    routers.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::testing;

    fn ids_at(routers: &Routers, address: &str) -> Vec<RouterId> {
        let here = routers.at(address.parse().unwrap());
        here.iter().flat_map(|here| here.iter()).map(|router| router.id).collect()
    }

    #[test]
    fn several_routers_share_an_address_and_move() {
        let routers = Routers::new(HashKey::new([1; 16]));
        let one = testing::router(1, &["10.0.0.1", "::ffff:10.0.0.2", "10.0.0.2"]);
        let two = testing::router(2, &["10.0.0.2", "2001:db8::1"]);
        let (first, second) = (one.id, two.id);
        routers.insert(two);
        routers.insert(one);
        assert_eq!(ids_at(&routers, "10.0.0.1"), [first]);
        assert_eq!(ids_at(&routers, "10.0.0.2"), [first, second]);
        assert_eq!(ids_at(&routers, "::ffff:10.0.0.2"), [first, second]);
        assert_eq!(ids_at(&routers, "2001:db8::1"), [second]);
        assert_eq!(ids_at(&routers, "2001:db8::2"), []);

        let mut moved = testing::router(1, &["10.0.0.9"]);
        moved.name = "moved".into();
        routers.insert(moved);
        assert_eq!(ids_at(&routers, "10.0.0.1"), []);
        assert_eq!(ids_at(&routers, "10.0.0.2"), [second]);
        assert_eq!(&*routers.at("10.0.0.9".parse().unwrap()).unwrap()[0].name, "moved");
        assert_eq!(&*routers.find(first).unwrap().name, "moved");

        routers.remove(first);
        assert_eq!(ids_at(&routers, "10.0.0.9"), []);
        assert_eq!((routers.find(first), routers.len()), (None, 1));

        routers.replace(vec![testing::router(3, &["10.0.0.2"]), testing::router(1, &["10.0.0.2"])]);
        assert_eq!(ids_at(&routers, "10.0.0.2"), [first, testing::router(3, &[]).id]);
        assert_eq!(ids_at(&routers, "2001:db8::1"), []);
    }
}
