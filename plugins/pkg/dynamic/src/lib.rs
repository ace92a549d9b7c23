//! The `pkg` module as a plugin file, `libpkg.so`.

mig_plugin_sdk::export_plugin!(mig_module_pkg::PkgModule);
