//! What MIG's programs say to each other: the documents of action syntax
//! version 2 (actions, commands, results, agent records, heartbeats,
//! investigators), times and identifiers.
//!
//! Everything is compatible, byte for byte where it matters, with the original
//! MIG, which was written in Go: members are matched without regard to case,
//! unknown members are ignored, and output has Go's key order, omissions and
//! escapes.

#![forbid(unsafe_code)]

pub mod documents;
pub mod id;
pub mod json;
pub mod timestamp;

pub use documents::{
    Action, ActionStatus, Agent, AgentMode, AgentStatus, Aws, Command, CommandStatus, Counters,
    Description, Environment, HeartbeatAnswer, HeartbeatEnvironment, HeartbeatPost, HeartbeatTag,
    Investigator, InvestigatorStatus, ModuleResult, Operation, Permissions, Threat,
};
pub use id::Id;
pub use timestamp::Time;
