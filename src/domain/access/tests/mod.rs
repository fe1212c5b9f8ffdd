//! Who may sign in and what for, on both databases: `people` · `signing_in` · `tokens` · `roles` · `second_factors`.

mod people;
mod roles;
mod second_factors;
mod signing_in;
mod tokens;

use std::{net::IpAddr, time::Duration};

use base::{Clock, MockClock, Platform, Scope, SecretString, UserId, page::PageRequest, seal::Sealer};
use foundation::{
    audit,
    testing::{NOW, TestDb},
};

use super::*;
use crate::domain::tenant::{self, TenantSpec, TenantStatus};

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

fn role(name: &str, permissions: &[Permission]) -> RoleSpec {
    RoleSpec { name: name.into(), permissions: Permissions::of(permissions.iter().copied()) }
}
