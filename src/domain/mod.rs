//! The business. Each folder is alike: `mod.rs` holds types and services, `store.rs` the SQL, `jobs.rs` and `react.rs`
//! what runs in the background. A folder may use those that stand before it in this list, through their `mod.rs`:
//!
//! 1. [`values`], what all of them share; [`event`], what they tell each other against this order
//! 2. [`tenant`], the providers on this platform
//! 3. [`access`], people, sessions, tokens
//! 4. [`addon`], what a tenant buys besides its plan
//! 5. [`nas`], routers
//! 6. [`plan`], what is sold
//! 7. [`subscriber`], customers and their services
//! 8. [`session`], who is and was online: applies the journal
//! 9. [`isolir`], isolating and lifting, in the database and on the network
//! 10. [`billing`], invoices: of the platform to its tenants
//! 11. [`notice`], what the super admin is told over webhook and mail

pub mod access;
pub mod addon;
pub mod billing;
pub mod event;
pub mod isolir;
pub mod nas;
pub mod notice;
pub mod plan;
pub mod session;
pub mod subscriber;
pub mod tenant;
pub mod values;
