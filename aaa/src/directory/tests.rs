//! The directory against a plain model, and under readers that never pause.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use base::{SubscriberId, TenantId, Timestamp};
use proptest::{collection::vec, prelude::*};

use super::{
    Change, Counts, Directory, DirectoryWriter, HashKey, Position,
    entry::Subscriber,
    testing::{self, octets},
};

fn create() -> (std::sync::Arc<Directory>, DirectoryWriter) {
    Directory::create(HashKey::new([3; 16]))
}

fn id(number: u32) -> SubscriberId {
    SubscriberId::from_bytes(octets(number))
}

fn tenant_id(number: u32) -> TenantId {
    TenantId::from_bytes(octets(number))
}

/// What a subscriber of few names, few tenants and few ids may go through.
#[derive(Clone, Debug)]
enum Step {
    Put { number: u32, tenant: u32, name: u8, generation: u32 },
    Gone { number: u32 },
    Reload,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let put = (0..40_u32, 0..3_u32, 0..30_u8, any::<u32>());
    let step = prop_oneof![
        20 => put.prop_map(|(number, tenant, name, generation)| Step::Put { number, tenant, name, generation }),
        6 => (0..40_u32).prop_map(|number| Step::Gone { number }),
        1 => Just(Step::Reload),
    ];
    vec(step, 0..200)
}

fn of_step(number: u32, tenant: u32, name: u8, generation: u32) -> Subscriber {
    let mut subscriber = testing::subscriber(number, &format!("user{name}"));
    subscriber.tenant = tenant_id(tenant);
    subscriber.overlay_generation = generation;
    subscriber
}

/// The directory's rules in their plainest form: one name for an id, one id for a name, the latest wins.
#[derive(Default)]
struct Model(BTreeMap<(TenantId, Box<[u8]>), Subscriber>);

impl Model {
    fn put(&mut self, subscriber: Subscriber) {
        self.gone(subscriber.id);
        self.0.insert((subscriber.tenant, subscriber.username.clone()), subscriber);
    }

    fn gone(&mut self, id: SubscriberId) {
        self.0.retain(|_, known| known.id != id);
    }

    fn assert_like(&self, directory: &Directory) {
        assert_eq!(directory.counts().subscribers, self.0.len());
        for tenant in 0..3 {
            for name in 0..30 {
                let name = format!("user{name}");
                let found = directory.subscriber(tenant_id(tenant), name.as_bytes());
                let expected = self.0.get(&(tenant_id(tenant), name.as_bytes().into()));
                assert_eq!(found.map(|found| found.view().unpack()).as_ref(), expected);
            }
        }
        for number in 0..40 {
            let found = directory.subscriber_by_id(id(number));
            let expected = self.0.values().find(|known| known.id == id(number));
            assert_eq!(found.map(|found| found.view().unpack()).as_ref(), expected);
        }
    }
}

proptest! {
    // Each case makes some thousands of shards.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn it_behaves_as_the_model_does(steps in steps()) {
        let (directory, mut writer) = create();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Put { number, tenant, name, generation } => {
                    let subscriber = of_step(number, tenant, name, generation);
                    model.put(subscriber.clone());
                    writer.apply(Change::Subscriber(subscriber)).unwrap();
                }
                Step::Gone { number } => {
                    model.gone(id(number));
                    writer.apply(Change::SubscriberGone(id(number))).unwrap();
                }
                Step::Reload => {
                    let mut loader = writer.loader(0);
                    model.0.values().for_each(|known| loader.subscriber(known).unwrap());
                    writer.replace(loader, Timestamp::EPOCH);
                }
            }
        }
        model.assert_like(&directory);
        // No slot is left behind for anyone who is gone.
        prop_assert_eq!(directory.ids.len(), directory.counts().subscribers);
    }

    #[test]
    fn a_bulk_load_keeps_the_later_of_what_repeats(
        loaded in vec((0..40_u32, 0..3_u32, 0..30_u8, any::<u32>()), 0..120),
    ) {
        let (directory, mut writer) = create();
        // What was there before is gone.
        writer.apply(Change::Subscriber(of_step(39, 2, 29, 0))).unwrap();
        let mut loader = writer.loader(loaded.len());
        let mut model = Model::default();
        // A later row of one id takes the place of the earlier, wherever a third may have had its name in between.
        let last_of_id: BTreeMap<u32, usize> = loaded.iter().enumerate().map(|(at, row)| (row.0, at)).collect();
        for (at, &(number, tenant, name, generation)) in loaded.iter().enumerate() {
            let subscriber = of_step(number, tenant, name, generation);
            loader.subscriber(&subscriber).unwrap();
            if last_of_id[&number] == at {
                model.put(subscriber);
            }
        }
        writer.replace(loader, Timestamp::EPOCH);
        model.assert_like(&directory);
        prop_assert_eq!(directory.ids.len(), directory.counts().subscribers);
    }
}

#[test]
fn the_same_name_of_two_tenants_never_mixes() {
    let (directory, mut writer) = create();
    for tenant in 1..=2 {
        let mut subscriber = testing::subscriber(tenant, "budi");
        subscriber.tenant = tenant_id(tenant);
        writer.apply(Change::Subscriber(subscriber)).unwrap();
    }
    for tenant in 1..=2 {
        let found = directory.subscriber(tenant_id(tenant), b"budi").unwrap();
        assert_eq!((found.view().id(), found.view().tenant()), (id(tenant), tenant_id(tenant)));
    }
    assert!(directory.subscriber(tenant_id(3), b"budi").is_none());
    assert!(directory.subscriber(tenant_id(1), b"Budi").is_none());
}

#[test]
fn it_is_ready_once_filled_and_knows_its_age() {
    let (directory, mut writer) = create();
    writer.apply(Change::Subscriber(testing::subscriber(1, "a"))).unwrap();
    assert_eq!((directory.ready(), directory.age(Timestamp::EPOCH)), (false, None));
    assert!(writer.freeze().is_none());
    writer.caught_up(Timestamp::from_millis(1_000));
    assert_eq!(directory.age(Timestamp::from_millis(61_000)), Some(Duration::from_secs(60)));
    // A reload from elsewhere may know less of late.
    writer.replace(writer.loader(0), Timestamp::from_millis(500));
    assert_eq!((directory.ready(), directory.as_of()), (true, Some(Timestamp::from_millis(500))));
    assert_eq!(directory.counts(), Counts::default());
}

#[test]
fn every_kind_of_entry_comes_and_goes() {
    let (directory, mut writer) = create();
    let (tenant, plan, router) =
        (testing::tenant(1), testing::plan(2), testing::router(3, &["::ffff:192.0.2.1"]));
    let address = "192.0.2.1".parse().unwrap();
    writer.apply(Change::Tenant(tenant.clone())).unwrap();
    writer.apply(Change::Plan(plan.clone())).unwrap();
    writer.apply(Change::Router(router.clone())).unwrap();
    assert_eq!(directory.tenant(tenant.id).as_deref(), Some(&tenant));
    assert_eq!(directory.plan(plan.id).as_deref(), Some(&plan));
    assert_eq!(directory.routers_at(address).map(|here| here[0].id), Some(router.id));
    assert_eq!(directory.counts(), Counts { tenants: 1, routers: 1, plans: 1, subscribers: 0 });
    writer.apply(Change::TenantGone(tenant.id)).unwrap();
    writer.apply(Change::PlanGone(plan.id)).unwrap();
    writer.apply(Change::RouterGone(router.id)).unwrap();
    assert_eq!(directory.counts(), Counts::default());
    assert!(directory.routers_at(address).is_none() && directory.router(router.id).is_none());
}

#[test]
fn a_position_never_goes_back() {
    let (_, mut writer) = create();
    for sequence in [5, 7, 6] {
        writer.advance(Position { tenant: tenant_id(1), sequence });
    }
    assert_eq!((writer.position(tenant_id(1)), writer.position(tenant_id(2))), (7, 0));
}

#[test]
fn what_cannot_be_packed_leaves_what_was_known() {
    let (directory, mut writer) = create();
    writer.apply(Change::Subscriber(testing::subscriber(1, "a"))).unwrap();
    let mut unnamed = testing::subscriber(1, "a");
    unnamed.username = [].into();
    writer.apply(Change::Subscriber(unnamed)).unwrap_err();
    assert!(directory.subscriber(tenant_id(1), b"a").is_some());
}

/// Readers look up subscribers that are changed, renamed to and fro, and reloaded in bulk: each is always there, under
/// one of its names, under its id, and in a state that the writer made.
#[test]
fn readers_never_miss_an_entry_while_it_is_written() {
    const SUBSCRIBERS: u32 = 300;
    const ROUNDS: u32 = 40;
    let named = |number: u32, round: u32| {
        let name =
            if number.is_multiple_of(3) { format!("{number}-{}", round % 2) } else { number.to_string() };
        let mut subscriber = testing::subscriber(number, &name);
        subscriber.overlay_generation = round;
        subscriber
    };
    let (directory, mut writer) = create();
    for number in 0..SUBSCRIBERS {
        writer.apply(Change::Subscriber(named(number, 0))).unwrap();
    }
    let (done, looked) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let readers = [0, 1].map(|reader| {
            let (directory, done, looked) = (&directory, &done, &looked);
            scope.spawn(move || {
                let mut seen = vec![0; SUBSCRIBERS as usize];
                while !done.load(Ordering::Acquire) {
                    for number in (0..SUBSCRIBERS).filter(|number| number % 2 == reader || number % 3 == 1) {
                        let by_id = directory.subscriber_by_id(id(number)).expect("found by id");
                        let by_name = directory.subscriber(tenant_id(1), by_id.view().username());
                        // Between the two it may have been renamed; one that keeps its name is there.
                        assert!(by_name.is_some() || number.is_multiple_of(3), "{number}");
                        let generation = by_id.view().overlay_generation();
                        assert!(seen[number as usize] <= generation, "{number} went back");
                        seen[number as usize] = generation;
                        looked.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        });
        for round in 1..=ROUNDS {
            for number in 0..SUBSCRIBERS {
                writer.apply(Change::Subscriber(named(number, round))).unwrap();
            }
            // The same again in bulk.
            let mut loader = writer.loader(0);
            (0..SUBSCRIBERS).for_each(|number| loader.subscriber(&named(number, round)).unwrap());
            writer.replace(loader, Timestamp::EPOCH);
            // Each round is met by looks.
            let before = looked.load(Ordering::Relaxed);
            while looked.load(Ordering::Relaxed) == before {
                if readers.iter().any(thread::ScopedJoinHandle::is_finished) {
                    // It failed: the scope says so once the other one has ended, too.
                    done.store(true, Ordering::Release);
                    return;
                }
                thread::yield_now();
            }
        }
        done.store(true, Ordering::Release);
    });
}

/// A shard whose subscribers left does not stay large.
#[test]
fn memory_returns_after_a_mass_removal() {
    let (directory, mut writer) = create();
    let mut loader = writer.loader(0);
    for number in 0..20_000 {
        loader.subscriber(&testing::subscriber(number, &number.to_string())).unwrap();
    }
    writer.replace(loader, Timestamp::EPOCH);
    let full = directory.subscribers.capacity();
    (0..19_990).for_each(|number| writer.apply(Change::SubscriberGone(id(number))).unwrap());
    assert_eq!(directory.counts().subscribers, 10);
    assert!(directory.subscribers.capacity() * 20 < full, "{} of {full}", directory.subscribers.capacity());
    assert!(directory.subscriber(tenant_id(1), b"19995").is_some());
}
