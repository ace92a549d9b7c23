//! The modules that are part of a program, as `MODULETAGS` chose them.
//!
//! One list for agent and clients: a client cannot build parameters for, or
//! print results of, a module it lacks. Everything else comes as plugin files.

#![forbid(unsafe_code)]

mod options;

use mig_host::StaticModule;
pub use options::{OptionsError, default_options, options};

/// The modules that were chosen, sorted by name.
pub const BUILT_IN: &[StaticModule] = &[
    #[cfg(feature = "modagentdestroy")]
    StaticModule(mig_module_agentdestroy::plugin),
    #[cfg(feature = "modaudit")]
    StaticModule(mig_module_audit::plugin),
    #[cfg(feature = "moddispatch")]
    StaticModule(mig_module_dispatch::plugin),
    #[cfg(feature = "modexample")]
    StaticModule(mig_module_example::plugin),
    #[cfg(feature = "modexamplepersist")]
    StaticModule(mig_module_examplepersist::plugin),
    #[cfg(feature = "modfile")]
    StaticModule(mig_module_file::plugin),
    #[cfg(feature = "modfswatch")]
    StaticModule(mig_module_fswatch::plugin),
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
