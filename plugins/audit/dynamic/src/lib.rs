//! The `audit` module as a plugin file, `libaudit.so`.

mig_plugin_sdk::export_plugin!(persistent mig_module_audit::AuditModule);
