//! The `sshkey` module.

mod module;

pub use module::SshkeyModule;

mig_plugin_sdk::declare_plugin!(SshkeyModule);
