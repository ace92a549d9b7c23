//! The `pkg` module.
