//! Actions: what an investigator signs.

use serde::Serialize;

use super::{ActionStatus, Investigator, Operation, is_default};
use crate::id::Id;
use crate::json::decode::{List, write_double};
use crate::json::members::decode_members;
use crate::timestamp::Time;

/// An action of syntax version 2.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Action {
    /// 0 in files; assigned by the API.
    pub id: Id,
    /// Free label, not empty.
    pub name: String,
    /// Condition over the agents, not empty.
    pub target: String,
    /// Who wrote it; not signed.
    pub description: Description,
    /// What it looks for; not signed.
    pub threat: Threat,
    /// Start of validity; signed to the second.
    pub validfrom: Time,
    /// End of validity; signed to the second.
    pub expireafter: Time,
    /// What to do. Absent and empty sign differently; both are refused by
    /// agents.
    pub operations: Option<Vec<Operation>>,
    /// One-line detached signatures.
    pub pgpsignatures: Option<Vec<String>>,
    /// The signers; filled only in answers of the API.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub investigators: Vec<Investigator>,
    /// Where it stands.
    #[serde(skip_serializing_if = "is_default")]
    pub status: ActionStatus,
    /// When the scheduler took it up.
    pub starttime: Time,
    /// When it completed.
    pub finishtime: Time,
    /// When its counters last changed.
    pub lastupdatetime: Time,
    /// How its commands stand.
    pub counters: Counters,
    /// Must be 2.
    #[serde(skip_serializing_if = "is_default")]
    pub syntaxversion: u16,
}

decode_members!(Action {
    "id" => id,
    "name" => name,
    "target" => target,
    "description" => description,
    "threat" => threat,
    "validfrom" => validfrom,
    "expireafter" => expireafter,
    "operations" => operations via List<Operation>,
    "pgpsignatures" => pgpsignatures via List<String>,
    "investigators" => investigators via List<Investigator>,
    "status" => status via String,
    "starttime" => starttime,
    "finishtime" => finishtime,
    "lastupdatetime" => lastupdatetime,
    "counters" => counters,
    "syntaxversion" => syntaxversion,
});

impl Action {
    /// The operations; none when absent.
    pub fn operations(&self) -> &[Operation] {
        self.operations.as_deref().unwrap_or_default()
    }

    /// The signatures; none when absent.
    pub fn signatures(&self) -> &[String] {
        self.pgpsignatures.as_deref().unwrap_or_default()
    }
}

/// Who wrote an action.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Description {
    /// Name of the author.
    #[serde(skip_serializing_if = "is_default")]
    pub author: String,
    /// Where to reach the author.
    #[serde(skip_serializing_if = "is_default")]
    pub email: String,
    /// Where to read more.
    #[serde(skip_serializing_if = "is_default")]
    pub url: String,
    /// By convention a date, `yyyymmddhhmm`.
    #[serde(skip_serializing_if = "is_default", serialize_with = "write_double")]
    pub revision: f64,
}

decode_members!(Description {
    "author" => author,
    "email" => email,
    "url" => url,
    "revision" => revision,
});

/// What an action looks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Threat {
    /// Reference to another document.
    #[serde(rename = "ref", skip_serializing_if = "is_default")]
    pub reference: String,
    /// How grave it is.
    #[serde(skip_serializing_if = "is_default")]
    pub level: String,
    /// Its family, searchable.
    #[serde(skip_serializing_if = "is_default")]
    pub family: String,
    /// Its type.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: String,
}

decode_members!(Threat {
    "ref" => reference,
    "level" => level,
    "family" => family,
    "type" => kind,
});

/// How the commands of an action stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// All commands.
    #[serde(skip_serializing_if = "is_default")]
    pub sent: i64,
    /// All but those in flight.
    #[serde(skip_serializing_if = "is_default")]
    pub done: i64,
    /// Commands with status `sent`.
    #[serde(skip_serializing_if = "is_default")]
    pub inflight: i64,
    /// Commands with status `success`.
    #[serde(skip_serializing_if = "is_default")]
    pub success: i64,
    /// Commands with status `cancelled`.
    #[serde(skip_serializing_if = "is_default")]
    pub cancelled: i64,
    /// Commands with status `expired`.
    #[serde(skip_serializing_if = "is_default")]
    pub expired: i64,
    /// Commands with status `failed`.
    #[serde(skip_serializing_if = "is_default")]
    pub failed: i64,
    /// Commands with status `timeout`.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: i64,
}

decode_members!(Counters {
    "sent" => sent,
    "done" => done,
    "inflight" => inflight,
    "success" => success,
    "cancelled" => cancelled,
    "expired" => expired,
    "failed" => failed,
    "timeout" => timeout,
});
