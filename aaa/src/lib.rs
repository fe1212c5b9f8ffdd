//! The RADIUS hot path on operating system threads: journal, live sessions, directory, policy, net.

pub mod directory;
pub mod journal;
pub mod live;
pub mod net;
pub mod policy;
