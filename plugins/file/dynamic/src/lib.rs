//! The `file` module as a plugin file.
#![allow(missing_docs)]

mig_plugin_sdk::export_plugin!(mig_module_file::FileModule);
