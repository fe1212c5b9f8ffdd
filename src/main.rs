//! The command `rrnetd`: arguments, then what they ask for. Exit status 0: done; 1: a failure while running; 2: it
//! could not start, and nothing was changed.

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    rrnetd::cli::Arguments::parse().run()
}
