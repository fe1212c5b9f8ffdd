//! Limits, on both databases: with real concurrency, because that is what they are about.

use std::sync::Arc;

use base::{Scope, TenantAddonId, TenantId};
use foundation::{
    Db,
    db::Error,
    event::events_after,
    testing::{NOW, TestDb},
};

use super::made;
use crate::domain::tenant::{
    Grants, Limit, UpdateError,
    limit::{
        self, Drift, LimitOverride, LimitReached, TakeError, drifts, give_back, mend, take, take_available,
    },
    set_grants,
};

foundation::battery! {
    places_are_taken_and_given_back,
    the_last_place_is_taken_once,
    plan_add_ons_and_super_admin_make_the_limit,
    bulk_work_takes_what_is_there,
    a_counter_that_is_wrong_is_found_and_put_right,
}

async fn overrule(db: &Db, scope: &Scope, limit: Limit, to: LimitOverride) {
    let mut tx = db.begin().await.unwrap();
    limit::set(&mut tx, scope.act(), scope.tenant(), limit, to).await.unwrap();
    tx.commit().await.unwrap();
}

async fn used(db: &Db, scope: &Scope, limit: Limit) -> i64 {
    limit::state(&mut db.conn().await.unwrap(), scope, limit).await.unwrap().used
}

async fn places_are_taken_and_given_back(db: TestDb) {
    let (_, scope) = made(&db, "warga").await;
    overrule(&db, &scope, Limit::Odps, LimitOverride::Maximum(2)).await;
    let mut tx = db.begin().await.unwrap();
    take(&mut tx, &scope, Limit::Odps, 2).await.unwrap();
    let refused = take(&mut tx, &scope, Limit::Odps, 1).await;
    let Err(TakeError::Reached(reached)) = refused else { panic!("{refused:?}") };
    assert_eq!(reached, LimitReached { limit: Limit::Odps, used: 2, maximum: 2, is_overridden: true });
    // The transaction is still good.
    give_back(&mut tx, &scope, Limit::Odps, 1).await.unwrap();
    take(&mut tx, &scope, Limit::Odps, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(used(&db, &scope, Limit::Odps).await, 2);

    // What is rolled back was never taken.
    let mut tx = db.begin().await.unwrap();
    give_back(&mut tx, &scope, Limit::Odps, 2).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(used(&db, &scope, Limit::Odps).await, 2);

    // Below what is used: nothing new, and nothing is taken away.
    overrule(&db, &scope, Limit::Odps, LimitOverride::Maximum(1)).await;
    let mut tx = db.begin().await.unwrap();
    let refused = take(&mut tx, &scope, Limit::Odps, 1).await;
    assert!(matches!(refused, Err(TakeError::Reached(LimitReached { used: 2, maximum: 1, .. }))));
    give_back(&mut tx, &scope, Limit::Odps, 1).await.unwrap();
    assert!(take(&mut tx, &scope, Limit::Odps, 1).await.is_err(), "one of one is used");
    tx.commit().await.unwrap();
    // Another tenant has places of its own.
    let (_, other) = made(&db, "desa").await;
    let mut tx = db.begin().await.unwrap();
    take(&mut tx, &other, Limit::Odps, 1).await.unwrap();
    let nobody = db.platform().within(TenantId::generate(NOW));
    assert!(matches!(take(&mut tx, &nobody, Limit::Odps, 1).await, Err(TakeError::Database(_))));
    tx.rollback().await.unwrap();
}

async fn the_last_place_is_taken_once(db: TestDb) {
    let (_, scope) = made(&db, "warga").await;
    overrule(&db, &scope, Limit::Odps, LimitOverride::Maximum(5)).await;
    // As other nodes do: connections of their own, and all start together, before there is a counter.
    let db = Arc::new(db);
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (db, scope, start) = (Arc::clone(&db), scope.clone(), Arc::clone(&start));
        racers.spawn(async move {
            let node = db.open_again().await;
            start.wait().await;
            let mut tx = node.begin().await.unwrap();
            let outcome = take(&mut tx, &scope, Limit::Odps, 1).await;
            // The others are waiting while this one still thinks about it.
            tokio::task::yield_now().await;
            let taken = match outcome {
                Ok(()) => tx.commit().await.map(|()| true).unwrap(),
                Err(TakeError::Reached(_)) => tx.rollback().await.map(|()| false).unwrap(),
                Err(TakeError::Database(error)) => panic!("{error:?}"),
            };
            node.close().await;
            taken
        });
    }
    let won = racers.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!((won, used(&db, &scope, Limit::Odps).await), (5, 5));
}

async fn plan_add_ons_and_super_admin_make_the_limit(db: TestDb) {
    let (tenant, scope) = made(&db, "warga").await;
    let look = async || limit::state(&mut db.conn().await.unwrap(), &scope, Limit::Routers).await.unwrap();
    assert_eq!((look().await.base, look().await.maximum), (Some(10), Some(10)));
    let mut tx = db.begin().await.unwrap();
    for (source, amount) in [(TenantAddonId::generate(NOW), 2), (TenantAddonId::generate(NOW), 3)] {
        let grants = Grants { limits: vec![(Limit::Routers, amount)], ..Grants::default() };
        set_grants(&mut tx, &scope, source, &grants).await.unwrap();
        assert_eq!(crate::domain::tenant::grants(&mut tx, &scope, source).await.unwrap(), grants);
    }
    tx.commit().await.unwrap();
    assert_eq!((look().await.granted, look().await.maximum), (5, Some(15)));
    overrule(&db, &scope, Limit::Routers, LimitOverride::Unlimited).await;
    assert_eq!((look().await.overridden, look().await.maximum), (true, None));
    overrule(&db, &scope, Limit::Routers, LimitOverride::Maximum(1)).await;
    assert_eq!(look().await.maximum, Some(1));
    overrule(&db, &scope, Limit::Routers, LimitOverride::None).await;
    assert_eq!((look().await.overridden, look().await.maximum), (false, Some(15)));

    let mut tx = db.begin().await.unwrap();
    let platform = db.platform();
    let wrong = limit::set(&mut tx, &platform, tenant.id, Limit::Routers, LimitOverride::Maximum(-1)).await;
    assert!(matches!(wrong, Err(UpdateError::Invalid(_))));
    let nobody = TenantId::generate(NOW);
    let missing = limit::set(&mut tx, &platform, nobody, Limit::Routers, LimitOverride::Unlimited).await;
    assert!(matches!(missing, Err(UpdateError::NotFound)));
    tx.rollback().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let events = events_after(&mut conn, tenant.id, 1, 10).await.unwrap();
    let told: Vec<_> = events.iter().map(|event| event.body["maximum"].clone()).collect();
    assert_eq!(told, [serde_json::Value::Null, 1.into(), 15.into()]);
    assert!(limit::states(&mut conn, &scope).await.unwrap().len() == Limit::ALL.len());
    let missing = platform.within(nobody);
    assert!(matches!(limit::state(&mut conn, &missing, Limit::Routers).await, Err(Error::RowNotFound)));
}

async fn bulk_work_takes_what_is_there(db: TestDb) {
    let (_, scope) = made(&db, "warga").await;
    overrule(&db, &scope, Limit::Vouchers, LimitOverride::Maximum(100)).await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(take_available(&mut tx, &scope, Limit::Vouchers, 60).await.unwrap(), (60, None));
    let (taken, reached) = take_available(&mut tx, &scope, Limit::Vouchers, 60).await.unwrap();
    assert_eq!((taken, reached.unwrap().maximum), (40, 100));
    assert_eq!(take_available(&mut tx, &scope, Limit::Vouchers, 60).await.unwrap().0, 0);
    assert_eq!(take_available(&mut tx, &scope, Limit::Employees, 5).await.unwrap(), (5, None));
    tx.commit().await.unwrap();
    overrule(&db, &scope, Limit::Vouchers, LimitOverride::Unlimited).await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(take_available(&mut tx, &scope, Limit::Vouchers, 9).await.unwrap(), (9, None));
    tx.commit().await.unwrap();
    assert_eq!(used(&db, &scope, Limit::Vouchers).await, 109);
}

async fn a_counter_that_is_wrong_is_found_and_put_right(db: TestDb) {
    let (_, scope) = made(&db, "warga").await;
    let find = async || drifts(&mut db.snapshot().await.unwrap(), &scope).await.unwrap();
    assert_eq!(find().await, [], "nobody has asked yet");
    let mut tx = db.begin().await.unwrap();
    // Three places are taken, and nothing is there.
    take(&mut tx, &scope, Limit::Routers, 3).await.unwrap();
    tx.commit().await.unwrap();
    let found = find().await;
    let drift = Drift { limit: Limit::Routers, counted: 3, actual: 0 };
    assert_eq!(found, [drift]);
    let mut tx = db.begin().await.unwrap();
    assert!(mend(&mut tx, &scope, &drift).await.unwrap());
    assert!(!mend(&mut tx, &scope, &drift).await.unwrap(), "another node was here before");
    tx.commit().await.unwrap();
    assert_eq!((find().await, used(&db, &scope, Limit::Routers).await), (vec![], 0));
}
