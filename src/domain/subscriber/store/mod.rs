//! The SQL of customers and subscribers.

pub(super) mod customer;
pub(super) mod directory;
pub(super) mod import;
pub(super) mod list;
pub(super) mod subscriber;
