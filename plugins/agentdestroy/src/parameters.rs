//! What can be asked of the module.

use mig_plugin_sdk::FieldError;
use serde::{Deserialize, Serialize};

/// The smallest process number that may be an agent's: 1 is the first process
/// of the system, or of a container.
const FIRST: i64 = 2;
/// Process numbers are C ints; a running system sets a lower bound.
const LAST: i64 = i32::MAX as i64;

/// Which agent to end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// Its process number.
    pub pid: i64,
    /// The version it must have, to the letter.
    pub version: String,
}

/// Checks both fields.
pub fn validate(parameters: &Parameters) -> Vec<FieldError> {
    let mut complaints = Vec::new();
    let pid = parameters.pid;
    if !(FIRST..=LAST).contains(&pid) {
        let message = format!("must be the number of a process from {FIRST} to {LAST}, not {pid}");
        complaints.push(FieldError::new("pid", message));
    }
    if parameters.version.is_empty() {
        let message = "must be the version of the agent to end, as `mig-agent -V` prints it";
        complaints.push(FieldError::new("version", message));
    }
    complaints
}
