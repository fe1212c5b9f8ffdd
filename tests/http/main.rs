//! The API as a client sees it: the whole application in this process, over both databases.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod access;
mod audit;
mod customers;
mod documents;
mod harness;
mod import;
mod network;
mod operation;
mod plans;
mod routers;
mod sessions;
mod subscribers;
mod table;
mod tenants;
