//! API tokens, and what may be asked with them.

use super::*;

foundation::battery! {
    tokens_allow_what_they_say_and_no_more,
    nobody_revokes_the_tokens_of_who_is_above,
    a_budget_is_the_caller_s_at_once,
}

async fn tokens_allow_what_they_say_and_no_more(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let maker = rig.user(&scope, "budi", Role::Admin, "a long password").await;
    let own = maker.role.permissions();
    let new = |permissions| NewApiToken {
        name: "billing".into(),
        permissions,
        expires_at: Some(NOW.saturating_add(Duration::from_hours(1))),
    };
    let mut tx = rig.db.begin().await.unwrap();
    let refused =
        create_token(&mut tx, &scope, maker.id, own, new(Permissions::of([Permission::Platform]))).await;
    assert!(matches!(refused, Err(TokenError::NotAllowed(Permission::Platform))));
    let wanted = Permissions::of([Permission::SubscriberRead, Permission::RouterWrite]);
    let (token, secret) = create_token(&mut tx, &scope, maker.id, own, new(wanted)).await.unwrap();
    let past = NewApiToken { expires_at: Some(NOW), ..new(wanted) };
    assert!(matches!(create_token(&mut tx, &scope, maker.id, own, past).await, Err(TokenError::Invalid(_))));
    tx.commit().await.unwrap();

    let caller = rig.caller(&secret).await.unwrap();
    assert_eq!((caller.permissions, caller.tenant, caller.user), (wanted, Some(scope.tenant()), maker.id));
    let mut tx = rig.db.begin().await.unwrap();
    let demote = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
    update_user(&mut tx, &scope, &Authority::of(Role::Owner), maker.id, None, demote).await.unwrap();
    tx.commit().await.unwrap();
    let caller = rig.caller(&secret).await.unwrap();
    assert_eq!(
        caller.permissions,
        Permissions::of([Permission::SubscriberRead]),
        "no more than its maker may"
    );

    rig.hand.advance(Duration::from_hours(1));
    assert!(rig.caller(&secret).await.is_none(), "expired");
    let mut tx = rig.db.begin().await.unwrap();
    let (last, second) =
        create_token(&mut tx, &scope, maker.id, own, NewApiToken { expires_at: None, ..new(wanted) })
            .await
            .unwrap();
    let page = list_tokens(&mut tx, &scope, &PageRequest::new(None, None)).await.unwrap();
    assert_eq!(page.rows.len(), 2);
    let other = rig.platform().within(base::TenantId::generate(NOW));
    assert!(matches!(
        revoke_token(&mut tx, &other, maker.id, &chief(), token.id).await,
        Err(TokenError::NotFound)
    ));
    revoke_token(&mut tx, &scope, maker.id, &Authority::of(Role::Viewer), last.id).await.unwrap();
    revoke_token(&mut tx, &scope, maker.id, &Authority::of(Role::Viewer), last.id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(rig.caller(&second).await.is_none(), "revoked");
    let stranger = Token::parse(&format!("rrn_{}", "A".repeat(43))).unwrap();
    assert!(rig.caller(&stranger).await.is_none());
}

async fn nobody_revokes_the_tokens_of_who_is_above(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let owner = rig.user(&scope, "owner", Role::Owner, "a long password").await;
    let viewer = rig.user(&scope, "viewer", Role::Viewer, "a long password").await;
    let permissions = Permissions::of([Permission::PlanRead]);
    let new = || NewApiToken { name: "x".into(), permissions, expires_at: None };
    let mut tx = rig.db.begin().await.unwrap();
    let root = NewUser { login: "root".into(), name: "Root".into(), role: Role::SuperAdmin, role_id: None };
    let password = rig.pool.prepare(None).await.unwrap();
    let root = create_user(&mut tx, &rig.platform(), &chief(), root, &password).await.unwrap();
    let clerk = Authority {
        role: Role::Custom,
        permissions: Permissions::of([Permission::TokenWrite, Permission::PlanRead]),
    };
    for (maker, by_clerk, by_owner) in [(&root, false, false), (&owner, false, true), (&viewer, false, true)]
    {
        let (token, secret) = create_token(&mut tx, &scope, maker.id, permissions, new()).await.unwrap();
        for (manager, may) in [(clerk, by_clerk), (Authority::of(Role::Owner), by_owner), (chief(), true)] {
            let outcome = revoke_token(&mut tx, &scope, UserId::generate(NOW), &manager, token.id).await;
            if may {
                outcome.unwrap();
                break;
            }
            assert!(matches!(outcome, Err(TokenError::NotManaged { .. })), "{} {manager:?}", maker.role);
            assert!(authenticate(&mut tx, &secret, NOW).await.unwrap().is_some());
        }
        assert!(authenticate(&mut tx, &secret, NOW).await.unwrap().is_none());
    }
}

async fn a_budget_is_the_caller_s_at_once(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    rig.user(&scope, "budi", Role::Owner, "a long password").await;
    let token = rig.login("budi", None, "a long password").await.unwrap().token;
    assert_eq!(rig.caller(&token).await.unwrap().requests_per_minute, None);
    let platform = rig.platform();
    for rate in [Some(60), Some(70), None] {
        let mut tx = rig.db.begin().await.unwrap();
        let budget = ApiBudget { requests_per_minute: rate };
        set_budget(&mut tx, &platform, scope.tenant(), budget).await.unwrap();
        assert_eq!(load_budget(&mut tx, &platform, scope.tenant()).await.unwrap(), budget);
        tx.commit().await.unwrap();
        assert_eq!(rig.caller(&token).await.unwrap().requests_per_minute, rate);
    }
    let mut tx = rig.db.begin().await.unwrap();
    let tiny = ApiBudget { requests_per_minute: Some(1) };
    let refused = set_budget(&mut tx, &platform, scope.tenant(), tiny).await;
    assert!(matches!(refused, Err(BudgetError::Invalid(_))));
    let nobody = set_budget(&mut tx, &platform, base::TenantId::generate(NOW), tiny).await;
    assert!(matches!(nobody, Err(BudgetError::NotFound)));
}
