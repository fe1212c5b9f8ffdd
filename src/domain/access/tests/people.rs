//! People of the panel, and who manages whom.

use super::*;

foundation::battery! {
    people_are_made_listed_and_managed_by_rank,
    logins_are_unique_within_a_tenant,
    what_was_locked_meanwhile_stays_locked,
    nobody_signs_out_who_is_above,
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
