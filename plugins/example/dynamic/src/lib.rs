//! The `example` module as a plugin file, `libexample.so`.

mig_plugin_sdk::export_plugin!(mig_module_example::Example);
