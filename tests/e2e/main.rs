//! The daemon as its users meet it: the real program, on free ports, with the field's own tools on the other side.
//!
//! `harness` starts and ends it · `api` drives its HTTP interface · `wire` is a router · `quickstart` the first minutes of an
//! operator · `api_radius` what is changed over the API holds for the next packet · `isolir` reaches live sessions ·
//! `quota` does so by itself ·
//! `durability` what was acknowledged stays ·
//! `disk` a start without one · `commands` those beside the daemon · `reload` a change without one · `rescue` also where the database's disk is gone.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where it cannot go on, helpers included")]

mod api;
mod api_radius;
mod commands;
mod disk;
mod durability;
mod harness;
mod isolir;
mod quickstart;
mod quota;
mod reload;
mod rescue;
mod wire;
