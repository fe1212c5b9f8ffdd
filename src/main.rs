//! The command `rrnetd`.

fn main() {}
