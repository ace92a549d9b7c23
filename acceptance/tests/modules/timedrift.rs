//! The `timedrift` module.
