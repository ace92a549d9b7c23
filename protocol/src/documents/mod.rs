//! The documents, with Go's decoding and encoding rules.
//!
//! Lists that Go leaves `nil` are `Option<Vec<_>>` where `null` and `[]` differ
//! on the wire, and plain `Vec<_>` where an empty list is omitted.

mod action;
mod agent;
mod command;
mod heartbeat;
mod investigator;
mod operation;
mod permissions;
mod status;

pub use action::{Action, Counters, Description, Threat};
pub use agent::{Agent, Aws, Environment};
pub use command::{Command, ModuleResult};
pub use heartbeat::{HeartbeatAnswer, HeartbeatEnvironment, HeartbeatPost, HeartbeatTag};
pub use investigator::Investigator;
pub use operation::Operation;
pub use permissions::Permissions;
pub use status::{ActionStatus, AgentMode, AgentStatus, CommandStatus, InvestigatorStatus};

/// `skip_serializing_if` for what Go omits when it is its type's zero value.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
