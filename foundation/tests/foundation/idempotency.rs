//! The same request twice: one act, and the same answer.

use std::time::Duration;

use foundation::{
    db::Error,
    idempotency::{self, Answer, Claim, Fingerprint, Key},
    testing::{NOW, TestDb},
};

foundation::battery! {
    the_second_request_gets_the_first_answer,
    two_at_once_act_once,
    old_keys_are_swept,
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn answer() -> Answer {
    Answer { status: 201, body: "{\"routerId\":1}".into() }
}

async fn the_second_request_gets_the_first_answer(db: TestDb) {
    let scope = db.scope();
    let request = Fingerprint::of(&[b"POST", b"/api/v1/routers", b"{}"]);
    // A failed act takes its claim with it.
    for committed in [false, true] {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(idempotency::claim(&mut tx, &scope, &key("k"), &request).await.unwrap(), Claim::Fresh);
        idempotency::keep(&mut tx, &scope, &key("k"), &answer()).await.unwrap();
        if committed { tx.commit().await.unwrap() } else { drop(tx) }
    }
    let mut tx = db.begin().await.unwrap();
    let again = idempotency::claim(&mut tx, &scope, &key("k"), &request).await.unwrap();
    assert_eq!(again, Claim::Done(answer()));
    let twice = idempotency::keep(&mut tx, &scope, &key("k"), &answer()).await;
    assert!(matches!(twice, Err(Error::RowCount { actual: 0, .. })), "{twice:?}");
    let other = Fingerprint::of(&[b"POST", b"/api/v1/plans", b"{}"]);
    assert_eq!(idempotency::claim(&mut tx, &scope, &key("k"), &other).await.unwrap(), Claim::Taken);
    // Another tenant's keys are its own.
    assert_eq!(idempotency::claim(&mut tx, &db.scope(), &key("k"), &request).await.unwrap(), Claim::Fresh);
}

async fn two_at_once_act_once(db: TestDb) {
    let scope = db.scope();
    let request = Fingerprint::of(&[b"pay"]);
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (db, scope) = ((*db).clone(), scope.clone());
        requests.spawn(async move {
            let mut tx = db.begin().await.unwrap();
            let claim = idempotency::claim(&mut tx, &scope, &key("pay-1"), &request).await.unwrap();
            if claim == Claim::Fresh {
                idempotency::keep(&mut tx, &scope, &key("pay-1"), &answer()).await.unwrap();
            }
            tx.commit().await.unwrap();
            claim
        });
    }
    let mut claims = requests.join_all().await;
    claims.sort_by_key(|claim| *claim != Claim::Fresh);
    let done = || Claim::Done(answer());
    assert_eq!(claims, [Claim::Fresh, done(), done(), done()]);
}

async fn old_keys_are_swept(db: TestDb) {
    let scope = db.scope();
    let request = Fingerprint::of(&[b"pay"]);
    for part in 0..2 {
        let mut tx = db.begin().await.unwrap();
        for number in 0..500 {
            let key = key(&format!("k{part}-{number}"));
            idempotency::claim(&mut tx, &scope, &key, &request).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let later = NOW.saturating_add(Duration::from_millis(1));
    for (until, swept) in [(NOW, 0), (later, 900), (later, 100), (later, 0)] {
        let mut tx = db.begin_bulk().await.unwrap();
        assert_eq!(idempotency::sweep(&mut tx, until).await.unwrap(), swept);
        tx.commit().await.unwrap();
    }
}
