//! The SQL of tenants and of what the platform sells them.

pub(super) mod feature;
pub(super) mod limit;
pub(super) mod saas_plan;
pub(super) mod setting;
pub(super) mod tenant;
