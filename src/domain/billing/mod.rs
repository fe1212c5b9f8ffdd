//! Money that is owed. `saas` what tenants owe the platform.

pub mod saas;
