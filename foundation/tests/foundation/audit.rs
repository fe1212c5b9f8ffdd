//! The audit trail: what it says, and that nobody can change it unseen.

use base::{Actor, Platform, Scope, TenantId, UserId, page::PageRequest};
use foundation::{
    audit::{self, Entry, Filter, Masked, VerifyError},
    db::dialect,
    testing::{NOW, TestDb},
};
use serde_json::json;

foundation::battery! {
    entries_say_who_did_what,
    entries_are_filtered_and_paged,
    a_tampered_row_is_found,
    every_column_is_tampered_with,
    a_trail_that_was_cut_or_written_anew_differs_from_what_was_noted,
    the_trail_is_append_only,
}

fn person(tenant: TenantId, reason: Option<&str>) -> Scope {
    let platform = Platform {
        actor: Actor::User(UserId::from_bytes([7; 16])),
        from: Some("2001:db8::7".parse().unwrap()),
        reason: reason.map(str::to_owned),
        now: NOW,
    };
    platform.within(tenant)
}

async fn write(db: &TestDb, scope: &Scope, entries: Vec<Entry>) {
    let mut tx = db.begin().await.unwrap();
    for entry in entries {
        tx.audit(scope, entry);
    }
    tx.commit().await.unwrap();
}

async fn entries_say_who_did_what(db: TestDb) {
    let scope = person(db.scope().tenant(), Some("customer's wish"));
    let state = |name: &str| json!({ "name": name, "secret": Masked, "none": Masked::of(None::<&()>) });
    let entry = Entry::new("router.rename", "router", "r-1").before(&state("a")).after(&state("b"));
    write(&db, &scope, vec![entry]).await;
    let mut tx = db.begin().await.unwrap();
    tx.audit(&db.platform(), Entry::new("tenant.create", "tenant", scope.tenant()));
    tx.commit().await.unwrap();

    let mut conn = db.conn().await.unwrap();
    let page = PageRequest::new(None, None);
    let trail = audit::list(&mut conn, &scope, &Filter::default(), &page).await.unwrap();
    let [entry] = trail.rows.as_slice() else { panic!("{trail:?}") };
    assert_eq!((entry.sequence, entry.at), (1, NOW));
    assert_eq!(entry.actor, "user:07070707-0707-0707-0707-070707070707");
    assert_eq!(entry.address.as_deref(), Some("2001:db8::7"));
    assert_eq!((entry.act.as_str(), entry.target_kind.as_str()), ("router.rename", "router"));
    assert_eq!(entry.target_id, "r-1");
    assert_eq!(entry.before, Some(json!({ "name": "a", "secret": "***", "none": null })));
    assert_eq!(entry.after, Some(json!({ "name": "b", "secret": "***", "none": null })));
    assert_eq!(entry.reason.as_deref(), Some("customer's wish"));

    let trail = audit::list(&mut conn, &db.platform(), &Filter::default(), &page).await.unwrap();
    assert_eq!(trail.rows.len(), 1);
    assert_eq!(trail.rows[0].actor, "system:test");
    assert_eq!(trail.rows[0].before, None);
}

async fn entries_are_filtered_and_paged(db: TestDb) {
    let scope = db.scope();
    let other = person(scope.tenant(), None);
    write(&db, &db.scope(), vec![Entry::new("plan.create", "plan", 99)]).await;
    write(&db, &scope, (1..=3).map(|id| Entry::new("plan.create", "plan", id)).collect()).await;
    write(&db, &other, vec![Entry::new("plan.delete", "plan", 2), Entry::new("router.delete", "router", 2)])
        .await;

    let text = |text: &str| Some(text.to_owned());
    let filters = [
        (Filter::default(), vec![5, 4, 3, 2, 1]),
        (Filter { target_kind: text("plan"), target_id: text("2"), ..Filter::default() }, vec![4, 2]),
        (Filter { actor: text("system:test"), ..Filter::default() }, vec![3, 2, 1]),
        (Filter { act: text("router.delete"), ..Filter::default() }, vec![5]),
        (Filter { from: Some(NOW), ..Filter::default() }, vec![5, 4, 3, 2, 1]),
        (Filter { until: Some(NOW), ..Filter::default() }, vec![]),
    ];
    let mut conn = db.conn().await.unwrap();
    for (filter, expected) in filters {
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = PageRequest::new(Some(2), cursor);
            let page = audit::list(&mut conn, &scope, &filter, &page).await.unwrap();
            assert!(page.rows.len() <= 2);
            seen.extend(page.rows.iter().map(|entry| entry.sequence));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{filter:?}");
    }
    let foreign = PageRequest::new(None, Some("' OR 1=1".into()));
    assert!(audit::list(&mut conn, &scope, &Filter::default(), &foreign).await.unwrap_err().is_refusal());
}

/// Takes the triggers away that keep honest programs from changing the trail.
async fn disarm(tx: &mut foundation::Tx) {
    let updates = dialect(
        "DROP TRIGGER audit_is_never_updated",
        "ALTER TABLE audit DISABLE TRIGGER audit_is_never_changed",
    );
    tx.query(updates).execute().await.unwrap();
    tx.query(dialect("DROP TRIGGER audit_is_never_deleted", "SELECT 1")).execute().await.unwrap();
}

async fn a_tampered_row_is_found(db: TestDb) {
    let scope = person(db.scope().tenant(), Some("customer's wish"));
    // More than one chunk of the verification.
    for round in 0..3 {
        let entry = |id: i32| {
            Entry::new("plan.create", "plan", round * 250 + id)
                .before(&json!({ "a": id }))
                .after(&json!([id]))
        };
        write(&db, &scope, (0..250).map(entry).collect()).await;
    }
    let mut conn = db.conn().await.unwrap();
    let sound = audit::verify(&mut conn, scope.tenant(), &[]).await.unwrap();
    assert_eq!(sound.entries, 750);
    drop(conn);

    let moved = dialect(
        "UPDATE audit SET tenant_id = zeroblob(16) WHERE sequence = 750",
        "UPDATE audit SET tenant_id = '00000000-0000-0000-0000-000000000000' WHERE sequence = 750",
    );
    let tamperings = [
        // Each column.
        ("UPDATE audit SET target_id = '8' WHERE sequence = 7", 7),
        ("UPDATE audit SET target_kind = 'x' WHERE sequence = 1", 1),
        ("UPDATE audit SET at = at + 1 WHERE sequence = 2", 2),
        ("UPDATE audit SET actor = 'system:test' WHERE sequence = 3", 3),
        ("UPDATE audit SET address = NULL WHERE sequence = 4", 4),
        ("UPDATE audit SET act = 'plan.delete' WHERE sequence = 5", 5),
        ("UPDATE audit SET before_state = NULL WHERE sequence = 6", 6),
        ("UPDATE audit SET after_state = '[ 8]' WHERE sequence = 8", 8),
        ("UPDATE audit SET reason = '' WHERE sequence = 600", 600),
        ("UPDATE audit SET hash = (SELECT hash FROM audit WHERE sequence = 1) WHERE sequence = 2", 2),
        ("UPDATE audit SET sequence = 1000 WHERE sequence = 750", 750),
        // Rows taken out, and slipped in.
        ("DELETE FROM audit WHERE sequence = 501", 501),
        ("DELETE FROM audit WHERE sequence > 740", 741),
        ("DELETE FROM audit", 1),
        (
            "INSERT INTO audit (tenant_id, sequence, at, actor, act, target_kind, target_id, hash) \
             SELECT tenant_id, 751, at, actor, act, target_kind, target_id, hash FROM audit WHERE sequence = 1",
            751,
        ),
        // Cut off, with the head's number set back: the head's hash still tells.
        ("UPDATE stream_head SET audit_sequence = 749", 749),
        ("UPDATE stream_head SET audit_sequence = 0", 0),
        // The head taken away.
        ("DELETE FROM stream_head", 1),
    ];
    let tamperings = tamperings.map(|(text, at)| (foundation::db::Sql::from(text), text, at));
    for (tampering, name, broken_at) in tamperings.into_iter().chain([(moved, "moved", 750)]) {
        let mut tx = db.begin().await.unwrap();
        disarm(&mut tx).await;
        tx.query(tampering).execute().await.unwrap();
        assert!(audit::trails(&mut tx).await.unwrap().contains(&scope.tenant()), "{name}");
        match audit::verify(&mut tx, scope.tenant(), &[]).await {
            Err(VerifyError::Broken { at }) => assert_eq!(at, broken_at, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        tx.rollback().await.unwrap();
    }
    let mut conn = db.conn().await.unwrap();
    assert_eq!(audit::verify(&mut conn, scope.tenant(), &[]).await.unwrap(), sound);
    // A tenant without a trail has nothing to break.
    assert_eq!(audit::verify(&mut conn, db.scope().tenant(), &[]).await.unwrap().entries, 0);
}

async fn every_column_is_tampered_with(db: TestDb) {
    // The list above knows each column of the table: a new one must be hashed, and stand there too.
    let mut conn = db.conn().await.unwrap();
    let columns: Vec<(String,)> = conn
        .query(dialect(
            "SELECT name FROM pragma_table_info('audit') ORDER BY name",
            "SELECT column_name::text FROM information_schema.columns \
             WHERE table_name = 'audit' AND table_schema = current_schema() ORDER BY column_name",
        ))
        .fetch_all()
        .await
        .unwrap();
    let mut columns: Vec<&str> = columns.iter().map(|(name,)| name.as_str()).collect();
    columns.sort_unstable();
    let known = [
        "act",
        "actor",
        "address",
        "after_state",
        "at",
        "before_state",
        "hash",
        "reason",
        "sequence",
        "target_id",
        "target_kind",
        "tenant_id",
    ];
    assert_eq!(columns, known);
}

async fn a_trail_that_was_cut_or_written_anew_differs_from_what_was_noted(db: TestDb) {
    let scope = db.scope();
    for round in 0..3 {
        write(&db, &scope, vec![Entry::new("plan.create", "plan", round)]).await;
    }
    write(&db, &db.scope(), vec![Entry::new("plan.create", "plan", 1)]).await;
    let mut conn = db.conn().await.unwrap();
    let all = audit::heads(&mut conn, None, 500).await.unwrap();
    let first = audit::heads(&mut conn, None, 1).await.unwrap();
    let rest = audit::heads(&mut conn, Some(first[0].tenant), 500).await.unwrap();
    assert_eq!([first, rest].concat(), all);
    let noted = *all.iter().find(|head| head.tenant == scope.tenant()).unwrap();
    assert_eq!(noted.sequence, 3);
    audit::verify(&mut conn, scope.tenant(), &all).await.unwrap();
    drop(conn);

    // Who can write to the database cuts the head back with the entries: the chain holds in itself.
    let mut tx = db.begin().await.unwrap();
    disarm(&mut tx).await;
    tx.query("DELETE FROM audit WHERE sequence > 2 AND tenant_id = $1")
        .bind(scope.tenant())
        .execute()
        .await
        .unwrap();
    tx.query(
        "UPDATE stream_head SET audit_sequence = 2, audit_hash = \
         (SELECT hash FROM audit WHERE tenant_id = $1 AND sequence = 2) WHERE tenant_id = $1",
    )
    .bind(scope.tenant())
    .execute_one()
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    audit::verify(&mut conn, scope.tenant(), &[]).await.unwrap();
    let cut = audit::verify(&mut conn, scope.tenant(), &all).await;
    assert!(matches!(cut, Err(VerifyError::Cut { at: 3 })), "{cut:?}");
    drop(conn);

    // And what is written behind the cut is another entry than the one that was noted.
    write(&db, &scope, vec![Entry::new("plan.create", "plan", "innocent")]).await;
    let mut conn = db.conn().await.unwrap();
    audit::verify(&mut conn, scope.tenant(), &[]).await.unwrap();
    let anew = audit::verify(&mut conn, scope.tenant(), &[noted]).await;
    assert!(matches!(anew, Err(VerifyError::Rewritten { at: 3 })), "{anew:?}");
    let other = audit::Head { tenant: TenantId::PLATFORM, ..noted };
    audit::verify(&mut conn, scope.tenant(), &[other]).await.unwrap();
}

async fn the_trail_is_append_only(db: TestDb) {
    let scope = db.scope();
    write(&db, &scope, vec![Entry::new("plan.create", "plan", 1)]).await;
    for sabotage in ["UPDATE audit SET act = 'x'", "DELETE FROM audit"] {
        let mut tx = db.begin().await.unwrap();
        assert!(tx.query(sabotage).execute().await.unwrap_err().is_refusal(), "{sabotage}");
    }
}
