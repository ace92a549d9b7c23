//! The `sshkey` module.
