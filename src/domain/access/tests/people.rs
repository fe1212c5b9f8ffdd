//! People of the panel, and who manages whom.

use super::*;

foundation::battery! {
    people_are_made_listed_and_managed_by_rank,
    logins_are_unique_within_a_tenant,
    what_was_locked_meanwhile_stays_locked,
    a_tenant_keeps_an_owner,
    nobody_signs_out_who_is_above,
    a_program_leaves_no_people_behind,
    acting_on_behalf_stands_in_the_platform_s_trail,
}

async fn people_are_made_listed_and_managed_by_rank(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let owner = rig.user(&scope, "Owner@Warga.net", Role::Owner, "a long password").await;
    assert_eq!(owner.login, "owner@warga.net");
    let password = rig.pool.prepare(None).await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    let new = |login: &str, role| NewUser { login: login.into(), name: "Siti".into(), role, role_id: None };
    let noc = create_user(&mut tx, &scope, &Authority::of(Role::Admin), new("noc", Role::Noc), &password)
        .await
        .unwrap();
    assert!(noc.password_expired, "we made the password");
    for (manager, role) in [(Role::Admin, Role::Owner), (Role::Noc, Role::Viewer), (Role::Admin, Role::Admin)]
    {
        let refused = create_user(&mut tx, &scope, &Authority::of(manager), new("x", role), &password).await;
        assert!(matches!(refused, Err(UserError::NotAllowed { .. })), "{manager} {role}");
    }
    let refused = create_user(&mut tx, &scope, &chief(), new("x", Role::SuperAdmin), &password).await;
    assert!(matches!(refused, Err(UserError::Invalid(_))), "not in a tenant");

    let promote = UserChange { role: Some(Role::Owner), ..UserChange::default() };
    let refused =
        update_user(&mut tx, &scope, &Authority::of(Role::Admin), noc.id, None, promote.clone()).await;
    assert!(matches!(refused, Err(UserError::NotAllowed { .. })));
    let refused = update_user(
        &mut tx,
        &scope,
        &Authority::of(Role::Owner),
        noc.id,
        Some(noc.version.next()),
        promote.clone(),
    )
    .await;
    assert!(matches!(refused, Err(UserError::Stale(_))));
    let promoted =
        update_user(&mut tx, &scope, &Authority::of(Role::Owner), noc.id, Some(noc.version), promote)
            .await
            .unwrap();
    assert_eq!((promoted.role, promoted.version), (Role::Owner, noc.version.next()));

    let other = rig.platform().within(base::TenantId::generate(NOW));
    assert!(matches!(load_user(&mut tx, &other, noc.id).await, Err(UserError::NotFound)));
    let page = list_users(&mut tx, &scope, &PageRequest::new(Some(1), None)).await.unwrap();
    let rest = list_users(&mut tx, &scope, &PageRequest::new(Some(1), page.next)).await.unwrap();
    assert_eq!([page.rows[0].id, rest.rows[0].id].len(), 2);
    assert!(rest.next.is_none());
    delete_user(&mut tx, &scope, &Authority::of(Role::Owner), noc.id).await.unwrap();
    assert!(matches!(load_user(&mut tx, &scope, noc.id).await, Err(UserError::NotFound)));
    tx.commit().await.unwrap();

    let mut conn = rig.db.conn().await.unwrap();
    assert!(!platform_has_users(&mut conn, &rig.platform()).await.unwrap());
    let trail = audit::list(&mut conn, &scope, &audit::Filter::default(), &PageRequest::new(None, None))
        .await
        .unwrap();
    assert_eq!(trail.rows[0].act, "user.delete");
}

async fn logins_are_unique_within_a_tenant(db: TestDb) {
    let rig = Rig::new(db);
    let (one, two) = (rig.tenant("one").await, rig.tenant("two").await);
    let user = rig.user(&one, "admin", Role::Admin, "a long password").await;
    rig.user(&two, "admin", Role::Admin, "a long password").await;
    let password = rig.pool.prepare(None).await.unwrap();
    let new = NewUser { login: "ADMIN".into(), name: "Budi".into(), role: Role::Viewer, role_id: None };
    let mut tx = rig.db.begin().await.unwrap();
    let again = create_user(&mut tx, &one, &Authority::of(Role::Owner), new.clone(), &password).await;
    assert!(matches!(again, Err(UserError::LoginTaken)));
    delete_user(&mut tx, &one, &Authority::of(Role::Owner), user.id).await.unwrap();
    create_user(&mut tx, &one, &Authority::of(Role::Owner), new, &password).await.unwrap();
    let platform = rig.platform();
    let new = NewUser { login: "admin".into(), name: "Root".into(), role: Role::SuperAdmin, role_id: None };
    create_user(&mut tx, &platform, &chief(), new.clone(), &password).await.unwrap();
    let again = create_user(&mut tx, &platform, &chief(), new, &password).await;
    assert!(matches!(again, Err(UserError::LoginTaken)));
    assert!(platform_has_users(&mut tx, &platform).await.unwrap());
    assert!(find_platform_login(&mut tx, &platform, " Admin").await.unwrap().is_some());
    assert!(find_platform_login(&mut tx, &platform, "nobody").await.unwrap().is_none());
}

/// Locks the person while `other` is at its change; where two write at a time, commits once that one waits.
async fn locked_meanwhile<T>(rig: &Rig, scope: &Scope, id: UserId, other: impl Future<Output = T>) -> T {
    let mut tx = rig.db.begin().await.unwrap();
    let lock = UserChange { disabled: Some(true), ..UserChange::default() };
    update_user(&mut tx, scope, &chief(), id, None, lock).await.unwrap();
    let commit = async {
        while !rig.db.config().url.is_sqlite() {
            let waiting = tx.query(
                "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))",
            );
            let (waiting,): (i64,) = waiting.fetch_one().await.unwrap();
            if waiting > 0 {
                break;
            }
        }
        tx.commit().await.unwrap();
    };
    tokio::join!(other, commit).0
}

async fn what_was_locked_meanwhile_stays_locked(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let load = async |id| load_user(&mut rig.db.conn().await.unwrap(), &scope, id).await.unwrap();
    let chief = chief();
    let renamed = rig.user(&scope, "renamed", Role::Admin, "a long password").await;
    let outcome = locked_meanwhile(&rig, &scope, renamed.id, async {
        let mut tx = rig.db.begin().await.unwrap();
        let name = UserChange { name: Some("Siti".into()), ..UserChange::default() };
        let outcome = update_user(&mut tx, &scope, &chief, renamed.id, None, name).await;
        tx.commit().await.unwrap();
        outcome
    })
    .await;
    let after = load(renamed.id).await;
    assert!(after.disabled, "{outcome:?}");
    assert_eq!(outcome.is_ok(), after.name == "Siti");
    assert!(outcome.is_ok() || matches!(outcome, Err(UserError::Stale(_))), "{outcome:?}");

    let reset = rig.user(&scope, "reset", Role::Admin, "a long password").await;
    let password = rig.pool.prepare(None).await.unwrap();
    let outcome = locked_meanwhile(&rig, &scope, reset.id, async {
        let mut tx = rig.db.begin().await.unwrap();
        let outcome = set_password(&mut tx, &scope, &chief, reset.id, &password).await.unwrap();
        tx.commit().await.unwrap();
        outcome
    })
    .await;
    let after = load(reset.id).await;
    assert_eq!(outcome, after);
    assert!(after.disabled && after.password_expired);
    assert_eq!(after.version, reset.version.next().next());

    let mut tx = rig.db.begin().await.unwrap();
    let old = User { disabled: false, role: Role::Owner, version: reset.version.next(), ..reset.clone() };
    assert!(!store::user::update(&mut tx, &old, reset.version).await.unwrap(), "a copy from before");
    assert!(!store::user::delete(&mut tx, reset.id, reset.version, NOW).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(load(reset.id).await, after);
}

async fn a_tenant_keeps_an_owner(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let first = rig.user(&scope, "first", Role::Owner, "a long password").await;
    let owner = Authority::of(Role::Owner);
    let demote = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
    let lock = UserChange { disabled: Some(true), ..UserChange::default() };
    let name = UserChange { name: Some("Siti".into()), ..UserChange::default() };
    let mut tx = rig.db.begin().await.unwrap();
    update_user(&mut tx, &scope, &owner, first.id, None, name).await.unwrap();
    for change in [&demote, &lock] {
        let refused = update_user(&mut tx, &scope, &owner, first.id, None, change.clone()).await;
        assert!(matches!(refused, Err(UserError::LastOwner)), "{refused:?}");
    }
    assert!(matches!(delete_user(&mut tx, &scope, &owner, first.id).await, Err(UserError::LastOwner)));
    tx.commit().await.unwrap();

    // One who may not sign in is no help.
    let second = rig.user(&scope, "second", Role::Owner, "a long password").await;
    let mut tx = rig.db.begin().await.unwrap();
    update_user(&mut tx, &scope, &owner, second.id, None, lock.clone()).await.unwrap();
    let refused = update_user(&mut tx, &scope, &owner, first.id, None, demote.clone()).await;
    assert!(matches!(refused, Err(UserError::LastOwner)));
    delete_user(&mut tx, &scope, &owner, second.id).await.unwrap();
    tx.commit().await.unwrap();

    // Two who lock each other: one of them remains.
    let third = rig.user(&scope, "third", Role::Owner, "a long password").await;
    let locks = async |id| {
        let mut tx = rig.db.begin().await.unwrap();
        let done = update_user(&mut tx, &scope, &owner, id, None, lock.clone()).await.is_ok();
        tx.commit().await.unwrap();
        done
    };
    let (one, other) = tokio::join!(locks(first.id), locks(third.id));
    assert!(one != other, "{one} {other}");
    let left = if one { third.id } else { first.id };
    let mut tx = rig.db.begin().await.unwrap();
    delete_user(&mut tx, &scope, &chief(), left).await.unwrap();
    tx.commit().await.unwrap();
}

async fn nobody_signs_out_who_is_above(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let owner = rig.user(&scope, "owner", Role::Owner, "a long password").await;
    let mut tx = rig.db.begin().await.unwrap();
    let refused = end_sessions(&mut tx, &scope, &Authority::of(Role::Admin), owner.id).await;
    assert!(matches!(refused, Err(UserError::NotAllowed { .. })));
    let refused = reset_second_factor(&mut tx, &scope, &Authority::of(Role::Admin), owner.id).await;
    assert!(matches!(refused, Err(UserError::NotAllowed { .. })));
    end_sessions(&mut tx, &scope, &Authority::of(Role::Owner), owner.id).await.unwrap();
}

async fn a_program_leaves_no_people_behind(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let owner = rig.user(&scope, "owner", Role::Owner, "a long password").await;
    let viewer = rig.user(&scope, "viewer", Role::Viewer, "a long password").await;
    let own = owner.authority();
    let mut tx = rig.db.begin().await.unwrap();
    let new = NewApiToken { name: "hr".into(), permissions: owner.permissions, expires_at: None };
    let (token, _) = create_token(&mut tx, &scope, owner.id, owner.permissions, new).await.unwrap();
    let program = Platform { actor: base::Actor::Token(token.id), ..rig.platform() }.within(scope.tenant());
    let password = rig.pool.prepare(None).await.unwrap();
    let new = NewUser { login: "x".into(), name: "X".into(), role: Role::Viewer, role_id: None };
    let made = create_user(&mut tx, &program, &own, new, &password).await.map(drop);
    let change = UserChange { role: Some(Role::Admin), ..UserChange::default() };
    let promoted = update_user(&mut tx, &program, &own, viewer.id, None, change).await.map(drop);
    let reset = set_password(&mut tx, &program, &own, viewer.id, &password).await.map(drop);
    let bared = reset_second_factor(&mut tx, &program, &own, viewer.id).await;
    for outcome in [made, promoted, reset, bared] {
        assert!(matches!(outcome, Err(UserError::ByProgram)), "{outcome:?}");
    }
    end_sessions(&mut tx, &program, &own, viewer.id).await.unwrap();
    delete_user(&mut tx, &program, &own, viewer.id).await.unwrap();
}

async fn acting_on_behalf_stands_in_the_platform_s_trail(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let platform = rig.platform();
    let mut tx = rig.db.begin().await.unwrap();
    note_acting_on_behalf(&mut tx, &platform, scope.tenant(), "POST", "/api/v1/plans");
    tx.commit().await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    let filter = audit::Filter { act: Some("tenant.act_on_behalf".into()), ..audit::Filter::default() };
    let trail = audit::list(&mut conn, &platform, &filter, &PageRequest::new(None, None)).await.unwrap();
    assert_eq!(trail.rows[0].target_id, scope.tenant().to_string());
    assert_eq!(trail.rows[0].after.as_ref().unwrap()["route"], "/api/v1/plans");
}
