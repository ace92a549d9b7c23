//! The agent of a build with `MODULETAGS=modnodefaults`, to test that plugin
//! files alone give it everything.

use std::process::ExitCode;

fn main() -> ExitCode {
    mig_host::run_worker_if_asked(&[]);
    mig_agent::program::run(&[])
}
