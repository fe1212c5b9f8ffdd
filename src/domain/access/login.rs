//! Signing in and out.

use std::{net::IpAddr, time::Duration};

use base::{Actor, LoginSessionId, Now, Platform, SecretString, TenantId, Timestamp, UserId, seal::Sealer};
use foundation::{Db, Origin, Tx, audit, db};
use serde::Serialize;

use super::{
    super::tenant::{self, TenantStatus},
    Authority, HashError, LoginThrottle, PasswordPool, SecondFactorError, Throttled, Token, User,
    refusal::Attempt,
    second_factor::{self, Spent},
    store,
    token::TokenKind,
};

/// How long a session lasts: a working day. Nothing prolongs it.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(12);
/// Sessions that a person may have at a time; the oldest ends when another begins.
const MAX_SESSIONS: i64 = 20;
/// How long ended sessions are kept for whoever asks who was signed in.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Rows that one sweep removes.
const SWEEP: i64 = 500;
/// People with one login whose passwords are compared where no tenant is named. With more of them the tenant must be.
const HOLDERS: usize = 4;
/// Octets of a browser's name for itself that are kept.
const MAX_USER_AGENT: usize = 200;

/// What somebody shows at the door.
#[derive(Clone, Debug)]
pub struct LoginRequest {
    /// E-mail address or user name.
    pub login: String,
    /// The tenant's short name; may be left out while the password tells who of those with the login is meant.
    pub tenant: Option<String>,
    /// The password.
    pub password: SecretString,
    /// A code of the second factor, or one on paper.
    pub code: Option<SecretString>,
    /// From where.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
}

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginSession {
    /// Its id.
    pub id: LoginSessionId,
    /// Whose.
    pub user: UserId,
    /// From where.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Somebody who is signed in now.
#[derive(Debug)]
pub struct SignedIn {
    /// The person.
    pub user: User,
    /// The session.
    pub session: LoginSession,
    /// What the browser shows from now on.
    pub token: Token,
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Unknown, locked, or the wrong password: which of them is nobody's business.
    #[error("login or password is wrong")]
    Refused,
    /// Too many attempts.
    #[error("sign-in is throttled")]
    Throttled(#[from] Throttled),
    /// The password is right, and a code is asked for besides.
    #[error("a code of the second factor is needed")]
    SecondFactorRequired,
    /// The password is right, the code is not.
    #[error("the code is wrong, or was used before")]
    SecondFactorRefused,
    /// Everything is right, but the tenant's panel is locked.
    #[error("the panel of this tenant is locked: it is {status}")]
    PanelLocked {
        /// Which tenant.
        tenant: TenantId,
        /// How it stands.
        status: TenantStatus,
    },
    /// The second factor cannot be looked at.
    #[error("the second factor cannot be verified")]
    SecondFactor(#[source] SecondFactorError),
    /// Too many people at the door.
    #[error("the password cannot be verified now")]
    Password(#[from] HashError),
    /// The database cannot be used.
    #[error("the session cannot be stored")]
    Database(#[from] db::Error),
}

/// What signing in needs. The password is hashed outside of any transaction, which is why this takes the database itself.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// Where people and sessions are.
    pub db: &'a Db,
    /// Verifies passwords.
    pub passwords: &'a PasswordPool,
    /// Slows guessing down.
    pub throttle: &'a LoginThrottle,
    /// Opens second factors' secrets.
    pub sealer: &'a Sealer,
}

impl Door<'_> {
    /// Signs somebody in. Takes as long for an unknown login as for a wrong password, and without a tenant as long for one
    /// person with the login as for several.
    ///
    /// # Errors
    /// As [`LoginError`] says.
    pub async fn login(&self, now: Now, request: LoginRequest) -> Result<SignedIn, LoginError> {
        let attempt = Attempt {
            login: request.login.trim().to_lowercase(),
            slug: request.tenant.as_deref().map(|slug| slug.trim().to_lowercase()),
            address: request.address,
        };
        let mut meant = None;
        let outcome = self.sign_in(now, &attempt, request, &mut meant).await;
        if let Err(error) = &outcome {
            self.note_refusal(now, &attempt, meant.as_ref(), error).await;
        }
        outcome
    }

    /// The same; whoever is meant is told besides, as soon as it is known.
    async fn sign_in(
        &self,
        now: Now,
        attempt: &Attempt,
        request: LoginRequest,
        meant: &mut Option<User>,
    ) -> Result<SignedIn, LoginError> {
        let Attempt { login, slug, address } = attempt;
        let slug = slug.as_deref();
        self.throttle.admit(login, slug, *address, now)?;
        let door = Platform { from: Some(*address), ..Platform::system("access.login", now.wall) };

        let mut conn = self.db.conn().await?;
        let (people, hashes): (Vec<_>, _) = find(&mut conn, &door, attempt).await?.into_iter().unzip();
        drop(conn);
        *meant = only(&people).cloned();
        // What was asked for decides how long it takes, and nothing of what is there.
        let places = if slug.is_some() { 1 } else { HOLDERS };
        let right = self.passwords.verify_each(request.password, hashes, places).await?;
        let user = let_in(people, &right).ok_or(LoginError::Refused)?;
        *meant = Some(user.clone());
        self.throttle.succeeded(login, slug, *address);

        let act = Platform { actor: Actor::User(user.id), ..door };
        self.second_factor(now, &act, &user, request.code).await?;

        let mut tx = self.db.begin().await?;
        if let Some(tenant) = user.tenant {
            let tenant = tenant::find(&mut tx, &act, tenant).await?.ok_or(LoginError::Refused)?;
            if !tenant.status.panel_is_open() {
                return Err(LoginError::PanelLocked { tenant: tenant.id, status: tenant.status });
            }
        }
        let token = Token::generate(TokenKind::Session);
        let session = LoginSession {
            id: LoginSessionId::generate(now.wall),
            user: user.id,
            address: Some(request.address.to_string()),
            user_agent: request.user_agent.map(|name| shortened(&name)),
            created_at: now.wall,
            expires_at: now.wall.saturating_add(SESSION_LIFETIME),
        };
        // What changed since the password was looked at, such as another password, keeps the person out.
        if !store::user::note_login(&mut tx, &user, now.wall).await? {
            return Err(LoginError::Refused);
        }
        store::session::insert(&mut tx, user.tenant, &session, token.hash()).await?;
        store::session::end_oldest(&mut tx, user.id, MAX_SESSIONS, now.wall).await?;
        note(&mut tx, &act, &user, audit::Entry::new("user.login", "user", user.id).after(&session));
        tx.commit().await?;
        Ok(SignedIn { user, session, token })
    }

    /// Asks for the second factor where there is one. The password was right: whoever guesses codes is slowed down for
    /// the person, wherever the guesses come from.
    async fn second_factor(
        &self,
        now: Now,
        act: &Platform,
        user: &User,
        code: Option<SecretString>,
    ) -> Result<(), LoginError> {
        let mut conn = self.db.conn().await?;
        let Some(factor) = second_factor::asked_for(&mut conn, user.id).await? else { return Ok(()) };
        drop(conn);
        let Some(code) = code else { return Err(LoginError::SecondFactorRequired) };
        self.throttle.admit_code(user.id, now)?;
        let mut tx = self.db.begin().await?;
        let spent = second_factor::spend(&mut tx, self.sealer, user, &factor, code.expose(), now.wall).await;
        match spent.map_err(LoginError::second_factor)? {
            Some(Spent::Device) => {}
            Some(Spent::Paper) => {
                note(&mut tx, act, user, audit::Entry::new("user.recovery_code", "user", user.id));
            }
            None => return Err(LoginError::SecondFactorRefused),
        }
        // Spent for good, whatever becomes of the session.
        tx.commit().await?;
        self.throttle.code_succeeded(user.id);
        Ok(())
    }

    /// Whether `password` is the person's own: before it is replaced, or before something that needs it again. Throttled
    /// as signing in is.
    ///
    /// # Errors
    /// As [`LoginError`] says; [`LoginError::Refused`] stands for a wrong password.
    pub async fn verify_own_password(
        &self,
        now: Now,
        address: IpAddr,
        user: &User,
        password: SecretString,
    ) -> Result<(), LoginError> {
        let outcome = self.verify(now, address, user, password).await;
        if let Err(error) = &outcome {
            let attempt = Attempt { login: user.login.clone(), slug: None, address };
            self.note_refusal(now, &attempt, Some(user), error).await;
        }
        outcome
    }

    async fn verify(
        &self,
        now: Now,
        address: IpAddr,
        user: &User,
        password: SecretString,
    ) -> Result<(), LoginError> {
        let tenant = user.tenant.map(|tenant| tenant.to_string());
        self.throttle.admit(&user.login, tenant.as_deref(), address, now)?;
        let mut conn = self.db.conn().await?;
        let found = store::user::find_login(&mut conn, &user.login, user.tenant).await?;
        drop(conn);
        if !self.passwords.verify(password, found.map(|(_, hash)| hash)).await? {
            return Err(LoginError::Refused);
        }
        self.throttle.succeeded(&user.login, tenant.as_deref(), address);
        Ok(())
    }
}

impl LoginError {
    fn second_factor(error: SecondFactorError) -> Self {
        match error {
            SecondFactorError::Database(error) => Self::Database(error),
            other => Self::SecondFactor(other),
        }
    }
}

pub(super) fn note(tx: &mut Tx, act: &Platform, user: &User, entry: audit::Entry) {
    match user.tenant {
        Some(tenant) => tx.audit(&act.within(tenant), entry),
        None => tx.audit(act, entry),
    }
}

/// Whoever may be meant, with the hashes of their passwords.
pub(super) async fn find(
    conn: &mut foundation::Conn,
    door: &Platform,
    attempt: &Attempt,
) -> db::Result<Vec<(User, String)>> {
    let Attempt { login, slug, .. } = attempt;
    if let Some(slug) = slug {
        let found = match tenant::find_by_slug(conn, door, slug).await? {
            Some(tenant) => store::user::find_login(conn, login, Some(tenant.id)).await?,
            None => None,
        };
        return Ok(found.into_iter().collect());
    }
    let mut holders = store::user::find_logins(conn, login, HOLDERS as i64 + 1).await?;
    if holders.len() > HOLDERS {
        // However many tenants give somebody the same login, the platform's own are let in.
        holders.retain(|(user, _)| user.tenant.is_none());
    }
    Ok(holders)
}

/// The person of a login that is nobody else's.
pub(super) fn only<T>(holders: &[T]) -> Option<&T> {
    let [only] = holders else { return None };
    Some(only)
}

/// The one whose password was right: the platform's own before all others, and of the tenants' people nobody where the password
/// is that of several.
fn let_in(people: Vec<User>, right: &[bool]) -> Option<User> {
    let mut matching =
        people.into_iter().zip(right).filter(|(user, right)| **right && !user.disabled).map(|(user, _)| user);
    let first = matching.next()?;
    (first.tenant.is_none() || matching.next().is_none()).then_some(first)
}

/// Ends the session that shows `token`. Doing it twice does no harm.
///
/// # Errors
/// When the database cannot be used.
pub async fn logout(tx: &mut Tx, origin: &impl Origin, token: &Token) -> db::Result<()> {
    if let Some(user) = store::session::end(tx, token.hash(), origin.act().now).await? {
        tx.audit(origin, audit::Entry::new("user.logout", "user", user));
    }
    Ok(())
}

/// Ends all sessions of a person of the origin's tenant, or of the platform, who may be oneself.
///
/// # Errors
/// When there is no such person or the manager's role may not manage that one, or the database cannot be used.
pub async fn end_sessions(
    tx: &mut Tx,
    origin: &impl Origin,
    manager: &Authority,
    user: UserId,
) -> Result<u64, super::UserError> {
    let person = super::load_user(tx, origin, user).await?;
    if origin.act().actor != Actor::User(user) {
        super::user::allow(manager, &person)?;
    }
    let ended = store::session::end_all(tx, user, None, origin.act().now).await?;
    tx.audit(origin, audit::Entry::new("user.end_sessions", "user", user));
    Ok(ended)
}

/// Removes sessions that are long over; says how many.
///
/// # Errors
/// When the database cannot be used.
pub async fn sweep_sessions(tx: &mut Tx, platform: &Platform) -> db::Result<u64> {
    store::session::sweep(tx, platform.now().saturating_sub(KEPT), SWEEP).await
}

fn shortened(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars().filter(|character| !character.is_control()) {
        if text.len() + character.len_utf8() > MAX_USER_AGENT {
            break;
        }
        text.push(character);
    }
    text
}
