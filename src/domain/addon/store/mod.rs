//! The SQL of add-ons.

pub(super) mod catalogue;
pub(super) mod charge;
pub(super) mod tenant_addon;
