//! The checks of a run, compiled.

mod kind;
mod plan;
pub mod verdict;

pub use kind::{Algorithm, Algorithms, Digest, Kind};
pub use plan::{Check, Plan, PlannedSearch, Test};
