//! The `agentdestroy` module.

mod module;

pub use module::AgentdestroyModule;

mig_plugin_sdk::declare_plugin!(AgentdestroyModule);
