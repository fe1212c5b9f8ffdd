//! The attributes that a server asks for, found in the one pass that checks the packet.
//!
//! The hot path asks for some thirty attributes of every request. An [`Index`] notes where the first of each stands, in a
//! fixed array of offsets; nothing is allocated and each look-up is one probe. Its readers answer `None` for what is
//! absent and for values that are not of their type, which are ignored (RFC 2865 §5, RFC 6929 §2.8).

mod lookup;
mod readers;
mod slots;

pub use lookup::{Index, Presence};
