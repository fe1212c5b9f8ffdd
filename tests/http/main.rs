//! The API as a client sees it: the whole application in this process, over both databases.

mod access;
mod audit;
mod documents;
mod harness;
mod operation;
mod plans;
mod routers;
mod table;
mod tenants;
