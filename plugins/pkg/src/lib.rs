//! The `pkg` module.

mod module;

pub use module::PkgModule;

mig_plugin_sdk::declare_plugin!(PkgModule);
