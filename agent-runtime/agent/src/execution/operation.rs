//! One operation: from its parameters to its result.

use std::time::Duration;

use mig_host::{Document, Ending, Job, Limits, Operation as ModuleOperation, Outcome};
use mig_protocol::action::{DEFAULT_EXPANDED, expand_parameters};
use mig_protocol::{Command, CommandStatus, ModuleResult};

use super::{Ended, unavailable};
use crate::agent::Agent;
use crate::journal::EntryId;

/// Runs the operation at `index`. `interrupted` says that an earlier agent died
/// while it ran. Blocks until the module ends.
pub(super) fn run(
    agent: &Agent,
    entry: EntryId,
    command: &Command,
    index: usize,
    interrupted: bool,
) -> Ended {
    let operation = &command.action.operations()[index];
    let module = operation.module.as_str();
    let (id, action) = (command.id, command.action.id);
    let Some(repeatable) = agent.runner().repeatable(module) else {
        return failed(unavailable(module));
    };
    if interrupted && !repeatable {
        return failed(format!(
            "the agent was interrupted while module '{module}' ran, and it may not be run a second time"
        ));
    }
    let input = match expand_parameters(operation, DEFAULT_EXPANDED) {
        Ok(input) => input,
        Err(error) => return failed(error.to_string()),
    };
    let wall = time_left(agent, command);
    if wall.is_zero() {
        return Ended {
            status: CommandStatus::Timeout,
            result: ModuleResult::from_error(format!(
                "the action expired at {} before module '{module}' could run",
                command.action.expireafter
            ))
            .into(),
        };
    }
    if agent.cancel().is_cancelled() {
        return Ended {
            status: CommandStatus::Cancelled,
            result: ModuleResult::from_error(format!(
                "the agent was stopped before module '{module}' could run"
            ))
            .into(),
        };
    }
    let number = u32::try_from(index).unwrap_or(u32::MAX);
    if let Err(error) = agent.journal().start(entry, number, !repeatable) {
        if !repeatable {
            return failed(error.to_string());
        }
        tracing::warn!(command = %id, action = %action, "{error}");
    }
    tracing::debug!(command = %id, action = %action, "running module {module}");
    let job = Job {
        module,
        operation: ModuleOperation::Run,
        input,
        limits: Limits {
            wall,
            ..agent.settings().limits
        },
        privacy: agent.settings().privacy,
    };
    match agent.ask_persistent(&job) {
        None => ended(agent.runner().run(&job, agent.cancel())),
        Some(Ok(outcome)) => ended(outcome),
        Some(Err(reason)) => failed(reason),
    }
}

/// The smaller of the limit for modules and the time until the action expires,
/// by a clock that may be off.
fn time_left(agent: &Agent, command: &Command) -> Duration {
    let settings = agent.settings();
    let end = command
        .action
        .expireafter
        .saturating_add(settings.clock_tolerance);
    settings.module_timeout.min(end.since(agent.now()))
}

fn failed(reason: String) -> Ended {
    Ended {
        status: CommandStatus::Failed,
        result: ModuleResult::from_error(reason).into(),
    }
}

/// Success of a command means that its modules ended normally, even if one
/// says that it could not do what it was asked.
fn ended(outcome: Outcome<Document>) -> Ended {
    let status = match outcome.ending {
        Ending::Done => CommandStatus::Success,
        Ending::Failed => CommandStatus::Failed,
        Ending::Timeout => CommandStatus::Timeout,
        Ending::Cancelled => CommandStatus::Cancelled,
    };
    Ended {
        status,
        result: outcome.answer.into(),
    }
}
