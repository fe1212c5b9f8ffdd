//! Who may use the panel and the API: people with a role, programs with a token.
//!
//! `permission` what may be done and by which role · `caller` who a request comes from · `login` signing in and out ·
//! `user` the people · `api_token` the programs · `password`, `token`, `throttle` the means.

mod api_token;
mod caller;
mod login;
mod password;
mod permission;
mod store;
mod throttle;
mod token;
mod user;

#[cfg(test)]
mod tests;

pub use api_token::{ApiToken, NewApiToken, TokenError, create_token, list_tokens, revoke_token};
pub use caller::{Act, Caller, authenticate};
pub use login::{
    LoginError, LoginRequest, LoginSession, SESSION_LIFETIME, SignedIn, end_sessions, login, logout,
    sweep_sessions, verify_own_password,
};
pub use password::{Cost, HashError, PasswordPool, PreparedPassword};
pub use permission::{Permission, Permissions, Role};
pub use throttle::{LoginThrottle, Throttled};
pub use token::{Token, TokenKind};
pub use user::{
    NewUser, User, UserChange, UserError, change_password, create_user, delete_user, find_platform_login,
    list_users, load_user, platform_has_users, set_password, update_user,
};
