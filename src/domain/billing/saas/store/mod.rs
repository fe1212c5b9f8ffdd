//! The SQL of what tenants owe the platform.

pub(super) mod account;
pub(super) mod invoice;
