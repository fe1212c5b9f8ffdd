//! What a worker knows by heart of the directory: the routers that ask it and the plans that it grants.
//!
//! Every packet needs its router, the router's tenant and a plan. Out of the directory's maps that is a dozen keyed hashes and
//! as many shared counters that all workers would write; a copy of the worker's own costs neither. It is thrown away as a
//! whole with the first change of any tenant, router or plan, so that a change still holds for the very next packet.
//! Addresses without a router are not kept: a flood from elsewhere pushes nobody out.

use std::{fmt, net::IpAddr, sync::Arc};

use base::PlanId;

use crate::{
    directory::{
        Directory,
        entry::{Plan, Router, Tenant},
    },
    live::{Live, RouterState},
};

/// Addresses that are kept: those of a large provider's routers, 160 KiB once all are used. A power of two.
const ADDRESSES: usize = 4_096;

/// Plans that are kept, 8 KiB. A power of two.
const PLANS: usize = 1_024;

/// Who sends a packet.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) router: Arc<Router>,
    pub(super) state: Arc<RouterState>,
    /// `None` while the directory does not know the router's tenant.
    pub(super) tenant: Option<Arc<Tenant>>,
}

/// The copies of one worker.
pub(super) struct Memo {
    /// Of the directory and of the routers' states, as the copies were made.
    generations: (u64, u64),
    addresses: Box<[Option<Address>]>,
    plans: Box<[Option<Arc<Plan>>]>,
}

/// The routers at one address.
#[derive(Clone)]
struct Address {
    address: IpAddr,
    senders: Arc<[Arc<Sender>]>,
}

impl Memo {
    pub(super) fn new() -> Self {
        Self { generations: (0, 0), addresses: vec![None; ADDRESSES].into(), plans: vec![None; PLANS].into() }
    }

    /// The routers whose packets come from `address`, as the directory has them now.
    pub(super) fn senders(
        &mut self,
        directory: &Directory,
        live: &Live,
        address: IpAddr,
    ) -> Option<&[Arc<Sender>]> {
        let generations = (directory.generation(), live.routers_generation());
        if self.generations != generations {
            self.addresses.fill(None);
            self.plans.fill(None);
            self.generations = generations;
        }
        let place = &mut self.addresses[place_of_address(address)];
        if place.as_ref().is_none_or(|known| known.address != address) {
            let routers = directory.routers_at(address)?;
            let senders = routers.iter().map(|router| {
                Arc::new(Sender {
                    router: Arc::clone(router),
                    state: live.router(router.id, router.tenant),
                    tenant: directory.tenant(router.tenant),
                })
            });
            *place = Some(Address { address, senders: senders.collect() });
        }
        place.as_ref().map(|known| &*known.senders)
    }

    /// Takes a plan out: moved instead of counted. It is to be [given back](Self::give_back).
    pub(super) fn take_plan(&mut self, directory: &Directory, id: PlanId) -> Option<Arc<Plan>> {
        let place = &mut self.plans[place_of_plan(id)];
        if place.as_ref().is_some_and(|plan| plan.id == id) { place.take() } else { directory.plan(id) }
    }

    /// Keeps a plan for the next packet.
    pub(super) fn give_back(&mut self, plan: Arc<Plan>) {
        let place = place_of_plan(plan.id);
        self.plans[place] = Some(plan);
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("generations", &self.generations).finish_non_exhaustive()
    }
}

fn place_of_address(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(address) => place(address.to_bits().into(), ADDRESSES),
        IpAddr::V6(address) => {
            let octets = address.to_bits();
            place(fold(octets), ADDRESSES)
        }
    }
}

fn place_of_plan(id: PlanId) -> usize {
    place(fold(u128::from_le_bytes(*id.as_bytes())), PLANS)
}

fn fold(octets: u128) -> u64 {
    let [low, high] =
        [octets & u128::from(u64::MAX), octets >> 64].map(|half| u64::try_from(half).unwrap_or(0));
    low ^ high.rotate_left(29)
}

/// A place among so many, a power of two. Routers and plans are the operator's: nobody else chooses what falls together.
fn place(key: u64, places: usize) -> usize {
    let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(spread).unwrap_or(0) & (places - 1)
}
