//! The `netstat` module.

mod module;

pub use module::NetstatModule;

mig_plugin_sdk::declare_plugin!(NetstatModule);
