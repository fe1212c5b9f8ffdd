//! People, their roles, second factors, sessions and tokens, on both databases.

use std::{net::IpAddr, time::Duration};

use base::{Clock, MockClock, Platform, Scope, SecretString, page::PageRequest, seal::Sealer};
use foundation::{
    audit,
    testing::{NOW, TestDb},
};

use super::*;
use crate::domain::tenant::{self, TenantSpec, TenantStatus};

foundation::battery! {
    people_are_made_listed_and_managed_by_rank,
    logins_are_unique_within_a_tenant,
    signing_in_gives_a_session_that_ends,
    a_wrong_password_tells_nothing,
    a_login_of_two_tenants_needs_the_tenant,
    a_locked_panel_lets_nobody_in,
    a_new_password_ends_the_sessions,
    tokens_allow_what_they_say_and_no_more,
    only_so_many_sessions,
    roles_of_the_tenant_s_own_are_made_changed_and_removed,
    a_role_holds_from_the_next_request,
    a_role_is_not_removed_while_it_is_given,
    nobody_signs_out_who_is_above,
    a_second_factor_is_asked_for_and_spent,
    codes_on_paper_are_good_for_one_time,
    a_budget_is_the_caller_s_at_once,
    acting_on_behalf_stands_in_the_platform_s_trail,
}

fn chief() -> Authority {
    Authority::of(Role::SuperAdmin)
}

struct Rig {
    db: TestDb,
    pool: PasswordPool,
    throttle: LoginThrottle,
    sealer: Sealer,
    clock: Clock,
    hand: MockClock,
}

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

impl Rig {
    fn new(db: TestDb) -> Self {
        let (clock, hand) = Clock::mock(NOW);
        let pool = PasswordPool::new(Cost::TEST).unwrap();
        Self {
            db,
            pool,
            throttle: LoginThrottle::new(),
            sealer: Sealer::new([(1, [9; 32])]).unwrap(),
            clock,
            hand,
        }
    }

    fn platform(&self) -> Platform {
        Platform::system("test", self.clock.wall())
    }

    async fn tenant(&self, slug: &str) -> Scope {
        let mut tx = self.db.begin().await.unwrap();
        let tenant = tenant::create(&mut tx, &self.platform(), TenantSpec::new(slug, slug)).await.unwrap();
        tx.commit().await.unwrap();
        self.platform().within(tenant.id)
    }

    async fn user(&self, scope: &Scope, login: &str, role: Role, password: &str) -> User {
        let password = self.pool.prepare(Some(SecretString::new(password.into()))).await.unwrap();
        let mut tx = self.db.begin().await.unwrap();
        let new = NewUser { login: login.into(), name: "Budi".into(), role, role_id: None };
        let user = create_user(&mut tx, scope, &chief(), new, &password).await.unwrap();
        tx.commit().await.unwrap();
        user
    }

    fn door(&self) -> Door<'_> {
        Door { db: &self.db, passwords: &self.pool, throttle: &self.throttle, sealer: &self.sealer }
    }

    async fn login(&self, login: &str, tenant: Option<&str>, password: &str) -> Result<SignedIn, LoginError> {
        self.login_with_code(login, tenant, password, None).await
    }

    async fn login_with_code(
        &self,
        login: &str,
        tenant: Option<&str>,
        password: &str,
        code: Option<&str>,
    ) -> Result<SignedIn, LoginError> {
        let request = LoginRequest {
            login: login.into(),
            tenant: tenant.map(str::to_owned),
            password: SecretString::new(password.into()),
            code: code.map(|code| SecretString::new(code.into())),
            address: ADDRESS,
            user_agent: Some("test\u{7}".repeat(100)),
        };
        self.door().login(self.clock.now(), request).await
    }

    async fn caller(&self, token: &Token) -> Option<Caller> {
        let mut conn = self.db.conn().await.unwrap();
        authenticate(&mut conn, token, self.clock.wall()).await.unwrap()
    }
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

async fn a_login_of_two_tenants_needs_the_tenant(db: TestDb) {
    let rig = Rig::new(db);
    let (one, two) = (rig.tenant("one").await, rig.tenant("two").await);
    rig.user(&one, "admin", Role::Admin, "password of one").await;
    let of_two = rig.user(&two, "admin", Role::Admin, "password of two").await;
    assert!(matches!(rig.login("admin", None, "password of one").await, Err(LoginError::Refused)));
    assert!(matches!(rig.login("admin", Some("two"), "password of one").await, Err(LoginError::Refused)));
    assert_eq!(rig.login("admin", Some("TWO"), "password of two").await.unwrap().user.id, of_two.id);

    let password = rig.pool.prepare(Some(SecretString::new("password of all".into()))).await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    let new = NewUser { login: "admin".into(), name: "Root".into(), role: Role::SuperAdmin, role_id: None };
    create_user(&mut tx, &rig.platform(), &chief(), new, &password).await.unwrap();
    tx.commit().await.unwrap();
    let root = rig.login("admin", None, "password of all").await.unwrap();
    assert_eq!(root.user.tenant, None, "the platform's own come first");
    assert!(rig.caller(&root.token).await.unwrap().may(Permission::Platform));
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
    assert!(matches!(revoke_token(&mut tx, &other, token.id).await, Err(TokenError::NotFound)));
    revoke_token(&mut tx, &scope, last.id).await.unwrap();
    revoke_token(&mut tx, &scope, last.id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(rig.caller(&second).await.is_none(), "revoked");
    let stranger = Token::parse(&format!("rrn_{}", "A".repeat(43))).unwrap();
    assert!(rig.caller(&stranger).await.is_none());
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

fn role(name: &str, permissions: &[Permission]) -> RoleSpec {
    RoleSpec { name: name.into(), permissions: Permissions::of(permissions.iter().copied()) }
}

async fn roles_of_the_tenant_s_own_are_made_changed_and_removed(db: TestDb) {
    use Permission as P;
    let rig = Rig::new(db);
    let (scope, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let own = Permissions::of([P::RoleWrite, P::PlanRead, P::SubscriberRead]);
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
    let all = Role::SuperAdmin.permissions();
    let platform = create_role(&mut tx, &scope, all, role("x", &[P::Platform])).await;
    assert!(matches!(platform, Err(RoleError::Invalid(_))), "not even the super admin");

    let spec = role("Kasir", &[P::PlanRead, P::SubscriberRead]);
    let stale = update_role(&mut tx, &scope, own, made.id, Some(made.version.next()), spec.clone()).await;
    assert!(matches!(stale, Err(RoleError::Stale(_))));
    let foreign = update_role(&mut tx, &other, own, made.id, None, spec.clone()).await;
    assert!(matches!(foreign, Err(RoleError::NotFound)));
    let changed = update_role(&mut tx, &scope, own, made.id, Some(made.version), spec.clone()).await.unwrap();
    assert_eq!((changed.permissions, changed.version), (spec.permissions, made.version.next()));
    let less = Permissions::of([P::RoleWrite, P::PlanRead]);
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
    let all = Role::Owner.permissions();
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
    let all = Role::Owner.permissions();
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

/// Turns the second factor of `user` on; gives its secret and its codes on paper.
async fn enrolled(rig: &Rig, scope: &Scope, user: &User) -> (Vec<u8>, Vec<SecretString>) {
    let act = |now| Platform::system("test", now).within(scope.tenant());
    let now = rig.clock.wall();
    let mut tx = rig.db.begin().await.unwrap();
    let made = begin_second_factor(&mut tx, &act(now), &rig.sealer, user).await.unwrap();
    let secret = data_encoding::BASE32_NOPAD.decode(made.secret.expose().as_bytes()).unwrap();
    assert!(made.address.expose().contains(made.secret.expose()));
    let wrong = confirm_second_factor(&mut tx, &act(now), &rig.sealer, user, "000000").await;
    assert!(matches!(wrong, Err(SecondFactorError::WrongCode)));
    let code = totp::code_at(&secret, now);
    let paper = confirm_second_factor(&mut tx, &act(now), &rig.sealer, user, &code).await.unwrap();
    let again = begin_second_factor(&mut tx, &act(now), &rig.sealer, user).await;
    assert!(matches!(again, Err(SecondFactorError::AlreadyOn)));
    tx.commit().await.unwrap();
    (secret, paper)
}

async fn a_second_factor_is_asked_for_and_spent(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let user = rig.user(&scope, "budi", Role::Owner, "a long password").await;
    let mut tx = rig.db.begin().await.unwrap();
    begin_second_factor(&mut tx, &scope, &rig.sealer, &user).await.unwrap();
    tx.commit().await.unwrap();
    rig.login("budi", None, "a long password").await.unwrap();
    let (secret, _) = enrolled(&rig, &scope, &user).await;
    let login = |password: &'static str, code: Option<String>| {
        let rig = &rig;
        async move { rig.login_with_code("budi", None, password, code.as_deref()).await }
    };
    let now = || totp::code_at(&secret, rig.clock.wall());
    assert!(
        matches!(login("wrong", Some(now())).await, Err(LoginError::Refused)),
        "the password comes first"
    );
    assert!(matches!(login("a long password", None).await, Err(LoginError::SecondFactorRequired)));
    let spent = login("a long password", Some(now())).await;
    assert!(matches!(spent, Err(LoginError::SecondFactorRefused)), "the code of the enrolment is spent");
    rig.hand.advance(Duration::from_secs(30));
    let signed_in = login("a long password", Some(now())).await.unwrap();
    assert!(signed_in.user.second_factor);
    assert!(matches!(login("a long password", Some(now())).await, Err(LoginError::SecondFactorRefused)));
    // An older code that would still be within the drift does not count behind a newer one.
    rig.hand.advance(Duration::from_secs(60));
    let older = totp::code_at(&secret, rig.clock.wall().saturating_sub(Duration::from_secs(30)));
    login("a long password", Some(now())).await.unwrap();
    assert!(matches!(login("a long password", Some(older)).await, Err(LoginError::SecondFactorRefused)));

    let mut refused = 0;
    while matches!(
        login("a long password", Some("123456".into())).await,
        Err(LoginError::SecondFactorRefused)
    ) {
        refused += 1;
    }
    assert!(refused <= 5, "guessing is slowed down");
    rig.hand.advance(Duration::from_secs(60));
    login("a long password", Some(now())).await.unwrap();

    let mut tx = rig.db.begin().await.unwrap();
    end_second_factor(&mut tx, &scope, &user).await.unwrap();
    assert!(matches!(end_second_factor(&mut tx, &scope, &user).await, Err(SecondFactorError::NotBegun)));
    tx.commit().await.unwrap();
    assert!(!login("a long password", None).await.unwrap().user.second_factor);
    let mut conn = rig.db.conn().await.unwrap();
    let trail = audit::list(&mut conn, &scope, &audit::Filter::default(), &PageRequest::new(None, None))
        .await
        .unwrap();
    let acts: Vec<&str> = trail.rows.iter().map(|entry| entry.act.as_str()).collect();
    assert!(acts.contains(&"user.second_factor_on") && acts.contains(&"user.second_factor_off"));
    let base32 = data_encoding::BASE32_NOPAD.encode(&secret);
    assert!(!format!("{trail:?}").contains(&base32));
}

async fn codes_on_paper_are_good_for_one_time(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let user = rig.user(&scope, "budi", Role::Owner, "a long password").await;
    let siti = rig.user(&scope, "siti", Role::Owner, "a long password").await;
    let (_, paper) = enrolled(&rig, &scope, &user).await;
    enrolled(&rig, &scope, &siti).await;
    assert_eq!(paper.len(), 10);
    let login = |login: &'static str, code: SecretString| {
        let rig = &rig;
        async move { rig.login_with_code(login, None, "a long password", Some(code.expose())).await }
    };
    let other = login("siti", paper[0].clone()).await;
    assert!(matches!(other, Err(LoginError::SecondFactorRefused)), "another person's");
    login("budi", paper[0].clone()).await.unwrap();
    assert!(matches!(login("budi", paper[0].clone()).await, Err(LoginError::SecondFactorRefused)));
    login("budi", SecretString::new(paper[1].expose().replace('-', " "))).await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    reset_second_factor(&mut tx, &scope, &chief(), user.id).await.unwrap();
    reset_second_factor(&mut tx, &scope, &chief(), user.id).await.unwrap();
    tx.commit().await.unwrap();
    rig.login("budi", None, "a long password").await.unwrap();
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
