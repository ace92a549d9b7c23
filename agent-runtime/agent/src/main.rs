//! `mig-agent`.

#[cfg(all(no_unwind_tables, not(panic = "abort")))]
compile_error!(
    "the profile `agent` must have panic = \"abort\": build.rs leaves its unwind tables out"
);

use std::process::ExitCode;

use mig_host::StaticModule;

/// The modules that are part of this program, chosen by Cargo features named
/// after the words of `MODULETAGS`.
const STATICS: &[StaticModule] = &[
    #[cfg(feature = "modagentdestroy")]
    StaticModule(mig_module_agentdestroy::plugin),
    #[cfg(feature = "modexample")]
    StaticModule(mig_module_example::plugin),
    #[cfg(feature = "modfile")]
    StaticModule(mig_module_file::plugin),
    #[cfg(feature = "modmemory")]
    StaticModule(mig_module_memory::plugin),
    #[cfg(feature = "modnetstat")]
    StaticModule(mig_module_netstat::plugin),
    #[cfg(feature = "modping")]
    StaticModule(mig_module_ping::plugin),
    #[cfg(feature = "modpkg")]
    StaticModule(mig_module_pkg::plugin),
    #[cfg(feature = "modscribe")]
    StaticModule(mig_module_scribe::plugin),
    #[cfg(feature = "modsshkey")]
    StaticModule(mig_module_sshkey::plugin),
    #[cfg(feature = "modtimedrift")]
    StaticModule(mig_module_timedrift::plugin),
];

fn main() -> ExitCode {
    // A worker is this same program, started again; it must not become an agent.
    mig_host::run_worker_if_asked(STATICS);
    mig_agent::sys::bound_memory();
    mig_agent::program::run(STATICS)
}
