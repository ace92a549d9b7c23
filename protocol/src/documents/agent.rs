//! Agent records.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{AgentMode, AgentStatus, is_default};
use crate::id::Id;
use crate::json::decode::{List, TextMap};
use crate::json::members::decode_members;
use crate::timestamp::Time;

/// An agent as commands, answers of the API and heartbeats over the relay carry
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Agent {
    /// Row in the database; a new one per agent process. An agent's identity is
    /// its `queueloc`.
    #[serde(skip_serializing_if = "is_default")]
    pub id: Id,
    /// Host name.
    pub name: String,
    /// `<os>.<id>`; the agent's queue is `mig.agt.<queueloc>`.
    pub queueloc: String,
    /// How it runs.
    pub mode: AgentMode,
    /// Build version.
    #[serde(skip_serializing_if = "is_default")]
    pub version: String,
    /// Process id.
    #[serde(skip_serializing_if = "is_default")]
    pub pid: i64,
    /// Name of the loader with the same queueloc; filled by the server.
    #[serde(skip_serializing_if = "is_default")]
    pub loadername: String,
    /// First seen.
    pub starttime: Time,
    /// When a kill order was issued.
    pub destructiontime: Time,
    /// Last heartbeat.
    pub heartbeatts: Time,
    /// Last change of the environment.
    pub refreshts: Time,
    /// Where it stands.
    #[serde(skip_serializing_if = "is_default")]
    pub status: AgentStatus,
    /// Unused.
    #[serde(skip_serializing_if = "is_default")]
    pub authorized: bool,
    /// What it found out about its host.
    pub environment: Environment,
    /// Labels from its configuration.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

decode_members!(Agent {
    "id" => id,
    "name" => name,
    "queueloc" => queueloc,
    "mode" => mode via String,
    "version" => version,
    "pid" => pid,
    "loadername" => loadername,
    "starttime" => starttime,
    "destructiontime" => destructiontime,
    "heartbeatts" => heartbeatts,
    "refreshts" => refreshts,
    "status" => status via String,
    "authorized" => authorized,
    "environment" => environment,
    "tags" => tags via TextMap,
});

/// What an agent found out about its host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Environment {
    /// Init system: `systemd`, `upstart`, `sysvinit`, ….
    #[serde(skip_serializing_if = "is_default")]
    pub init: String,
    /// Distribution or release.
    #[serde(skip_serializing_if = "is_default")]
    pub ident: String,
    /// `linux`, `darwin`, `windows`.
    #[serde(skip_serializing_if = "is_default")]
    pub os: String,
    /// Go's name of the architecture: `amd64`, `386`, `arm64`, ….
    #[serde(skip_serializing_if = "is_default")]
    pub arch: String,
    /// The connection to the relay goes through a proxy.
    pub isproxied: bool,
    /// `host:port` of that proxy.
    #[serde(skip_serializing_if = "is_default")]
    pub proxy: String,
    /// Addresses in CIDR form.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Address seen by the API.
    #[serde(skip_serializing_if = "is_default")]
    pub publicip: String,
    /// What the cloud says about the instance.
    pub aws: Aws,
    /// Names of the modules it has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
    /// Its persistent modules that are started, and how they do: `running`, or
    /// a word and, behind a colon, why they do not. Originals have no such key
    /// and pass it over.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub persistent: BTreeMap<String, String>,
}

decode_members!(Environment {
    "init" => init,
    "ident" => ident,
    "os" => os,
    "arch" => arch,
    "isproxied" => isproxied,
    "proxy" => proxy,
    "addresses" => addresses via List<String>,
    "publicip" => publicip,
    "aws" => aws,
    "modules" => modules via List<String>,
    "persistent" => persistent via TextMap,
});

/// What the AWS metadata service says about the instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Aws {
    /// Instance id.
    #[serde(skip_serializing_if = "is_default")]
    pub instanceid: String,
    /// Private address.
    #[serde(skip_serializing_if = "is_default")]
    pub localipv4: String,
    /// Image id.
    #[serde(skip_serializing_if = "is_default")]
    pub amiid: String,
    /// Instance type.
    #[serde(skip_serializing_if = "is_default")]
    pub instancetype: String,
}

decode_members!(Aws {
    "instanceid" => instanceid,
    "localipv4" => localipv4,
    "amiid" => amiid,
    "instancetype" => instancetype,
});
