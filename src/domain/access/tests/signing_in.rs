//! Signing in, and the sessions that come of it.

use super::*;

foundation::battery! {
    signing_in_gives_a_session_that_ends,
    a_wrong_password_tells_nothing,
    the_password_tells_who_of_several_tenants_is_meant,
    the_throttle_of_one_tenant_is_not_another_s,
    a_locked_panel_lets_nobody_in,
    a_new_password_ends_the_sessions,
    only_so_many_sessions,
    refusals_stand_in_the_trail,
}

async fn signing_in_gives_a_session_that_ends(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let user = rig.user(&scope, "budi", Role::Finance, "a long password").await;
    let signed_in = rig.login(" Budi", None, "a long password").await.unwrap();
    assert_eq!(signed_in.user.id, user.id);
    assert!(
        signed_in
            .session
            .user_agent
            .as_ref()
            .is_some_and(|name| name.len() <= 200 && !name.contains('\u{7}'))
    );
    let token = Token::parse(signed_in.token.text().expose()).unwrap();
    let caller = rig.caller(&token).await.unwrap();
    assert_eq!((caller.tenant, caller.role), (Some(scope.tenant()), Role::Finance));
    assert!(caller.may(Permission::SubscriberWrite) && !caller.may(Permission::RouterWrite));

    rig.hand.advance(SESSION_LIFETIME - Duration::from_millis(1));
    assert!(rig.caller(&token).await.is_some());
    rig.hand.advance(Duration::from_millis(1));
    assert!(rig.caller(&token).await.is_none(), "expired");

    let second = rig.login("budi", Some("warga"), "a long password").await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    logout(&mut tx, &scope, &second.token).await.unwrap();
    logout(&mut tx, &scope, &second.token).await.unwrap();
    tx.commit().await.unwrap();
    assert!(rig.caller(&second.token).await.is_none(), "ended");

    rig.hand.advance(Duration::from_hours(24 * 31));
    let mut tx = rig.db.begin().await.unwrap();
    assert_eq!(sweep_sessions(&mut tx, &rig.platform()).await.unwrap(), 2);
    tx.commit().await.unwrap();
}

async fn a_wrong_password_tells_nothing(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let user = rig.user(&scope, "budi", Role::Viewer, "a long password").await;
    assert!(matches!(rig.login("budi", None, "wrong").await, Err(LoginError::Refused)));
    assert!(matches!(rig.login("nobody", None, "wrong").await, Err(LoginError::Refused)));
    assert!(matches!(rig.login("budi", Some("nowhere"), "a long password").await, Err(LoginError::Refused)));
    let mut tx = rig.db.begin().await.unwrap();
    let lock = UserChange { disabled: Some(true), ..UserChange::default() };
    update_user(&mut tx, &scope, &Authority::of(Role::Owner), user.id, None, lock).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(rig.login("budi", None, "a long password").await, Err(LoginError::Refused)));
    for login in ["budi", "ghost"] {
        let mut refused = 0;
        while matches!(rig.login(login, None, "wrong").await, Err(LoginError::Refused)) {
            refused += 1;
        }
        assert!(refused < 6, "{login} is throttled, known or not");
    }
}

async fn the_password_tells_who_of_several_tenants_is_meant(db: TestDb) {
    let rig = Rig::new(db);
    let who = async |tenant: Option<&str>, password: &str| {
        rig.throttle.forget();
        let before = rig.pool.computed();
        let outcome = rig.login("admin", tenant, password).await;
        let costs = if tenant.is_some() { 1 } else { 4 };
        assert_eq!(rig.pool.computed() - before, costs, "whoever there is");
        match outcome {
            Ok(signed_in) => Some(signed_in.user.id),
            Err(LoginError::Refused) => None,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(who(None, "password of one").await, None);
    let (one, two) = (rig.tenant("one").await, rig.tenant("two").await);
    let of_one = rig.user(&one, "admin", Role::Admin, "password of one").await.id;
    assert_eq!(who(None, "password of one").await, Some(of_one));
    let of_two = rig.user(&two, "admin", Role::Admin, "password of two").await.id;
    assert_eq!(who(None, "password of one").await, Some(of_one));
    assert_eq!(who(None, "password of two").await, Some(of_two));
    assert_eq!(who(None, "of nobody").await, None);
    assert_eq!(who(Some("two"), "password of one").await, None);
    assert_eq!(who(Some(" TWO"), "password of two").await, Some(of_two));

    // The same password in two tenants: the name must be told.
    let three = rig.tenant("three").await;
    let of_three = rig.user(&three, "admin", Role::Admin, "password of two").await.id;
    assert_eq!(who(None, "password of two").await, None);
    assert_eq!(who(Some("two"), "password of two").await, Some(of_two));
    assert_eq!(who(Some("three"), "password of two").await, Some(of_three));
    // Unless only one of the two may sign in.
    let mut tx = rig.db.begin().await.unwrap();
    let lock = UserChange { disabled: Some(true), ..UserChange::default() };
    update_user(&mut tx, &three, &chief(), of_three, None, lock).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(who(None, "password of two").await, Some(of_two));
    assert_eq!(who(Some("three"), "password of two").await, None);

    let password = rig.pool.prepare(Some(SecretString::new("password of all".into()))).await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    let new = NewUser { login: "admin".into(), name: "Root".into(), role: Role::SuperAdmin, role_id: None };
    let root = create_user(&mut tx, &rig.platform(), &chief(), new, &password).await.unwrap().id;
    tx.commit().await.unwrap();
    assert_eq!(who(None, "password of one").await, Some(of_one), "four have the login");
    // A fifth: the tenants' people name theirs, and the platform's own are let in all the same.
    let four = rig.tenant("four").await;
    rig.user(&four, "admin", Role::Admin, "password of all").await;
    assert_eq!(who(None, "password of one").await, None);
    assert_eq!(who(Some("one"), "password of one").await, Some(of_one));
    assert_eq!(who(None, "password of all").await, Some(root));
    rig.throttle.forget();
    let root = rig.login("admin", None, "password of all").await.unwrap();
    assert_eq!(root.user.tenant, None, "the platform's own come first");
    assert!(rig.caller(&root.token).await.unwrap().may(Permission::Platform));
}

async fn the_throttle_of_one_tenant_is_not_another_s(db: TestDb) {
    let rig = Rig::new(db);
    for slug in ["one", "two"] {
        let scope = rig.tenant(slug).await;
        rig.user(&scope, "admin", Role::Admin, &format!("password of {slug}")).await;
    }
    while !matches!(rig.login("admin", Some("one"), "wrong").await, Err(LoginError::Throttled(_))) {}
    assert!(matches!(rig.login("admin", Some("ONE "), "wrong").await, Err(LoginError::Throttled(_))));
    rig.login("admin", Some("two"), "password of two").await.unwrap();
    rig.login("admin", None, "password of two").await.unwrap();
}

async fn a_locked_panel_lets_nobody_in(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    rig.user(&scope, "budi", Role::Owner, "a long password").await;
    let before = rig.login("budi", None, "a long password").await.unwrap();
    for status in [TenantStatus::Isolated, TenantStatus::Disabled] {
        let mut tx = rig.db.begin().await.unwrap();
        tenant::set_status(&mut tx, &rig.platform(), scope.tenant(), status).await.unwrap();
        tx.commit().await.unwrap();
        let caller = rig.caller(&before.token).await.unwrap();
        assert!(!caller.panel_is_open() && caller.tenant_status == Some(status), "open sessions as well");
        let refused = rig.login("budi", None, "a long password").await;
        assert!(matches!(refused, Err(LoginError::PanelLocked { status: of, .. }) if of == status));
        assert!(matches!(rig.login("budi", None, "wrong").await, Err(LoginError::Refused)));
    }
}

async fn a_new_password_ends_the_sessions(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let user = rig.user(&scope, "budi", Role::Owner, "a long password").await;
    let before = rig.login("budi", None, "a long password").await.unwrap();
    let verify = |password: &str| {
        let password = SecretString::new(password.into());
        let (door, now, user) = (rig.door(), rig.clock.now(), user.clone());
        async move { door.verify_own_password(now, ADDRESS, &user, password).await }
    };
    assert!(matches!(verify("wrong").await, Err(LoginError::Refused)));
    verify("a long password").await.unwrap();

    let changed = rig.pool.prepare(Some(SecretString::new("another password".into()))).await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    let after = change_password(&mut tx, &scope, user.id, &changed).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!after.password_expired);
    assert!(rig.caller(&before.token).await.is_none());
    assert!(rig.login("budi", None, "a long password").await.is_err());
    let again = rig.login("budi", None, "another password").await.unwrap();

    let reset = rig.pool.prepare(None).await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    assert!(matches!(
        set_password(&mut tx, &scope, &Authority::of(Role::Noc), user.id, &reset).await,
        Err(UserError::NotAllowed { .. })
    ));
    let after = set_password(&mut tx, &scope, &chief(), user.id, &reset).await.unwrap();
    tx.commit().await.unwrap();
    assert!(after.password_expired);
    assert!(rig.caller(&again.token).await.is_none());
    let generated = reset.generated.unwrap();
    let signed_in = rig.login("budi", None, generated.expose()).await.unwrap();
    assert!(rig.caller(&signed_in.token).await.unwrap().password_expired);

    let mut conn = rig.db.conn().await.unwrap();
    let trail = audit::list(&mut conn, &scope, &audit::Filter::default(), &PageRequest::new(None, None))
        .await
        .unwrap();
    for entry in &trail.rows {
        let text = format!("{entry:?}");
        assert!(!text.contains(generated.expose()) && !text.contains("argon2"), "{text}");
    }
}

async fn only_so_many_sessions(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let user = rig.user(&scope, "budi", Role::Owner, "a long password").await;
    let mut sessions = Vec::new();
    for _ in 0..21 {
        sessions.push(rig.login("budi", None, "a long password").await.unwrap());
        rig.hand.advance(Duration::from_secs(1));
    }
    assert!(rig.caller(&sessions[0].token).await.is_none(), "the oldest ended");
    assert!(rig.caller(&sessions[1].token).await.is_some());
    let mut tx = rig.db.begin().await.unwrap();
    assert_eq!(end_sessions(&mut tx, &scope, &chief(), user.id).await.unwrap(), 20);
    tx.commit().await.unwrap();
    assert!(rig.caller(&sessions[20].token).await.is_none());
}

async fn refusals_stand_in_the_trail(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let user = rig.user(&scope, "budi", Role::Owner, "a long password").await;
    for _ in 0..50 {
        rig.login("budi", None, "a wrong one").await.unwrap_err();
    }
    for _ in 0..3 {
        rig.login("rahasia-di-tempat-salah", None, "a wrong one").await.unwrap_err();
    }
    rig.hand.advance(Duration::from_hours(1));
    let mut tx = rig.db.begin().await.unwrap();
    tenant::set_status(&mut tx, &rig.platform(), scope.tenant(), TenantStatus::Isolated).await.unwrap();
    tx.commit().await.unwrap();
    rig.login("budi", None, "a long password").await.unwrap_err();
    let told = async |origin: Option<&Scope>| {
        let mut conn = rig.db.conn().await.unwrap();
        let filter = audit::Filter { act: Some("user.login_refused".into()), ..audit::Filter::default() };
        let request = PageRequest::new(None, None);
        let page = match origin {
            Some(scope) => audit::list(&mut conn, scope, &filter, &request).await,
            None => audit::list(&mut conn, &rig.platform(), &filter, &request).await,
        };
        let rows = page.unwrap().rows;
        rows.iter().map(|row| format!("{row:?}")).collect::<Vec<_>>()
    };
    let own = told(Some(&scope)).await;
    assert_eq!(own.len(), 3, "the first, the tenth, and another reason an hour later: {own:#?}");
    for (row, reason) in own.iter().zip(["panel_locked", "throttled", "wrong_password"]) {
        assert!(row.contains(reason) && row.contains(&user.id.to_string()), "{row}");
        assert!(row.contains("192.0.2.7") && row.contains("attempts"), "{row}");
    }
    let strangers = told(None).await;
    assert_eq!(strangers.len(), 1, "{strangers:#?}");
    assert!(strangers[0].contains("unknown_login") && !strangers[0].contains("rahasia"), "{strangers:#?}");
}
