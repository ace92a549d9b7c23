//! The `netstat` module.
