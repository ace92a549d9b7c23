//! The exchanges, queues and permissions that schedulers and agents agree on.
//!
//! Schedulers declare both exchanges and the two queues for what agents send;
//! each agent declares its own queue and binds it. Binding keys are the queues'
//! names.

use crate::permissions::PermissionPatterns;

/// Virtual host of a MIG relay.
pub const VHOST: &str = "mig";
/// Durable direct exchange for commands.
pub const TO_AGENTS: &str = "toagents";
/// Durable direct exchange for results and heartbeats.
pub const TO_SCHEDULERS: &str = "toschedulers";
/// Durable queue, and binding key, of results.
pub const RESULTS: &str = "mig.agt.results";
/// Durable queue, and binding key, of heartbeats.
pub const HEARTBEATS: &str = "mig.agt.heartbeats";
/// Account of the agents.
pub const AGENT_USER: &str = "agent";
/// Account of the schedulers.
pub const SCHEDULER_USER: &str = "scheduler";

/// The durable queue, and binding key, of one agent's commands.
pub fn agent_queue(queueloc: &str) -> String {
    format!("mig.agt.{queueloc}")
}

/// What the agents' account may do: declare, bind and read its own queue,
/// publish to the schedulers.
pub fn agent_permissions() -> PermissionPatterns {
    PermissionPatterns {
        configure: r"^mig\.agt\..*$".into(),
        write: r"^(toschedulers|mig\.agt\..*)$".into(),
        read: r"^(toagents|mig\.agt\..*)$".into(),
    }
}

/// What the schedulers' account may do: declare the topology, publish commands,
/// read results and heartbeats, delete agents' queues.
pub fn scheduler_permissions() -> PermissionPatterns {
    PermissionPatterns {
        configure: r"^(toagents|toschedulers|toworkers|mig\.agt\..*)$".into(),
        write: r"^(toagents|toworkers|mig\.agt\.(heartbeats|results))$".into(),
        read: r"^(toagents|toschedulers|toworkers|mig\.agt\.(heartbeats|results))$".into(),
    }
}
