//! Tokens of programs.

use base::{
    Actor, ApiTokenId, Timestamp, UserId,
    page::{Page, PageRequest},
};
use foundation::{Conn, Origin, Tx, audit, db};
use serde::Serialize;

use super::{
    super::values::{Invalid, invalid::ensure, text},
    Authority, Permission, Permissions, Role, Token, store,
    token::TokenKind,
    user::tenant_of,
};

/// A program's token, without what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// What it is for.
    pub name: String,
    /// What it may do, as far as whoever made it still may.
    #[schema(value_type = Vec<Permission>)]
    pub permissions: Permissions,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it works.
    pub expires_at: Option<Timestamp>,
    /// Since when it does not work any more.
    pub revoked_at: Option<Timestamp>,
}

/// A token to be.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub permissions: Permissions,
    /// Until when it works.
    pub expires_at: Option<Timestamp>,
}

/// Why something cannot be done with a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is no such token here.
    #[error("there is no such token")]
    NotFound,
    /// A value cannot be accepted.
    #[error("the token cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The maker may not do this itself.
    #[error("nobody can give a permission that is not the own: {}", .0.as_str())]
    NotAllowed(Permission),
    /// Whoever made the token is nobody whom the caller manages.
    #[error("a {manager} with these permissions may not revoke a token of a {maker}")]
    NotManaged {
        /// The caller's role.
        manager: Role,
        /// The role of whoever made the token.
        maker: Role,
    },
    /// A program asks, whose own token may end tomorrow.
    #[error("a program's token makes no other: it would outlive it")]
    ByProgram,
    /// The database refused.
    #[error("the token cannot be stored")]
    Database(#[from] db::Error),
}

/// Makes a token for `maker`, who has the permissions `own`. The token is shown once, here. A program makes none: what it
/// made would work on after its own token has expired or was revoked.
///
/// # Errors
/// As [`TokenError`] says.
pub async fn create_token(
    tx: &mut Tx,
    origin: &impl Origin,
    maker: UserId,
    own: Permissions,
    new: NewApiToken,
) -> Result<(ApiToken, Token), TokenError> {
    if matches!(origin.act().actor, Actor::Token(_)) {
        return Err(TokenError::ByProgram);
    }
    if let Some(missing) = new.permissions.iter().find(|permission| !own.allow(*permission)) {
        return Err(TokenError::NotAllowed(missing));
    }
    let now = origin.act().now;
    ensure(new.expires_at.is_none_or(|at| at > now), "expiresAt", "must be in the future")?;
    ensure(new.permissions != Permissions::NONE, "permissions", "must not be empty")?;
    let secret = Token::generate(TokenKind::Api);
    let token = ApiToken {
        id: ApiTokenId::generate(now),
        name: text::required("name", &new.name, text::MAX_NAME)?,
        permissions: new.permissions,
        created_by: maker,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    store::api_token::insert(tx, tenant_of(origin), &token, secret.hash()).await?;
    tx.audit(origin, audit::Entry::new("token.create", "token", token.id).after(&token));
    Ok((token, secret))
}

/// The tokens of the origin's tenant, or of the platform, in the order of their making.
///
/// # Errors
/// When the page's cursor is none of ours, or the database cannot be read.
pub async fn list_tokens(
    conn: &mut Conn,
    origin: &impl Origin,
    request: &PageRequest,
) -> Result<Page<ApiToken>, TokenError> {
    let after =
        request.after().map(str::parse).transpose().map_err(|_| Invalid::new("after", "is no cursor"))?;
    let rows = store::api_token::list(conn, tenant_of(origin), after, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(rows, request, |token| token.id.to_string()))
}

/// Makes a token worthless: one of the own, or of somebody whom `manager`, which is what `user` is and may do, manages.
/// Doing it twice does no harm.
///
/// # Errors
/// As [`TokenError`] says.
pub async fn revoke_token(
    tx: &mut Tx,
    origin: &impl Origin,
    user: UserId,
    manager: &Authority,
    id: ApiTokenId,
) -> Result<(), TokenError> {
    let tenant = tenant_of(origin);
    let token = store::api_token::find(tx, tenant, id).await?.ok_or(TokenError::NotFound)?;
    // Also the tokens of who was removed, which were revoked then.
    if token.revoked_at.is_some() {
        return Ok(());
    }
    if token.created_by != user {
        let maker = store::user::find(tx, tenant, token.created_by).await?;
        // Who makes a tenant's token and is nobody of it comes from the platform.
        let maker = maker.map_or_else(|| Authority::of(Role::SuperAdmin), |maker| maker.authority());
        if !manager.manages(&maker) {
            return Err(TokenError::NotManaged { manager: manager.role, maker: maker.role });
        }
    }
    if store::api_token::revoke(tx, id, origin.act().now).await? {
        tx.audit(origin, audit::Entry::new("token.revoke", "token", id).before(&token));
    }
    Ok(())
}
