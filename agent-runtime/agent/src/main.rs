//! `mig-agent`.

#[cfg(all(no_unwind_tables, not(panic = "abort")))]
compile_error!(
    "the profile `agent` must have panic = \"abort\": build.rs leaves its unwind tables out"
);

use std::process::ExitCode;

use mig_modules::BUILT_IN;

fn main() -> ExitCode {
    // A worker is this same program, started again; it must not become an agent.
    mig_host::run_worker_if_asked(BUILT_IN);
    mig_agent::sys::bound_memory();
    mig_agent::program::run(BUILT_IN)
}
