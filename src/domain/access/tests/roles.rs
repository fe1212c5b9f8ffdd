//! Roles of a tenant's own.

use super::*;

foundation::battery! {
    roles_of_the_tenant_s_own_are_made_changed_and_removed,
    a_role_holds_from_the_next_request,
    a_role_is_not_removed_while_it_is_given,
    nobody_rises_by_a_role,
    programs_add_nothing_to_a_role_that_people_have,
}

/// What an owner's program with these permissions may do.
fn owner_s(permissions: &[Permission]) -> Authority {
    Authority { role: Role::Owner, permissions: Permissions::of(permissions.iter().copied()) }
}

async fn roles_of_the_tenant_s_own_are_made_changed_and_removed(db: TestDb) {
    use Permission as P;
    let rig = Rig::new(db);
    let (scope, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let own = &owner_s(&[P::RoleWrite, P::PlanRead, P::SubscriberRead]);
    let mut tx = rig.db.begin().await.unwrap();
    let made = create_role(&mut tx, &scope, own, role(" Kasir ", &[P::PlanRead])).await.unwrap();
    assert_eq!((made.name.as_str(), made.version.number()), ("Kasir", 1));
    let taken = create_role(&mut tx, &scope, own, role("Kasir", &[P::PlanRead])).await;
    assert!(matches!(taken, Err(RoleError::NameTaken)));
    create_role(&mut tx, &other, own, role("Kasir", &[P::PlanRead])).await.unwrap();
    let wider = create_role(&mut tx, &scope, own, role("x", &[P::PlanRead, P::PlanWrite])).await;
    assert!(matches!(wider, Err(RoleError::NotAllowed(P::PlanWrite))), "nobody gives what he lacks");
    let empty = create_role(&mut tx, &scope, own, role("x", &[])).await;
    assert!(matches!(empty, Err(RoleError::Invalid(_))));
    let platform = create_role(&mut tx, &scope, &chief(), role("x", &[P::Platform])).await;
    assert!(matches!(platform, Err(RoleError::Invalid(_))), "not even the super admin");

    let spec = role("Kasir", &[P::PlanRead, P::SubscriberRead]);
    let stale = update_role(&mut tx, &scope, own, made.id, Some(made.version.next()), spec.clone()).await;
    assert!(matches!(stale, Err(RoleError::Stale(_))));
    let foreign = update_role(&mut tx, &other, own, made.id, None, spec.clone()).await;
    assert!(matches!(foreign, Err(RoleError::NotFound)));
    let changed = update_role(&mut tx, &scope, own, made.id, Some(made.version), spec.clone()).await.unwrap();
    assert_eq!((changed.permissions, changed.version), (spec.permissions, made.version.next()));
    let less = &owner_s(&[P::RoleWrite, P::PlanRead]);
    let above = update_role(&mut tx, &scope, less, made.id, None, role("Kasir", &[P::PlanRead])).await;
    assert!(matches!(above, Err(RoleError::NotAllowed(P::SubscriberRead))), "a role above is not touched");
    assert!(matches!(delete_role(&mut tx, &scope, less, made.id).await, Err(RoleError::NotAllowed(_))));
    let second = create_role(&mut tx, &scope, own, role("Gudang", &[P::PlanRead])).await.unwrap();
    let renamed = update_role(&mut tx, &scope, own, second.id, None, role("Kasir", &[P::PlanRead])).await;
    assert!(matches!(renamed, Err(RoleError::NameTaken)));
    let page = list_roles(&mut tx, &scope, &PageRequest::new(Some(1), None)).await.unwrap();
    let rest = list_roles(&mut tx, &scope, &PageRequest::new(Some(1), page.next)).await.unwrap();
    let mut listed = [page.rows[0].id, rest.rows[0].id];
    listed.sort_unstable();
    let mut expected = [made.id, second.id];
    expected.sort_unstable();
    assert_eq!((listed, rest.next), (expected, None));
    delete_role(&mut tx, &scope, own, second.id).await.unwrap();
    assert!(matches!(load_role(&mut tx, &scope, second.id).await, Err(RoleError::NotFound)));
    create_role(&mut tx, &scope, own, role("Gudang", &[P::PlanRead])).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_role_holds_from_the_next_request(db: TestDb) {
    use Permission as P;
    let rig = Rig::new(db);
    let (scope, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let all = &Authority::of(Role::Owner);
    let password = rig.pool.prepare(Some(SecretString::new("a long password".into()))).await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    let made = create_role(&mut tx, &scope, all, role("Kasir", &[P::PlanRead, P::TokenWrite])).await.unwrap();
    let foreign = create_role(&mut tx, &other, all, role("Kasir", &[P::PlanRead])).await.unwrap();
    let new = |role, role_id| NewUser { login: "budi".into(), name: "Budi".into(), role, role_id };
    for (role, id) in [(Role::Custom, None), (Role::Viewer, Some(made.id)), (Role::Custom, Some(foreign.id))]
    {
        let refused = create_user(&mut tx, &scope, &chief(), new(role, id), &password).await;
        assert!(matches!(refused, Err(UserError::Invalid(_))), "{role} {id:?}");
    }
    let own = Authority { role: Role::Custom, permissions: Permissions::of([P::UserWrite, P::PlanRead]) };
    let refused = create_user(&mut tx, &scope, &own, new(Role::Custom, Some(made.id)), &password).await;
    assert!(matches!(refused, Err(UserError::NotAllowed { .. })), "nobody gives what he lacks");
    let budi =
        create_user(&mut tx, &scope, &chief(), new(Role::Custom, Some(made.id)), &password).await.unwrap();
    assert!(matches!(delete_role(&mut tx, &scope, all, made.id).await, Err(RoleError::InUse(1))));
    tx.commit().await.unwrap();

    let session = rig.login("budi", None, "a long password").await.unwrap().token;
    let caller = rig.caller(&session).await.unwrap();
    assert_eq!((caller.role, caller.permissions), (Role::Custom, made.permissions));
    let mut tx = rig.db.begin().await.unwrap();
    let token = NewApiToken { name: "x".into(), permissions: caller.permissions, expires_at: None };
    let (_, token) = create_token(&mut tx, &scope, budi.id, caller.permissions, token).await.unwrap();
    update_role(&mut tx, &scope, all, made.id, None, role("Kasir", &[P::TokenWrite])).await.unwrap();
    tx.commit().await.unwrap();
    for shown in [&session, &token] {
        let caller = rig.caller(shown).await.unwrap();
        assert_eq!(
            caller.permissions,
            Permissions::of([P::TokenWrite]),
            "the live session and the token follow"
        );
    }

    let mut tx = rig.db.begin().await.unwrap();
    let change = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
    let after = update_user(&mut tx, &scope, &chief(), budi.id, None, change).await.unwrap();
    assert_eq!((after.role, after.role_id), (Role::Viewer, None));
    delete_role(&mut tx, &scope, all, made.id).await.unwrap();
    let change = UserChange { role_id: Some(made.id), ..UserChange::default() };
    let gone = update_user(&mut tx, &scope, &chief(), budi.id, None, change).await;
    assert!(matches!(gone, Err(UserError::Invalid(_))));
    tx.commit().await.unwrap();
    assert!(rig.caller(&session).await.is_none(), "another role ends the sessions");
}

async fn a_role_is_not_removed_while_it_is_given(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let all = &Authority::of(Role::Owner);
    let mut tx = rig.db.begin().await.unwrap();
    let made = create_role(&mut tx, &scope, all, role("Kasir", &[Permission::PlanRead])).await.unwrap();
    tx.commit().await.unwrap();
    let password = rig.pool.prepare(None).await.unwrap();
    let give = async {
        let mut tx = rig.db.begin().await.unwrap();
        let new =
            NewUser { login: "budi".into(), name: "Budi".into(), role: Role::Custom, role_id: Some(made.id) };
        let given = create_user(&mut tx, &scope, &chief(), new, &password).await.is_ok();
        tx.commit().await.unwrap();
        given
    };
    let remove = async {
        let mut tx = rig.db.begin().await.unwrap();
        let removed = delete_role(&mut tx, &scope, all, made.id).await.is_ok();
        tx.commit().await.unwrap();
        removed
    };
    let (given, removed) = tokio::join!(give, remove);
    assert!(given != removed, "one of them comes first: given {given}, removed {removed}");
}

async fn nobody_rises_by_a_role(db: TestDb) {
    use Permission as P;
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let standing = [P::RoleWrite, P::UserWrite, P::PlanRead];
    let owner = &Authority::of(Role::Owner);
    let head = &Authority { role: Role::Custom, permissions: Permissions::of(standing) };
    let mut tx = rig.db.begin().await.unwrap();
    let own = create_role(&mut tx, &scope, owner, role("Kepala", &standing)).await.unwrap();
    let low = create_role(&mut tx, &scope, head, role("Kasir", &[P::PlanRead])).await.unwrap();
    let more = update_role(&mut tx, &scope, head, own.id, None, role("Kepala", &[P::PlanWrite])).await;
    assert!(matches!(more, Err(RoleError::Outranked(Role::Custom))), "the own role: {more:?}");
    let less = update_role(&mut tx, &scope, head, own.id, None, role("Kepala", &[P::PlanRead])).await;
    assert!(matches!(less, Err(RoleError::Outranked(_))), "nor take from those of the same standing");
    let removed = delete_role(&mut tx, &scope, head, own.id).await;
    assert!(matches!(removed, Err(RoleError::Outranked(_))), "{removed:?}");
    let twin = create_role(&mut tx, &scope, head, role("Kembar", &standing)).await;
    assert!(matches!(twin, Err(RoleError::Outranked(_))), "{twin:?}");
    let raised = update_role(&mut tx, &scope, head, low.id, None, role("Kasir", &standing)).await;
    assert!(matches!(raised, Err(RoleError::Outranked(_))), "others do not rise to it either");
    // A program of the same person: its token says what it may do, not the role behind it.
    let program = &Authority { permissions: Permissions::of([P::RoleWrite]), ..*head };
    let lifted = update_role(&mut tx, &scope, program, low.id, None, role("Kasir", &[P::RoleWrite])).await;
    assert!(matches!(lifted, Err(RoleError::NotAllowed(P::PlanRead))), "{lifted:?}");
    for above in [&[P::PlanRead, P::RoleWrite][..], &[P::UserWrite]] {
        let made = create_role(&mut tx, &scope, program, role("x", above)).await;
        assert!(matches!(made, Err(RoleError::NotAllowed(_))), "{made:?}");
    }
    update_role(&mut tx, &scope, head, low.id, None, role("Kasir", &[P::UserWrite])).await.unwrap();
    update_role(&mut tx, &scope, owner, own.id, None, role("Kepala", &[P::PlanRead])).await.unwrap();
    delete_role(&mut tx, &scope, head, low.id).await.unwrap();
    tx.commit().await.unwrap();
}

async fn programs_add_nothing_to_a_role_that_people_have(db: TestDb) {
    use Permission as P;
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let token = base::Actor::Token(base::ApiTokenId::generate(NOW));
    let program = Platform { actor: token, ..rig.platform() }.within(scope.tenant());
    let own = &owner_s(&[P::RoleWrite, P::PlanRead, P::SubscriberRead]);
    let password = rig.pool.prepare(None).await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    let made = create_role(&mut tx, &program, own, role("Kasir", &[P::PlanRead])).await.unwrap();
    let both = [P::PlanRead, P::SubscriberRead];
    update_role(&mut tx, &program, own, made.id, None, role("Kasir", &both)).await.unwrap();
    update_role(&mut tx, &program, own, made.id, None, role("Kasir", &[P::PlanRead])).await.unwrap();
    let new =
        NewUser { login: "budi".into(), name: "Budi".into(), role: Role::Custom, role_id: Some(made.id) };
    create_user(&mut tx, &scope, &chief(), new, &password).await.unwrap();
    let refused = update_role(&mut tx, &program, own, made.id, None, role("Kasir", &both)).await;
    assert!(matches!(refused, Err(RoleError::ByProgram)), "{refused:?}");
    update_role(&mut tx, &program, own, made.id, None, role("Kas", &[P::PlanRead])).await.unwrap();
    update_role(&mut tx, &scope, own, made.id, None, role("Kas", &both)).await.unwrap();
    update_role(&mut tx, &program, own, made.id, None, role("Kas", &[P::PlanRead])).await.unwrap();
    tx.commit().await.unwrap();
}
