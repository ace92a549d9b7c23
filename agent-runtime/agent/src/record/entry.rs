//! What one line of the record says. The names of the members are a format:
//! `mig-agent history -json` prints the lines as they are, and old ones must
//! stay readable.

use serde::{Deserialize, Serialize};

use super::text::Text;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum Entry {
    /// A new record begins here, or begins again because its files went away.
    Begun {
        /// Why.
        why: String,
    },
    /// The agent started.
    Started {
        /// Its version.
        version: String,
        /// Its process id.
        pid: u32,
        /// Whether it masks what it sends.
        privacy: bool,
    },
    /// The agent ended in an orderly way.
    Stopped {
        /// Its process id.
        pid: u32,
    },
    /// An operation was accepted and is going to run.
    Accepted(Box<Accepted>),
    /// An operation ended; its result goes into the answer.
    Ended(Box<Ended>),
    /// Operations of a command beyond those that have lines of their own.
    Further {
        /// The command.
        command: String,
        /// `asked` or `sent`.
        part: String,
        /// How many there are.
        operations: u64,
        /// Their bytes, and the sum of the bytes one after the other.
        whole: Text,
    },
    /// A whole answer was handed to the journal, from which the relay gets it.
    Answered {
        /// The command.
        command: String,
        /// The action.
        action: String,
        /// Its status.
        status: String,
        /// Bytes of the message.
        bytes: u64,
        /// SHA-256 of the message, in hex.
        sha256: String,
    },
    /// A stored answer never leaves: a notice goes in its place.
    Unsent {
        /// The command.
        command: String,
        /// Why.
        why: String,
    },
    /// A command was refused.
    Refused(Box<Refused>),
    /// A persistent module raised an alert.
    Alert {
        /// Which module.
        module: String,
        /// Where the alert went: `dispatch`, `log`, …
        went: String,
        /// Whether the text was masked.
        masked: bool,
        /// The text as it went.
        text: Text,
    },
    /// Alerts that went nowhere.
    Dropped {
        /// Which module raised them.
        module: String,
        /// How many.
        count: u64,
        /// Why.
        why: String,
    },
    /// The oldest entries of this part of the record make room.
    Removed {
        /// How many go now.
        entries: u64,
        /// How many are gone in all.
        total: u64,
        /// Bytes that are gained.
        bytes: u64,
    },
    /// Entries that could not be written when they should have been.
    Lost {
        /// How many.
        entries: u64,
        /// What the operating system said.
        why: String,
    },
    /// The end of the last line was never written; its beginning was removed.
    Repaired {
        /// Bytes removed.
        bytes: u64,
    },
    /// Written by a later version.
    #[serde(other)]
    Unknown,
}

/// An operation that was accepted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Accepted by an agent that died; this one takes it up again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub resumed: bool,
    /// The command.
    pub command: String,
    /// The action.
    pub action: About,
    /// Who signed, verified.
    pub signers: Vec<Signer>,
    /// Which operation, from 1.
    pub operation: u32,
    /// Out of how many.
    pub operations: u32,
    /// Its module.
    pub module: String,
    /// Its parameters as they were asked for, expanded.
    pub asked: Text,
}

/// An action, as its signers wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its target.
    pub target: String,
    /// Who says to have written it; not signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// What it says to look for; not signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub threat: String,
    /// Names that the control plane gives the signers; not verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub investigators: Vec<String>,
    /// Start of validity.
    pub validfrom: String,
    /// End of validity.
    pub expireafter: String,
}

/// Somebody whose signature was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// Primary key, 40 hex digits.
    pub fingerprint: String,
    /// Names under which the ACL and the keyring have the key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// An operation that ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The command.
    pub command: String,
    /// The action.
    pub action: String,
    /// Which operation, from 1.
    pub operation: u32,
    /// Its module.
    pub module: String,
    /// How it ended.
    pub status: String,
    /// Whether it found anything.
    pub foundanything: bool,
    /// How long it took.
    pub milliseconds: u64,
    /// Whether extra privacy mode was on.
    pub masked: bool,
    /// The result as it is in the answer, after masking.
    pub sent: Text,
}

/// A command that was refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// `malformed`, `invalid`, `time`, `signature`, `acl`, `target`, `replay`,
    /// `trust` or `journal`.
    pub kind: String,
    /// The reason as the sender gets it.
    pub reason: String,
    /// More than one: so many like it came after the one that has a line.
    pub count: u64,
    /// The first of several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub since: String,
    /// What the command says about itself. Nobody vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Claims>,
}

/// What a refused command says about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The command.
    pub command: String,
    /// The action.
    pub action: About,
    /// How many signatures it carries.
    pub signatures: u64,
    /// The modules it asks for.
    pub modules: Vec<String>,
    /// The beginning of its operations.
    pub asked: Text,
}

fn is_false(value: &bool) -> bool {
    !value
}
