//! Processes of this machine, from `/proc`.

mod family;
pub mod numbers;
mod program;
mod status;

pub use family::{Relation, relation, runs_for_the_agent};
pub use program::{Program, also_running};
pub use status::Status;
