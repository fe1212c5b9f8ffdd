//! `rrnetd-load`: load on RADIUS servers, and what is measured with it. See the subcommands' help.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
