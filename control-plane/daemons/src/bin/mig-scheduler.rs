//! The scheduler of a site with PostgreSQL and a relay of its own.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    mig_daemons::scheduler::main()
}
