//! The path in process.
fn main() {}
