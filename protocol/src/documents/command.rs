//! Commands: an action on its way to one agent and back.

use serde::Serialize;
use serde_json::Value;

use super::{Action, Agent, CommandStatus};
use crate::id::Id;
use crate::json::decode::{List, SortedValue};
use crate::json::members::decode_members;
use crate::timestamp::Time;

/// One (action, agent) pair: published to the agent, and returned by it as the
/// same document with status and results filled in.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Command {
    /// Assigned by the scheduler.
    pub id: Id,
    /// Full copy of the action with its signatures.
    pub action: Action,
    /// The scheduler's record of the agent.
    pub agent: Agent,
    /// Where it stands.
    pub status: CommandStatus,
    /// One result per operation, at the same index.
    pub results: Option<Vec<ModuleResult>>,
    /// When the scheduler created it.
    pub starttime: Time,
    /// When the scheduler stored the answer; the agent leaves it.
    pub finishtime: Time,
}

decode_members!(Command {
    "id" => id,
    "action" => action,
    "agent" => agent,
    "status" => status via String,
    "results" => results via List<ModuleResult>,
    "starttime" => starttime,
    "finishtime" => finishtime,
});

impl Command {
    /// The results; none when absent.
    pub fn results(&self) -> &[ModuleResult] {
        self.results.as_deref().unwrap_or_default()
    }
}

/// What a module answers to one operation.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ModuleResult {
    /// At least one positive finding.
    pub foundanything: bool,
    /// The module ran without a fatal error.
    pub success: bool,
    /// Findings in the module's own terms.
    pub elements: Value,
    /// Data about the run in the module's own terms.
    pub statistics: Value,
    /// Soft errors; the agent adds why a module could not run.
    pub errors: Option<Vec<String>>,
}

decode_members!(ModuleResult {
    "foundanything" => foundanything,
    "success" => success,
    "elements" => elements via SortedValue,
    "statistics" => statistics via SortedValue,
    "errors" => errors via List<String>,
});

impl ModuleResult {
    /// An empty result that only says why there is none.
    pub fn from_error(reason: impl Into<String>) -> ModuleResult {
        ModuleResult {
            errors: Some(vec![reason.into()]),
            ..ModuleResult::default()
        }
    }

    /// The errors; none when absent.
    pub fn errors(&self) -> &[String] {
        self.errors.as_deref().unwrap_or_default()
    }
}
