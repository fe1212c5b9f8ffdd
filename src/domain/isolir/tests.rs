//! Overlays, intents, orders and quotas, on both databases.

use std::time::Duration;

use aaa::directory::entry;
use base::{Minor, PlanId, Platform, RouterId, SessionId, TenantId, seal::Sealer};
use foundation::testing::{NOW, TestDb};
use radius::dictionary::{Dictionary, builtin};

use super::{store::Attempt, *};
use crate::domain::{
    plan::{self, PlanSpec, Quota, QuotaPeriod, Service},
    subscriber::{CustomerChoice, CustomerSpec, Login, NewSubscriber, OverlayReasons, SubscriberSpec},
    tenant::{self, TenantSpec},
};

foundation::battery! {
    reasons_come_and_go_and_the_turns_are_counted,
    an_intent_is_taken_attempted_and_replaced,
    orders_are_put_up_once_and_removed_when_done,
    a_quota_isolates_and_the_next_period_lifts,
    a_larger_quota_or_another_plan_lifts,
    the_patrol_finds_everybody,
}

const GIGA: i64 = 1_000_000_000;

struct Rig {
    db: TestDb,
    scope: Scope,
    dictionary: Dictionary,
    sealer: Sealer,
    plan: PlanId,
}

impl Rig {
    async fn new(db: TestDb) -> Self {
        let scope = a_tenant(&db, "warga").await;
        let dictionary = builtin::dictionary().unwrap();
        let sealer = Sealer::new([(1, [7; 32])]).unwrap();
        let rig = Self { plan: PlanId::generate(NOW), db, scope, dictionary, sealer };
        Self { plan: rig.plan("metered", Some(GIGA)).await, ..rig }
    }

    async fn tx(&self) -> Tx {
        self.db.begin().await.unwrap()
    }

    /// The tenant's scope at another time.
    fn at(&self, after: Duration) -> Scope {
        Platform::system("test", NOW.saturating_add(after)).within(self.scope.tenant())
    }

    fn spec(name: &str, octets: Option<i64>) -> PlanSpec {
        let quota = octets.map(|octets| Quota { octets, period: QuotaPeriod::Day });
        PlanSpec {
            service: Service { quota, ..Service::default() },
            ..PlanSpec::monthly(name, Minor::new(1))
        }
    }

    async fn plan(&self, name: &str, octets: Option<i64>) -> PlanId {
        let mut tx = self.tx().await;
        let made =
            plan::create(&mut tx, &self.scope, &self.dictionary, Self::spec(name, octets)).await.unwrap();
        tx.commit().await.unwrap();
        made.id
    }

    async fn subscriber(&self, name: &str, plan: PlanId) -> SubscriberId {
        let new = NewSubscriber {
            spec: SubscriberSpec::new(name, plan),
            login: Login::Password(None),
            customer: CustomerChoice::New {
                spec: CustomerSpec { name: name.to_owned(), ..CustomerSpec::default() },
                identity_number: None,
            },
        };
        let mut tx = self.tx().await;
        let made =
            subscriber::create(&mut tx, &self.scope, &self.sealer, &self.dictionary, new).await.unwrap();
        tx.commit().await.unwrap();
        made.subscriber.id
    }

    /// Traffic in the hour of [`NOW`].
    async fn used(&self, subscriber: SubscriberId, upload: i64, download: i64) {
        let mut tx = self.tx().await;
        tx.query(
            "INSERT INTO usage_hour (tenant_id, subscriber_id, hour, upload_octets, download_octets) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(self.scope.tenant())
        .bind(subscriber)
        .bind(NOW.as_seconds().div_euclid(3_600))
        .bind(upload)
        .bind(download)
        .execute_one()
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    async fn judge(&self, scope: &Scope, subscriber: SubscriberId) -> Judged {
        let mut tx = self.tx().await;
        let judged = judge_quota(&mut tx, scope, subscriber).await.unwrap();
        tx.commit().await.unwrap();
        judged
    }

    async fn isolate(&self, subscriber: SubscriberId, reason: OverlayReason) -> State {
        let mut tx = self.tx().await;
        let state = isolate(&mut tx, &self.scope, subscriber, reason, "a note").await.unwrap();
        tx.commit().await.unwrap();
        state
    }

    async fn lift(&self, subscriber: SubscriberId, reason: OverlayReason) -> State {
        let mut tx = self.tx().await;
        let state = lift(&mut tx, &self.scope, subscriber, reason).await.unwrap();
        tx.commit().await.unwrap();
        state
    }

    async fn reasons(&self, subscriber: SubscriberId) -> OverlayReasons {
        let mut conn = self.db.conn().await.unwrap();
        subscriber::load(&mut conn, &self.scope, subscriber).await.unwrap().overlay
    }
}

async fn a_tenant(db: &TestDb, slug: &str) -> Scope {
    let mut tx = db.begin().await.unwrap();
    let made = tenant::create(&mut tx, &db.platform(), TenantSpec::new(slug, slug)).await.unwrap();
    tx.commit().await.unwrap();
    db.platform().within(made.id)
}

fn reasons_of(state: &State) -> Vec<OverlayReason> {
    state.reasons.iter().map(|overlay| overlay.reason).collect()
}

async fn reasons_come_and_go_and_the_turns_are_counted(db: TestDb) {
    use OverlayReason::{Abuse, Manual, Unpaid};
    let rig = Rig::new(db).await;
    let budi = rig.subscriber("budi", rig.plan).await;
    let state = rig.isolate(budi, Unpaid).await;
    let first = state.intent.clone().unwrap();
    assert_eq!((first.generation, first.isolated, first.state), (1, true, IntentState::Pending));
    assert_eq!((state.reasons[0].since, state.reasons[0].note.as_str()), (NOW, "a note"));
    assert_eq!(rig.isolate(budi, Unpaid).await, state, "what holds already stays as it is");
    let both = rig.isolate(budi, Abuse).await;
    assert_eq!(reasons_of(&both), [Abuse, Unpaid], "by precedence");
    assert_eq!(both.intent, Some(first.clone()), "isolated is isolated, whatever the reasons");
    assert_eq!(rig.lift(budi, Manual).await, both, "lifting what does not hold changes nothing");
    let left = rig.lift(budi, Unpaid).await;
    assert_eq!((reasons_of(&left), left.intent), (vec![Abuse], Some(first)), "a payment lifts unpaid alone");
    let free = rig.lift(budi, Abuse).await;
    let intent = free.intent.unwrap();
    assert_eq!((free.reasons.len(), intent.generation, intent.isolated), (0, 2, false));
    let mut conn = rig.db.conn().await.unwrap();
    assert_eq!(subscriber::load(&mut conn, &rig.scope, budi).await.unwrap().overlay_generation, 2);
    assert_eq!(counts(&mut conn).await.unwrap(), [(IntentState::Pending, 1, NOW)]);
    let entry = subscriber::directory_entry(&mut conn, &rig.scope, &rig.sealer, budi).await.unwrap().unwrap();
    assert_eq!((entry.overlay, entry.overlay_generation), (entry::OverlayReasons::default(), 2));
    drop(conn);

    let stranger = a_tenant(&rig.db, "desa").await;
    let mut tx = rig.tx().await;
    for (scope, nobody) in [(&stranger, budi), (&rig.scope, SubscriberId::generate(NOW))] {
        let refused = isolate(&mut tx, scope, nobody, Unpaid, "").await;
        assert!(matches!(refused, Err(OverlayError::NotFound)));
        assert!(matches!(lift(&mut tx, scope, nobody, Unpaid).await, Err(OverlayError::NotFound)));
        assert_eq!(state_of(&mut tx, scope, nobody).await, (0, None));
    }
    let long = "x".repeat(MAX_NOTE + 1);
    let refused = isolate(&mut tx, &rig.scope, budi, Unpaid, &long).await;
    assert!(matches!(refused, Err(OverlayError::NoteTooLong)));
}

async fn state_of(tx: &mut Tx, scope: &Scope, subscriber: SubscriberId) -> (usize, Option<i64>) {
    let state = state(tx, scope, subscriber).await.unwrap();
    (state.reasons.len(), state.intent.map(|intent| intent.generation))
}

async fn an_intent_is_taken_attempted_and_replaced(db: TestDb) {
    let rig = Rig::new(db).await;
    let (budi, sari) = (rig.subscriber("budi", rig.plan).await, rig.subscriber("sari", rig.plan).await);
    rig.isolate(budi, OverlayReason::Unpaid).await;
    rig.isolate(sari, OverlayReason::Unpaid).await;
    rig.lift(sari, OverlayReason::Unpaid).await;
    let later = NOW.saturating_add(Duration::from_secs(60));
    let mut tx = rig.tx().await;
    assert_eq!(store::next_due(&mut tx).await.unwrap(), Some(NOW));
    let due = store::due(&mut tx, NOW, 10).await.unwrap();
    let who: Vec<_> = due.iter().map(|intent| intent.subscriber_id).collect();
    assert_eq!(who, [sari, budi], "lifts go first");
    assert_eq!(store::due(&mut tx, NOW, 1).await.unwrap(), due[..1]);
    let before = NOW.saturating_sub(Duration::from_secs(1));
    assert_eq!(store::due(&mut tx, before, 10).await.unwrap(), []);
    let attempt = Attempt {
        state: IntentState::Unreachable,
        attempts: 1,
        at: NOW,
        next_attempt_at: Some(later),
        way: Some("coa"),
        outcome: "no answer",
        observed_generation: None,
    };
    assert!(store::attempted(&mut tx, &due[1], &attempt).await.unwrap());
    let start = (TenantId::PLATFORM, SubscriberId::from_uuid(TenantId::PLATFORM.as_uuid()));
    let waiting = store::waiting(&mut tx, &[IntentState::Unreachable], start, 10).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(
        (waiting[0].attempts, waiting[0].attempted_at, waiting[0].next_attempt_at),
        (1, Some(NOW), Some(later))
    );
    assert_eq!((waiting[0].way.as_deref(), waiting[0].outcome.as_deref()), (Some("coa"), Some("no answer")));
    let behind = (waiting[0].tenant_id, waiting[0].subscriber_id);
    assert_eq!(store::waiting(&mut tx, &[IntentState::Unreachable], behind, 10).await.unwrap(), []);
    store::make_due(&mut tx, &waiting[0], NOW).await.unwrap();
    assert_eq!(store::due(&mut tx, NOW, 10).await.unwrap().len(), 2);
    let seen = Attempt {
        state: IntentState::Verified,
        attempts: 0,
        next_attempt_at: None,
        way: None,
        outcome: "seen",
        observed_generation: Some(1),
        ..attempt
    };
    assert!(store::attempted(&mut tx, &waiting[0], &seen).await.unwrap());
    tx.commit().await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    let intent = state(&mut conn, &rig.scope, budi).await.unwrap().intent.unwrap();
    assert_eq!((intent.verified_at, intent.observed_generation), (Some(NOW), Some(1)));
    assert_eq!((intent.attempts, intent.way.as_deref()), (1, Some("coa")), "what was sent stays known");
    drop(conn);

    rig.lift(budi, OverlayReason::Unpaid).await;
    let mut tx = rig.tx().await;
    assert!(!store::attempted(&mut tx, &intent, &seen).await.unwrap(), "something newer is wanted by now");
    store::make_due(&mut tx, &intent, later).await.unwrap();
    let wanted = state(&mut tx, &rig.scope, budi).await.unwrap().intent.unwrap();
    assert_eq!((wanted.state, wanted.attempts, wanted.verified_at), (IntentState::Pending, 0, None));
    assert_eq!((wanted.next_attempt_at, wanted.observed_generation), (Some(NOW), Some(1)));
}

async fn orders_are_put_up_once_and_removed_when_done(db: TestDb) {
    let rig = Rig::new(db).await;
    let (session, router) = (SessionId::generate(NOW), RouterId::generate(NOW));
    let later = NOW.saturating_add(Duration::from_secs(60));
    let mut tx = rig.tx().await;
    for _ in 0..2 {
        disconnect(&mut tx, &rig.scope, session, router).await.unwrap();
    }
    let orders = store::due_orders(&mut tx, NOW, 10).await.unwrap();
    assert_eq!(orders.len(), 1);
    assert_eq!((orders[0].session_id, orders[0].router_id, orders[0].attempts), (session, router, 0));
    store::order_attempted(&mut tx, &orders[0], "unreachable", Some(later), "no answer").await.unwrap();
    assert_eq!(store::due_orders(&mut tx, NOW, 10).await.unwrap(), []);
    assert_eq!(store::next_due(&mut tx).await.unwrap(), Some(later));
    let again = store::due_orders(&mut tx, later, 10).await.unwrap();
    assert_eq!(again[0].attempts, 1);
    assert_eq!(store::remove_done_orders(&mut tx, later).await.unwrap(), 0);
    store::postpone_order(&mut tx, &again[0], NOW).await.unwrap();
    assert_eq!(store::due_orders(&mut tx, NOW, 10).await.unwrap(), again, "nothing was sent");
    store::order_attempted(&mut tx, &again[0], "done", None, "Disconnect-ACK").await.unwrap();
    assert_eq!(store::remove_done_orders(&mut tx, NOW).await.unwrap(), 0, "it is shown for a while");
    assert_eq!(store::remove_done_orders(&mut tx, later).await.unwrap(), 1);
    assert_eq!(store::next_due(&mut tx).await.unwrap(), None);
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn a_quota_isolates_and_the_next_period_lifts(db: TestDb) {
    let rig = Rig::new(db).await;
    let budi = rig.subscriber("budi", rig.plan).await;
    rig.used(budi, 400_000_000, 599_999_999).await;
    assert_eq!(rig.judge(&rig.scope, budi).await, Judged::Unchanged, "one octet is left");
    let other = rig.subscriber("sari", rig.plan).await;
    rig.used(other, GIGA, 0).await;
    assert_eq!(rig.judge(&rig.scope, budi).await, Judged::Unchanged, "others use their own");
    let mut tx = rig.tx().await;
    tx.query("UPDATE usage_hour SET upload_octets = upload_octets + 1 WHERE subscriber_id = $1")
        .bind(budi)
        .execute_one()
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rig.judge(&rig.scope, budi).await, Judged::Isolated);
    assert_eq!(rig.judge(&rig.scope, budi).await, Judged::Unchanged, "once is enough");
    rig.isolate(budi, OverlayReason::Unpaid).await;
    assert_eq!(rig.judge(&rig.at(DAY), budi).await, Judged::Lifted);
    assert_eq!(rig.judge(&rig.at(DAY), budi).await, Judged::Unchanged);
    assert_eq!(rig.reasons(budi).await, OverlayReasons::of([OverlayReason::Unpaid]), "and nothing else");
    let nobody = SubscriberId::generate(NOW);
    assert_eq!(rig.judge(&rig.scope, nobody).await, Judged::Unchanged);
}

async fn a_larger_quota_or_another_plan_lifts(db: TestDb) {
    let rig = Rig::new(db).await;
    let (budi, sari) = (rig.subscriber("budi", rig.plan).await, rig.subscriber("sari", rig.plan).await);
    for subscriber in [budi, sari] {
        rig.used(subscriber, GIGA, GIGA).await;
        assert_eq!(rig.judge(&rig.scope, subscriber).await, Judged::Isolated);
    }
    let free = rig.plan("unmetered", None).await;
    let mut tx = rig.tx().await;
    subscriber::change_plan(&mut tx, &rig.scope, sari, None, free).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rig.judge(&rig.scope, sari).await, Judged::Lifted);
    assert_eq!(rig.judge(&rig.scope, budi).await, Judged::Unchanged);
    let mut tx = rig.tx().await;
    let before = plan::load(&mut tx, &rig.scope, rig.plan).await.unwrap();
    let spec = Rig::spec("metered", Some(3 * GIGA));
    plan::update(&mut tx, &rig.scope, &rig.dictionary, rig.plan, Some(before.version), spec).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rig.judge(&rig.scope, budi).await, Judged::Lifted);
}

async fn the_patrol_finds_everybody(db: TestDb) {
    let rig = Rig::new(db).await;
    let empty = rig.plan("empty", Some(GIGA)).await;
    let unmetered = rig.plan("unmetered", None).await;
    let mut over = Vec::new();
    for number in 0..5 {
        let subscriber = rig.subscriber(&format!("over{number}"), rig.plan).await;
        rig.used(subscriber, GIGA, 1).await;
        over.push(subscriber);
    }
    let below = rig.subscriber("below", rig.plan).await;
    rig.used(below, 1, 1).await;
    let free = rig.subscriber("free", unmetered).await;
    rig.used(free, GIGA, GIGA).await;
    let (clock, hand) = base::Clock::mock(NOW);
    let mut patrol = QuotaPatrol::default();
    assert_eq!(patrol.step(&rig.db, &clock).await.unwrap(), 5);
    for subscriber in &over {
        assert_eq!(rig.reasons(*subscriber).await, OverlayReasons::of([OverlayReason::Quota]));
    }
    for subscriber in [below, free] {
        assert!(!rig.reasons(subscriber).await.isolated());
    }
    assert_eq!(patrol.step(&rig.db, &clock).await.unwrap(), 0);

    let mut conn = rig.db.conn().await.unwrap();
    let mut pages = Vec::new();
    let mut after = None;
    while let [only] = quota::testing::held(&mut conn, after).await[..] {
        pages.push(only.1);
        after = Some(only);
    }
    over.sort();
    assert_eq!(pages, over, "page by page");
    let platform = rig.db.platform();
    let mut metered: Vec<_> =
        plan::metered(&mut conn, &platform).await.unwrap().into_iter().map(|plan| plan.id).collect();
    metered.sort();
    let mut expected = [rig.plan, empty];
    expected.sort();
    assert_eq!(metered, expected);
    drop(conn);

    hand.advance(DAY);
    assert_eq!(patrol.step(&rig.db, &clock).await.unwrap(), 5, "the next day they are free");
    for subscriber in over {
        assert!(!rig.reasons(subscriber).await.isolated());
    }
}
