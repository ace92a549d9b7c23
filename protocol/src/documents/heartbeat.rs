//! The heartbeat that an agent posts to the API. The older form over the relay
//! is the agent record itself.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Agent, AgentMode, Aws, Environment};
use crate::json::decode::{List, TextMap};
use crate::json::members::decode_members;
use crate::timestamp::Time;

/// Body of `POST heartbeat`. Unlike an agent record it has camelCase keys, tags
/// as a list and no AWS data, and nothing is omitted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatPost {
    /// Host name.
    pub name: String,
    /// How the agent runs.
    pub mode: AgentMode,
    /// Build version.
    pub version: String,
    /// Process id.
    pub pid: i64,
    /// The agent's identity.
    pub queue_loc: String,
    /// When this heartbeat was sent; despite its name not the process's start.
    pub start_time: Time,
    /// Last change of the environment.
    pub refresh_time: Time,
    /// What the agent found out about its host.
    pub environment: HeartbeatEnvironment,
    /// Labels from its configuration.
    pub tags: Option<Vec<HeartbeatTag>>,
}

decode_members!(HeartbeatPost {
    "name" => name,
    "mode" => mode via String,
    "version" => version,
    "pid" => pid,
    "queueloc" => queue_loc,
    "starttime" => start_time,
    "refreshtime" => refresh_time,
    "environment" => environment,
    "tags" => tags via List<HeartbeatTag>,
});

/// The environment within a posted heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatEnvironment {
    /// Init system.
    pub init: String,
    /// Distribution or release.
    pub ident: String,
    /// Operating system.
    pub os: String,
    /// Architecture.
    pub arch: String,
    /// The connection to the relay goes through a proxy.
    pub is_proxied: bool,
    /// `host:port` of that proxy.
    pub proxy: String,
    /// Addresses in CIDR form.
    pub addresses: Option<Vec<String>>,
    /// Address seen by the API.
    #[serde(rename = "publicIP")]
    pub public_ip: String,
    /// Names of the modules the agent has.
    pub modules: Option<Vec<String>>,
    /// How its persistent modules do; not of the original, and left out when
    /// there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub persistent: BTreeMap<String, String>,
}

decode_members!(HeartbeatEnvironment {
    "init" => init,
    "ident" => ident,
    "os" => os,
    "arch" => arch,
    "isproxied" => is_proxied,
    "proxy" => proxy,
    "addresses" => addresses via List<String>,
    "publicip" => public_ip,
    "modules" => modules via List<String>,
    "persistent" => persistent via TextMap,
});

/// One label within a posted heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HeartbeatTag {
    /// Name of the label.
    pub name: String,
    /// Its value.
    pub value: String,
}

decode_members!(HeartbeatTag {
    "name" => name,
    "value" => value,
});

/// The API's answer to a posted heartbeat: `{"error":null}` when stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HeartbeatAnswer {
    /// Why it was refused.
    pub error: Option<String>,
}

decode_members!(HeartbeatAnswer {
    "error" => error via String,
});

impl HeartbeatPost {
    /// The heartbeat of `agent`, sent now, that is, at `sent`.
    pub fn from_agent(agent: &Agent, sent: Time) -> HeartbeatPost {
        let environment = &agent.environment;
        HeartbeatPost {
            name: agent.name.clone(),
            mode: agent.mode.clone(),
            version: agent.version.clone(),
            pid: agent.pid,
            queue_loc: agent.queueloc.clone(),
            start_time: sent,
            refresh_time: agent.refreshts,
            environment: HeartbeatEnvironment {
                init: environment.init.clone(),
                ident: environment.ident.clone(),
                os: environment.os.clone(),
                arch: environment.arch.clone(),
                is_proxied: environment.isproxied,
                proxy: environment.proxy.clone(),
                addresses: Some(environment.addresses.clone()),
                public_ip: environment.publicip.clone(),
                modules: Some(environment.modules.clone()),
                persistent: environment.persistent.clone(),
            },
            tags: Some(
                agent
                    .tags
                    .iter()
                    .map(|(name, value)| HeartbeatTag {
                        name: name.clone(),
                        value: value.clone(),
                    })
                    .collect(),
            ),
        }
    }
}

/// The agent record of a posted heartbeat. The time it was sent becomes
/// `heartbeatts`; `starttime` and the status are for the store to set.
impl From<HeartbeatPost> for Agent {
    fn from(post: HeartbeatPost) -> Agent {
        let environment = post.environment;
        Agent {
            name: post.name,
            queueloc: post.queue_loc,
            mode: post.mode,
            version: post.version,
            pid: post.pid,
            heartbeatts: post.start_time,
            refreshts: post.refresh_time,
            environment: Environment {
                init: environment.init,
                ident: environment.ident,
                os: environment.os,
                arch: environment.arch,
                isproxied: environment.is_proxied,
                proxy: environment.proxy,
                addresses: environment.addresses.unwrap_or_default(),
                publicip: environment.public_ip,
                aws: Aws::default(),
                modules: environment.modules.unwrap_or_default(),
                persistent: environment.persistent,
            },
            tags: post
                .tags
                .unwrap_or_default()
                .into_iter()
                .map(|tag| (tag.name, tag.value))
                .collect::<BTreeMap<String, String>>(),
            ..Agent::default()
        }
    }
}
