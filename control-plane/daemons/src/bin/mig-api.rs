//! The API of a site with PostgreSQL.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    mig_daemons::api::main()
}
