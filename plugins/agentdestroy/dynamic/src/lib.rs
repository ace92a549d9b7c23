//! The `agentdestroy` module as a plugin file, `libagentdestroy.so`.

mig_plugin_sdk::export_plugin!(mig_module_agentdestroy::AgentdestroyModule);
