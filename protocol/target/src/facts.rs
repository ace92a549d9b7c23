//! What is known of a row that stands in no database.

use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::schema::Column;

/// What is known of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fact<'a> {
    /// Nothing; it may hold anything.
    Unknown,
    /// It holds nothing.
    Null,
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A point in time.
    Time(OffsetDateTime),
    /// A JSON document.
    Json(&'a Json),
}

/// A row as somebody knows it. A fact whose type is not the column's counts as
/// unknown.
pub trait Facts {
    /// What is known of a column.
    fn fact(&self, column: &'static Column) -> Fact<'_>;
}

/// What an agent knows about its own row. Status, identifiers, times and the
/// loader's name are the server's, hence unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentFacts {
    /// Host name.
    pub name: String,
    /// Operating system and secret identifier: `linux.…`.
    pub queueloc: String,
    /// `daemon` or `checkin`.
    pub mode: String,
    /// Build version.
    pub version: String,
    /// Process id.
    pub pid: i64,
    /// The environment document of the agent record.
    pub environment: Json,
    /// The tags, as an object of strings.
    pub tags: Json,
}

impl Facts for AgentFacts {
    fn fact(&self, column: &'static Column) -> Fact<'_> {
        match column.name {
            "name" => Fact::Text(&self.name),
            "queueloc" => Fact::Text(&self.queueloc),
            "mode" => Fact::Text(&self.mode),
            "version" => Fact::Text(&self.version),
            "pid" => Fact::Integer(self.pid),
            "environment" => Fact::Json(&self.environment),
            "tags" => Fact::Json(&self.tags),
            _ => Fact::Unknown,
        }
    }
}
