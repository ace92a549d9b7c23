//! The `timedrift` module as a plugin file, `libtimedrift.so`.

mig_plugin_sdk::export_plugin!(mig_module_timedrift::TimedriftModule);
