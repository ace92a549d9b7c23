//! The `ping` module.

mod module;

pub use module::PingModule;

mig_plugin_sdk::declare_plugin!(PingModule);
