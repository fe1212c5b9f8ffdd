//! The battery of the foundation, on both databases.

mod statements;
