//! The `memory` module as a plugin file, `libmemory.so`.

mig_plugin_sdk::export_plugin!(mig_module_memory::MemoryModule);
