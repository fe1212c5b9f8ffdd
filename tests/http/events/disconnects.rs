//! Who is suspended is disconnected: a reaction from the request to its effect.

use std::{sync::Arc, time::Duration};

use aaa::live::Live;
use base::{TenantId, page::PageRequest};
use foundation::{
    audit::{self, Filter},
    event::{Dispatcher, Settings, Subscribers},
    testing::TestDb,
};
use rrnetd::domain::isolir::DisconnectBarred;

use crate::{
    harness::Rig,
    network::{Accounting, Network},
};

foundation::battery! {
    who_is_suspended_is_disconnected,
    a_fault_between_a_suspension_and_its_disconnect_loses_and_repeats_nothing,
}

/// Sessions that are ordered to be ended.
async fn orders(rig: &Rig, tenant: TenantId) -> i64 {
    let mut conn = rig.db.conn().await.unwrap();
    let (orders,): (i64,) = conn
        .query("SELECT COUNT(*) FROM disconnect_order WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one()
        .await
        .unwrap();
    orders
}

async fn who_is_suspended_is_disconnected(db: TestDb) {
    let mut net = Network::new(db).await;
    let (budi, siti) = (net.subscriber("budi", "rahasia").await, net.subscriber("siti", "rahasia").await);
    net.feed().await;
    for (username, session_id, address) in
        [("budi", "8100000a", "10.1.0.7"), ("siti", "8100000b", "10.1.0.8")]
    {
        let (_, class) = net.dial(username, "rahasia");
        let start = Accounting { status: 1, session_id, username, address, seconds: 0, download: 0 };
        net.account(&start, class.as_deref());
    }
    let post = async |path: &str, act: &str| {
        let path = format!("{path}/{act}");
        net.rig.post(&path).token(&net.tenant.owner).send().await.expect(200);
    };
    let dispatcher = |live: &Arc<Live>| {
        let (live, clock) = (Arc::clone(live), net.rig.clock.clone());
        let subscribers = Subscribers::new().with(DisconnectBarred { live, clock: clock.clone() });
        Dispatcher::new((*net.rig.db).clone(), clock, subscribers, Settings::of(&net.rig.db))
    };
    dispatcher(&net.rig.live).register().await.unwrap();
    // Resumed before anybody looked: an old event ends nobody's session.
    post(&budi, "suspend").await;
    post(&budi, "resume").await;
    dispatcher(&net.rig.live).settle().await.unwrap();
    assert_eq!(orders(&net.rig, net.tenant.id).await, 0);
    // This node has it online; the database has not heard of it yet.
    post(&budi, "suspend").await;
    dispatcher(&net.rig.live).settle().await.unwrap();
    assert_eq!(orders(&net.rig, net.tenant.id).await, 1);
    // Another node had it, and told the database.
    net.drain().await;
    post(&siti, "end").await;
    dispatcher(&Arc::new(Live::new([9; 16]))).settle().await.unwrap();
    assert_eq!(orders(&net.rig, net.tenant.id).await, 2);
    let trail = net.rig.get("/api/v1/audit?act=session.disconnect").token(&net.tenant.owner).send().await;
    let trail = trail.expect(200);
    assert_eq!(trail["rows"].as_array().unwrap().len(), 2);
    assert_eq!(trail["rows"][0]["actor"], "system:isolir.disconnect_barred");
}

/// From the request to the reaction, with a fault at the first point, the second, and so on, until there are no more.
async fn a_fault_between_a_suspension_and_its_disconnect_loses_and_repeats_nothing(db: TestDb) {
    let mut net = Network::new(db).await;
    let path = net.subscriber("budi", "rahasia").await;
    net.feed().await;
    let (_, class) = net.dial("budi", "rahasia");
    let (session_id, address) = ("8100000a", "10.1.0.7");
    let start = Accounting { status: 1, session_id, username: "budi", address, seconds: 0, download: 0 };
    net.account(&start, class.as_deref());
    let rig = &net.rig;
    let post = async |act: &str| rig.post(&format!("{path}/{act}")).token(&net.tenant.owner).send().await;
    let subscriber = async || rig.get(&path).token(&net.tenant.owner).send().await.expect(200);
    let disconnects = async || {
        let page = PageRequest::new(Some(500), None);
        let filter = Filter { act: Some("session.disconnect".into()), ..Filter::default() };
        let mut conn = rig.db.conn().await.unwrap();
        audit::list(&mut conn, &net.tenant.scope, &filter, &page).await.unwrap().rows.len()
    };
    // One that has forgotten everything, as after a restart.
    let dispatcher = || {
        let subscribers = Subscribers::new()
            .with(DisconnectBarred { live: Arc::clone(&rig.live), clock: rig.clock.clone() });
        let settings = Settings::of(&rig.db);
        Dispatcher::new((*rig.db).clone(), rig.clock.clone(), subscribers, settings)
    };
    // A transaction that a fault broke off is undone a moment later, and leaves its row to nobody until then.
    let settle = async || {
        loop {
            dispatcher().settle().await.unwrap();
            if dispatcher().backlog().await.unwrap().iter().all(|backlog| backlog.events == 0) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    let mut suspended = 0;
    for point in 1.. {
        let before = disconnects().await;
        rig.db.faults().arm(point);
        // Whatever it answers: the one who asked for it may have to ask again.
        post("suspend").await;
        let _ = dispatcher().settle().await;
        let is_last = rig.db.faults().disarm();
        // As long as the first wait, and short enough for the session to be online all the time.
        rig.hand.advance(Duration::from_secs(2));
        settle().await;
        let is_suspended = subscriber().await["status"] == "suspended";
        assert_eq!(disconnects().await - before, usize::from(is_suspended), "point {point}");
        suspended += usize::from(is_suspended);
        post("resume").await.expect(200);
        settle().await;
        if is_last {
            assert!(point > 30 && suspended > 15, "{suspended} of {point}");
            return;
        }
    }
}
