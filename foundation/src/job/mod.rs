//! Work in the background: a queue in the database, on SQLite and PostgreSQL alike.
//!
//! ```text
//!  a service's transaction ── enqueue ──► job rows ◄── claim (fair, leased) ── Workers, one set for each node
//!  schedules, in a tenant's time zone ──────┘  ▲                                   │ run: JobContext
//!                                              └── settle: done, retry, snooze, dead ◄┘
//! ```
//!
//! * A [`Job`] is what is to be done: small, serializable, ids rather than rows. A [`Work`] does it; the [`Registry`] knows
//!   which does which. What a job writes goes through its [`JobContext`], whose commits hold only while the lease does.
//! * [`enqueue()`] takes part in the caller's transaction: with its commit the job is there, with its rollback it never was.
//! * [`Workers`] claim what is due, urgent jobs first, tenant by tenant, lane by lane, and run it. [`Keeper`] rescues what a
//!   dead node left behind, fires schedules, forgets old jobs and keeps the metrics.
//! * [`health`], [`manage`] and [`pause`] are for people.
//!
//! Times are the database's own, so that nodes whose clocks differ agree on what is due and whose lease is over.

mod backoff;
pub mod cadence;
mod claim;
mod context;
mod enqueue;
mod error;
pub mod health;
mod keeper;
mod kind;
mod lease;
mod log;
pub mod manage;
mod notice;
pub mod pause;
mod registry;
mod rescue;
mod retention;
pub mod schedule;
mod settle;
mod time;
mod worker;

pub use backoff::Backoff;
pub use cadence::Cadence;
pub use context::JobContext;
pub use enqueue::{Options, enqueue, enqueue_all};
pub use error::JobError;
pub use keeper::{Keeper, Retention};
pub use kind::{Job, JobId, Lane, Priority, State};
pub use log::Level;
pub use notice::JobFailed;
pub use registry::{Registry, RegistryError, Work};
pub use schedule::{Occasion, Schedule, Whose};
pub use time::database_time;
pub use worker::{Settings, Workers};
