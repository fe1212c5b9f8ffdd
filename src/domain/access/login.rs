//! Signing in and out.

use std::{net::IpAddr, time::Duration};

use base::{Actor, LoginSessionId, Now, Platform, SecretString, Timestamp, UserId};
use foundation::{Db, Origin, Tx, audit, db};
use serde::Serialize;

use super::{
    super::tenant::{self, TenantStatus},
    HashError, LoginThrottle, PasswordPool, Throttled, Token, User, store,
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
/// Octets of a browser's name for itself that are kept.
const MAX_USER_AGENT: usize = 200;

/// What somebody shows at the door.
#[derive(Clone, Debug)]
pub struct LoginRequest {
    /// E-mail address or user name.
    pub login: String,
    /// The tenant's short name; may be left out while the login is unique on the platform.
    pub tenant: Option<String>,
    /// The password.
    pub password: SecretString,
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
    /// The password is right, but the tenant's panel is locked.
    #[error("the panel of this tenant is locked: it is {0}")]
    PanelLocked(TenantStatus),
    /// Too many people at the door.
    #[error("the password cannot be verified now")]
    Password(#[from] HashError),
    /// The database cannot be used.
    #[error("the session cannot be stored")]
    Database(#[from] db::Error),
}

/// Signs somebody in. Takes as long for an unknown login as for a wrong password. The password is hashed outside of any
/// transaction, which is why this takes the database itself.
///
/// # Errors
/// As [`LoginError`] says.
pub async fn login(
    db: &Db,
    pool: &PasswordPool,
    throttle: &LoginThrottle,
    now: Now,
    request: LoginRequest,
) -> Result<SignedIn, LoginError> {
    let login = request.login.trim().to_lowercase();
    throttle.admit(&login, request.address, now)?;
    let door = Platform { from: Some(request.address), ..Platform::system("access.login", now.wall) };

    let mut conn = db.conn().await?;
    let found = find(&mut conn, &door, &login, request.tenant.as_deref()).await?;
    drop(conn);
    let (user, hash) = found.unzip();
    let right = pool.verify(request.password, hash).await?;
    let Some(user) = user.filter(|user| right && !user.disabled) else { return Err(LoginError::Refused) };
    throttle.succeeded(&login, request.address);

    let mut tx = db.begin().await?;
    let act = Platform { actor: Actor::User(user.id), ..door };
    if let Some(tenant) = user.tenant {
        let tenant = tenant::find(&mut tx, &act, tenant).await?.ok_or(LoginError::Refused)?;
        if !tenant.status.panel_is_open() {
            return Err(LoginError::PanelLocked(tenant.status));
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
    let entry = audit::Entry::new("user.login", "user", user.id).after(&session);
    match user.tenant {
        Some(tenant) => tx.audit(&act.within(tenant), entry),
        None => tx.audit(&act, entry),
    }
    tx.commit().await?;
    Ok(SignedIn { user, session, token })
}

/// The person that is meant, with the hash of the password.
async fn find(
    conn: &mut foundation::Conn,
    door: &Platform,
    login: &str,
    slug: Option<&str>,
) -> db::Result<Option<(User, String)>> {
    if let Some(slug) = slug {
        let tenant = tenant::find_by_slug(conn, door, &slug.trim().to_lowercase()).await?;
        return match tenant {
            Some(tenant) => store::user::find_login(conn, login, Some(tenant.id)).await,
            None => Ok(None),
        };
    }
    // The platform's own come first: a tenant that gives somebody the same login does not stand in their way.
    match store::user::find_login(conn, login, None).await? {
        Some(found) => Ok(Some(found)),
        None => store::user::find_only_login(conn, login).await,
    }
}

/// Whether `password` is the person's own: before it is replaced, or before something that needs it again. Throttled as
/// signing in is.
///
/// # Errors
/// As [`LoginError`] says; [`LoginError::Refused`] stands for a wrong password.
pub async fn verify_own_password(
    db: &Db,
    pool: &PasswordPool,
    throttle: &LoginThrottle,
    now: Now,
    address: IpAddr,
    user: &User,
    password: SecretString,
) -> Result<(), LoginError> {
    throttle.admit(&user.login, address, now)?;
    let mut conn = db.conn().await?;
    let found = store::user::find_login(&mut conn, &user.login, user.tenant).await?;
    drop(conn);
    if !pool.verify(password, found.map(|(_, hash)| hash)).await? {
        return Err(LoginError::Refused);
    }
    throttle.succeeded(&user.login, address);
    Ok(())
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

/// Ends all sessions of a person of the origin's tenant, or of the platform.
///
/// # Errors
/// When there is no such person, or the database cannot be used.
pub async fn end_sessions(tx: &mut Tx, origin: &impl Origin, user: UserId) -> Result<u64, super::UserError> {
    super::load_user(tx, origin, user).await?;
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
