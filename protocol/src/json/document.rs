//! The front door for documents from the relay, the API and files.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::scan::scan;
use crate::documents::{Action, Agent, Command, HeartbeatPost, Investigator};
use crate::id::Id;

/// How much of a stranger's document is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest document, in bytes.
    pub bytes: usize,
    /// Deepest nesting of arrays and objects; never more than 120, so that no
    /// stack overflows.
    pub depth: usize,
    /// Most values, counting keys not; bounds the memory a short text can ask
    /// for.
    pub values: usize,
}

impl Limits {
    /// For actions, agent records and investigators.
    pub const DOCUMENT: Limits = Limits {
        bytes: 8 << 20,
        depth: 100,
        values: 1_000_000,
    };
    /// For commands, whose results may be large: 16 MiB per operation as the
    /// agent bounds them, with room for several and for escapes.
    pub const COMMAND: Limits = Limits {
        bytes: 64 << 20,
        depth: 100,
        values: 8_000_000,
    };
    /// For posted heartbeats, which anybody may send.
    pub const HEARTBEAT: Limits = Limits {
        bytes: 102_400,
        depth: 20,
        values: 10_000,
    };
}

/// Why a document was not read. The text is one line.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The document is longer than allowed.
    #[error("the document has {size} bytes, {limit} are allowed")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Arrays and objects are nested too deeply.
    #[error("the document is nested more than {limit} levels deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The document has too many values.
    #[error("the document has more than {limit} values")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// It is not JSON, or a member has the wrong type; the text names it and
    /// its place.
    #[error("the document is not valid: {}", one_line(.0))]
    Invalid(#[source] serde_json::Error),
}

/// The parser quotes texts from the document; their control characters must not
/// reach a log or a terminal.
fn one_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let mut line: String = text
        .chars()
        .take(300)
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line
}

/// Reads a document by Go's rules, within limits.
///
/// # Errors
/// When it exceeds a limit, is not JSON, or a member has the wrong type.
pub fn read_document<T: DeserializeOwned>(bytes: &[u8], limits: &Limits) -> Result<T, ReadError> {
    let limits = Limits {
        depth: limits.depth.min(120),
        ..*limits
    };
    let bytes = scan(bytes, &limits)?;
    serde_json::from_slice(&bytes).map_err(ReadError::Invalid)
}

/// Reads an action.
///
/// # Errors
/// As [`read_document`].
pub fn parse_action(bytes: &[u8]) -> Result<Action, ReadError> {
    read_document(bytes, &Limits::DOCUMENT)
}

/// Reads a command, with or without results.
///
/// # Errors
/// As [`read_document`].
pub fn parse_command(bytes: &[u8]) -> Result<Command, ReadError> {
    read_document(bytes, &Limits::COMMAND)
}

/// Reads an agent record, which is also the heartbeat over the relay.
///
/// # Errors
/// As [`read_document`].
pub fn parse_agent(bytes: &[u8]) -> Result<Agent, ReadError> {
    read_document(bytes, &Limits::HEARTBEAT)
}

/// Reads a posted heartbeat.
///
/// # Errors
/// As [`read_document`].
pub fn parse_heartbeat(bytes: &[u8]) -> Result<HeartbeatPost, ReadError> {
    read_document(bytes, &Limits::HEARTBEAT)
}

/// Reads an investigator.
///
/// # Errors
/// As [`read_document`].
pub fn parse_investigator(bytes: &[u8]) -> Result<Investigator, ReadError> {
    read_document(bytes, &Limits::DOCUMENT)
}

/// Reads any JSON.
///
/// # Errors
/// As [`read_document`].
pub fn parse_value(bytes: &[u8], limits: &Limits) -> Result<Value, ReadError> {
    read_document(bytes, limits)
}

/// The identifier of a command that [`parse_command`] refused, so that the agent
/// can still answer it; none when there is no usable one.
pub fn command_id_hint(bytes: &[u8]) -> Option<Id> {
    #[derive(Default)]
    struct OnlyId {
        id: Option<Id>,
    }
    super::members::decode_members!(OnlyId { "id" => id via Id });

    let document: OnlyId = read_document(bytes, &Limits::COMMAND).ok()?;
    document.id.filter(|id| !id.is_zero())
}
