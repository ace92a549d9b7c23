//! The `fswatch` module as a plugin file, `libfswatch.so`.

mig_plugin_sdk::export_plugin!(persistent mig_module_fswatch::FswatchModule);
