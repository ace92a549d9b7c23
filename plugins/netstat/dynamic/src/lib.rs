//! The `netstat` module as a plugin file, `libnetstat.so`.

mig_plugin_sdk::export_plugin!(mig_module_netstat::NetstatModule);
