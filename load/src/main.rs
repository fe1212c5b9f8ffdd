//! `rrnetd-load`: load on RADIUS servers, and what is measured with it. See the subcommands' help.

mod cli;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
