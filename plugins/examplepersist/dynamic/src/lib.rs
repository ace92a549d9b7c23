//! The `examplepersist` module as a plugin file, `libexamplepersist.so`.

mig_plugin_sdk::export_plugin!(persistent mig_module_examplepersist::ExamplePersistModule);
