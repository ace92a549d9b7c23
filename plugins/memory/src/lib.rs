//! The `memory` module.

mod module;

pub use module::MemoryModule;

mig_plugin_sdk::declare_plugin!(MemoryModule);
