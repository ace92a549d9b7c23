//! The checks of a run, compiled.

mod kind;
mod name;
mod plan;
pub mod verdict;

pub use kind::{Algorithm, Algorithms, Digest, Kind};
pub use name::{NameAnswers, NameCache};
pub use plan::{Check, Plan, PlannedSearch, Test};
