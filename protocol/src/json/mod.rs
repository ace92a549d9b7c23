//! JSON as Go reads and writes it, with limits for documents from strangers.

pub(crate) mod decode;
mod document;
pub(crate) mod members;
mod number;
mod scan;
mod write;

pub use document::{
    Limits, ReadError, command_id_hint, parse_action, parse_agent, parse_command, parse_heartbeat,
    parse_investigator, parse_value, read_document,
};
pub use number::format_double;
pub use write::{canonical_json, to_go_json, to_go_json_pretty};
pub(crate) use write::{write_canonical, write_text};
