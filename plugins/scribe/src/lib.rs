//! The `scribe` module.

mod module;

pub use module::ScribeModule;

mig_plugin_sdk::declare_plugin!(ScribeModule);
