//! Sockets and the threads that serve them: nothing here decides, and nothing here waits for a database.

mod counters;
pub mod dynauth;
mod parked;
pub mod server;
pub mod socket;
mod worker;

pub use server::{BindError, Bound, Listen, Running};
pub use worker::Shared;
