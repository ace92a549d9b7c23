//! What MIG's programs say to each other: the documents of action syntax
//! version 2 (actions, commands, results, agent records, heartbeats,
//! investigators), times and identifiers, signatures and the rules about them.
//!
//! Everything is compatible, byte for byte where it matters, with the original
//! MIG, which was written in Go: members are matched without regard to case,
//! unknown members are ignored, and output has Go's key order, omissions and
//! escapes.
//!
//! | For | Look at |
//! |---|---|
//! | reading what came from elsewhere, within limits | [`json`], re-exported `parse_*` |
//! | writing as the original does | [`to_go_json`] |
//! | what is signed, validated, compressed | [`action`] |
//! | keys and signatures | [`openpgp`] |
//! | who may ask for what | [`acl`] |
//! | authenticating to the API | [`token`], [`apikey`] |

#![forbid(unsafe_code)]

pub mod acl;
pub mod action;
pub mod apikey;
pub mod clock;
pub mod documents;
pub mod id;
pub mod json;
pub mod openpgp;
pub mod timestamp;
pub mod token;

pub use acl::Acl;
pub use action::{replay_key, signing_string, validate, validate_for_agent};
pub use clock::{Clock, ManualClock, SystemClock};
pub use documents::{
    Action, ActionStatus, Agent, AgentMode, AgentStatus, Aws, Command, CommandStatus, Counters,
    Description, Environment, HeartbeatAnswer, HeartbeatEnvironment, HeartbeatPost, HeartbeatTag,
    Investigator, InvestigatorStatus, ModuleResult, Operation, Permissions, Threat,
};
pub use id::Id;
pub use json::{
    Limits, ReadError, canonical_json, command_id_hint, parse_action, parse_agent, parse_command,
    parse_heartbeat, parse_investigator, parse_value, read_document, to_go_json, to_go_json_pretty,
};
pub use openpgp::{Fingerprint, Keyring};
pub use timestamp::Time;
