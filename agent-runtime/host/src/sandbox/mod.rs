//! What a worker may do, and which of the guards are really in force.

mod profile;
pub(crate) mod readable;
mod report;

pub(crate) use profile::Profile;
pub use report::{Guard, GuardState, SandboxReport};
