//! The `ping` module as a plugin file, `libping.so`.

mig_plugin_sdk::export_plugin!(mig_module_ping::PingModule);
