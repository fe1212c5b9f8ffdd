//! rrnetd: RADIUS at wire speed, router sync and the control plane of an internet service provider, in one daemon.

pub mod domain;
