//! The API as a client sees it: the whole application in this process, over both databases.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod access;
mod attacks;
mod audit;
mod budgets;
mod customers;
mod documents;
mod events;
mod harness;
mod import;
mod jobs;
mod network;
mod operation;
mod plans;
mod probe;
mod roles;
mod routers;
mod saas;
mod second_factor;
mod secrets;
mod sessions;
mod subscribers;
mod table;
mod tenants;
