//! The `scribe` module as a plugin file, `libscribe.so`.

mig_plugin_sdk::export_plugin!(mig_module_scribe::ScribeModule);
