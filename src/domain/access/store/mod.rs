//! The SQL of people, sessions and tokens.

pub(super) mod api_token;
pub(super) mod session;
pub(super) mod user;
