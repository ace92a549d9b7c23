//! What a worker may do, and which of the guards are really in force.

mod profile;
mod report;

pub(crate) use profile::Profile;
pub use report::{Guard, GuardState, SandboxReport};
