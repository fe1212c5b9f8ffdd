//! The daemon: opens everything, wires it together, runs it and takes it down.

pub mod folder;
pub mod keys;
pub mod lifecycle;
