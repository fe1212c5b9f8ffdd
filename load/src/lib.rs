//! Load on a RADIUS server, and what is measured with it.
//!
//! * [`population`] who logs in · [`session`] the steps of a session and its usage · [`request`] packets as RouterOS sends
//!   them · [`reply`] is an answer right?
//! * [`generator`] sends and checks · [`cpu`] charges the server's processor time · [`ledger`] what was acknowledged ·
//!   [`audit`] the ledger against rrnetd's database · [`malformed`] mutated packets · [`api`] load on the HTTP API · [`metrics`]
//!   what the server counts itself.
//! * [`floor`] the least that a server can do · [`world`] a directory of numbered subscribers · [`serve`] the hot path
//!   over it.

pub mod api;
pub mod audit;
pub mod cpu;
pub mod floor;
pub mod generator;
pub mod ledger;
pub mod malformed;
pub mod metrics;
pub mod population;
pub mod reply;
pub mod request;
pub mod serve;
pub mod session;
pub mod world;
