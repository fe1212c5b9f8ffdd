//! The business. Each folder is alike: `mod.rs` holds types and services, `store.rs` the SQL, `jobs.rs` and `react.rs`
//! what runs in the background. A folder may use those that stand before it in this list, through their `mod.rs`:
//!
//! 1. [`values`], what all of them share; [`event`], what they tell each other against this order
//! 2. [`tenant`], the providers on this platform
//! 3. [`access`], people, sessions, tokens
//! 4. [`nas`], routers
//! 5. [`plan`], what is sold
//! 6. [`subscriber`], customers and their services
//! 7. [`session`], who is and was online: applies the journal
//! 8. [`isolir`], isolating and lifting, in the database and on the network

pub mod access;
pub mod event;
pub mod isolir;
pub mod nas;
pub mod plan;
pub mod session;
pub mod subscriber;
pub mod tenant;
pub mod values;
