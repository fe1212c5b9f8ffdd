//! MS-CHAP, both versions: responses, what the server answers, and the keys of the encryption that may follow.
//!
//! Everything is computed from the NT hash, so that a caller may keep the hash and spare hashing the password each time.

pub mod mppe;
pub mod v1;
pub mod v2;

mod des;
mod failure;
mod hash;

pub use failure::{Failure, FailureText};
pub use hash::{LmHash, NtHash};
