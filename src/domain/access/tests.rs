//! People, sessions and tokens, on both databases.

use std::{net::IpAddr, time::Duration};

use base::{Clock, MockClock, Platform, Scope, SecretString, page::PageRequest};
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
}

struct Rig {
    db: TestDb,
    pool: PasswordPool,
    throttle: LoginThrottle,
    clock: Clock,
    hand: MockClock,
}

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

impl Rig {
    fn new(db: TestDb) -> Self {
        let (clock, hand) = Clock::mock(NOW);
        let pool = PasswordPool::new(Cost::TEST).unwrap();
        Self { db, pool, throttle: LoginThrottle::new(), clock, hand }
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
        let new = NewUser { login: login.into(), name: "Budi".into(), role };
        let user = create_user(&mut tx, scope, Role::SuperAdmin, new, &password).await.unwrap();
        tx.commit().await.unwrap();
        user
    }

    async fn login(&self, login: &str, tenant: Option<&str>, password: &str) -> Result<SignedIn, LoginError> {
        let request = LoginRequest {
            login: login.into(),
            tenant: tenant.map(str::to_owned),
            password: SecretString::new(password.into()),
            address: ADDRESS,
            user_agent: Some("test\u{7}".repeat(100)),
        };
        super::login(&self.db, &self.pool, &self.throttle, self.clock.now(), request).await
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
    let new = |login: &str, role| NewUser { login: login.into(), name: "Siti".into(), role };
    let noc = create_user(&mut tx, &scope, Role::Admin, new("noc", Role::Noc), &password).await.unwrap();
    assert!(noc.password_expired, "we made the password");
    for (manager, role) in [(Role::Admin, Role::Owner), (Role::Noc, Role::Viewer), (Role::Admin, Role::Admin)]
    {
        let refused = create_user(&mut tx, &scope, manager, new("x", role), &password).await;
        assert!(matches!(refused, Err(UserError::NotAllowed { .. })), "{manager} {role}");
    }
    let refused = create_user(&mut tx, &scope, Role::SuperAdmin, new("x", Role::SuperAdmin), &password).await;
    assert!(matches!(refused, Err(UserError::Invalid(_))), "not in a tenant");

    let promote = UserChange { role: Some(Role::Owner), ..UserChange::default() };
    let refused = update_user(&mut tx, &scope, Role::Admin, noc.id, None, promote.clone()).await;
    assert!(matches!(refused, Err(UserError::NotAllowed { .. })));
    let refused =
        update_user(&mut tx, &scope, Role::Owner, noc.id, Some(noc.version.next()), promote.clone()).await;
    assert!(matches!(refused, Err(UserError::Stale(_))));
    let promoted =
        update_user(&mut tx, &scope, Role::Owner, noc.id, Some(noc.version), promote).await.unwrap();
    assert_eq!((promoted.role, promoted.version), (Role::Owner, noc.version.next()));

    let other = rig.platform().within(base::TenantId::generate(NOW));
    assert!(matches!(load_user(&mut tx, &other, noc.id).await, Err(UserError::NotFound)));
    let page = list_users(&mut tx, &scope, &PageRequest::new(Some(1), None)).await.unwrap();
    let rest = list_users(&mut tx, &scope, &PageRequest::new(Some(1), page.next)).await.unwrap();
    assert_eq!([page.rows[0].id, rest.rows[0].id].len(), 2);
    assert!(rest.next.is_none());
    delete_user(&mut tx, &scope, Role::Owner, noc.id).await.unwrap();
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
    let new = NewUser { login: "ADMIN".into(), name: "Budi".into(), role: Role::Viewer };
    let mut tx = rig.db.begin().await.unwrap();
    let again = create_user(&mut tx, &one, Role::Owner, new.clone(), &password).await;
    assert!(matches!(again, Err(UserError::LoginTaken)));
    delete_user(&mut tx, &one, Role::Owner, user.id).await.unwrap();
    create_user(&mut tx, &one, Role::Owner, new, &password).await.unwrap();
    let platform = rig.platform();
    let new = NewUser { login: "admin".into(), name: "Root".into(), role: Role::SuperAdmin };
    create_user(&mut tx, &platform, Role::SuperAdmin, new.clone(), &password).await.unwrap();
    let again = create_user(&mut tx, &platform, Role::SuperAdmin, new, &password).await;
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
    update_user(&mut tx, &scope, Role::Owner, user.id, None, lock).await.unwrap();
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
    let new = NewUser { login: "admin".into(), name: "Root".into(), role: Role::SuperAdmin };
    create_user(&mut tx, &rig.platform(), Role::SuperAdmin, new, &password).await.unwrap();
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
        assert!(rig.caller(&before.token).await.is_none(), "open sessions are locked out as well");
        let refused = rig.login("budi", None, "a long password").await;
        assert!(matches!(refused, Err(LoginError::PanelLocked(of)) if of == status));
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
        verify_own_password(&rig.db, &rig.pool, &rig.throttle, rig.clock.now(), ADDRESS, &user, password)
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
        set_password(&mut tx, &scope, Role::Noc, user.id, &reset).await,
        Err(UserError::NotAllowed { .. })
    ));
    let after = set_password(&mut tx, &scope, Role::SuperAdmin, user.id, &reset).await.unwrap();
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
    update_user(&mut tx, &scope, Role::Owner, maker.id, None, demote).await.unwrap();
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
    assert_eq!(end_sessions(&mut tx, &scope, user.id).await.unwrap(), 20);
    tx.commit().await.unwrap();
    assert!(rig.caller(&sessions[20].token).await.is_none());
}
