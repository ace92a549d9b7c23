//! The `memory` module.
