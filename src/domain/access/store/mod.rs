//! The SQL of people and their roles, second factors, sessions, tokens and budgets.

pub(super) mod api_token;
pub(super) mod budget;
pub(super) mod role;
pub(super) mod second_factor;
pub(super) mod session;
pub(super) mod user;
