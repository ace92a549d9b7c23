//! The `timedrift` module.

mod module;

pub use module::TimedriftModule;

mig_plugin_sdk::declare_plugin!(TimedriftModule);
