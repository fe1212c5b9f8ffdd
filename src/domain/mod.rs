//! The business. Each folder is alike: `mod.rs` holds types and services, `store.rs` the SQL, `jobs.rs` and `react.rs`
//! what runs in the background. A folder may use those that stand before it in this list, through their `mod.rs`.

pub mod values;

pub mod access;
pub mod tenant;
