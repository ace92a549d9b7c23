//! The `scribe` module.
