//! rrnetd: RADIUS at wire speed, router sync and the control plane of an internet service provider, in one daemon.
//!
//! The modules in the order of dependence:
//!
//! - [`config`]: file, environment and arguments, checked
//! - [`telemetry`]: logs and metrics
//! - [`domain`]: the business
//! - [`http`]: the API, which calls the domains and never the database
//! - [`daemon`]: opens everything, wires it together, runs it and takes it down
//! - [`demo`]: the quickstart's first data
//! - [`cli`]: the command's arguments

pub mod cli;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod domain;
pub mod http;
pub mod telemetry;
