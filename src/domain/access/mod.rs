//! Who may use the panel and the API: people with a role, programs with a token.
//!
//! `permission` what may be done · `role` by whom · `custom_role` the tenants' own roles · `caller` who a request comes
//! from · `login` signing in and out · `second_factor` what is asked for besides the password · `user` the people ·
//! `api_token` the programs · `budget` how much a tenant may ask · `password`, `token`, `totp`, `throttle` the means.

mod api_token;
mod budget;
mod caller;
mod custom_role;
mod login;
mod password;
mod permission;
mod refusal;
mod role;
mod second_factor;
mod store;
mod throttle;
mod token;
mod totp;
mod user;

#[cfg(test)]
mod tests;

pub use api_token::{ApiToken, NewApiToken, TokenError, create_token, list_tokens, revoke_token};
pub use budget::{ApiBudget, BudgetError, load_budget, set_budget};
pub use caller::{Act, Caller, authenticate, note_acting_on_behalf, note_reading};
pub use custom_role::{
    CustomRole, RoleError, RoleSpec, create_role, delete_role, list_roles, load_role, update_role,
};
pub use login::{
    Door, LoginError, LoginRequest, LoginSession, SESSION_LIFETIME, SignedIn, end_sessions, logout,
    sweep_sessions,
};
pub use password::{Cost, HashError, PasswordPool, PreparedPassword};
pub use permission::{Permission, Permissions};
pub use refusal::Refusal;
pub use role::{Authority, Role};
pub use second_factor::{
    Enrolment, SecondFactorError, begin_second_factor, confirm_second_factor, end_second_factor,
    reset_second_factor,
};
pub use throttle::{LoginThrottle, Throttled};
pub use token::{Token, TokenKind};
pub use user::{
    NewUser, User, UserChange, UserError, change_password, create_user, delete_user, find_platform_login,
    list_users, load_user, platform_has_users, set_password, update_user,
};
