//! The tables a target may speak of.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, compared by its UTF-8 bytes.
    Text,
    /// A whole or fractional number.
    Number,
    /// True or false.
    Boolean,
    /// A point in time with microseconds.
    Time,
    /// A JSON document.
    Json,
}

impl Kind {
    /// The word used in error messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Number => "a number",
            Kind::Boolean => "a boolean",
            Kind::Time => "a time",
            Kind::Json => "a JSON document",
        }
    }
}

/// One column of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// Name of its table.
    pub table: &'static str,
    /// Its name, lower case.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A table and its columns.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// Name of the table.
    pub table: &'static str,
    /// Its columns.
    pub columns: &'static [Column],
}

impl Schema {
    /// The column of that name, in any letter case.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

macro_rules! table {
    ($(#[$doc:meta])* $visibility:vis $constant:ident = $table:literal { $($name:literal: $kind:ident,)* }) => {
        $(#[$doc])*
        $visibility static $constant: Schema = Schema {
            table: $table,
            columns: &[$(Column { table: $table, name: $name, kind: Kind::$kind },)*],
        };
    };
}

table! {
    /// The table that targets of actions are evaluated on.
    pub AGENTS = "agents" {
        "id": Number,
        "name": Text,
        "queueloc": Text,
        "mode": Text,
        "version": Text,
        "pid": Number,
        "starttime": Time,
        "destructiontime": Time,
        "heartbeattime": Time,
        "refreshtime": Time,
        "status": Text,
        "environment": Json,
        "tags": Json,
        "loadername": Text,
    }
}

table! {
    /// Commands, for sub-selects.
    pub COMMANDS = "commands" {
        "id": Number,
        "actionid": Number,
        "agentid": Number,
        "status": Text,
        "results": Json,
        "starttime": Time,
        "finishtime": Time,
    }
}

table! {
    /// Actions, for sub-selects.
    pub ACTIONS = "actions" {
        "id": Number,
        "name": Text,
        "target": Text,
        "description": Json,
        "threat": Json,
        "operations": Json,
        "validfrom": Time,
        "expireafter": Time,
        "starttime": Time,
        "finishtime": Time,
        "lastupdatetime": Time,
        "status": Text,
        "syntaxversion": Number,
    }
}
