//! The `sshkey` module as a plugin file, `libsshkey.so`.

mig_plugin_sdk::export_plugin!(mig_module_sshkey::SshkeyModule);
