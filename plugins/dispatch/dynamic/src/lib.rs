//! The `dispatch` module as a plugin file, `libdispatch.so`.

mig_plugin_sdk::export_plugin!(persistent mig_module_dispatch::DispatchModule);
