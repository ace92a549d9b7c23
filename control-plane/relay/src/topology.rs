//! The exchanges, queues and permissions that schedulers and agents agree on.
//!
//! Schedulers declare both exchanges and the two queues for what agents send;
//! each agent declares its own queue and binds it. Binding keys are the queues'
//! names. Workers declare queues named `migevent.worker.NAME` and bind them to
//! the events they want.

use crate::permissions::PermissionPatterns;

/// Virtual host of a MIG relay.
pub const VHOST: &str = "mig";
/// Durable direct exchange for commands.
pub const TO_AGENTS: &str = "toagents";
/// Durable direct exchange for results and heartbeats.
pub const TO_SCHEDULERS: &str = "toschedulers";
/// Durable topic exchange for events that workers may be interested in.
pub const TO_WORKERS: &str = "toworkers";
/// Durable queue, and binding key, of results.
pub const RESULTS: &str = "mig.agt.results";
/// Durable queue, and binding key, of heartbeats.
pub const HEARTBEATS: &str = "mig.agt.heartbeats";
/// Account of the agents.
pub const AGENT_USER: &str = "agent";
/// Account of the schedulers.
pub const SCHEDULER_USER: &str = "scheduler";

/// Account of the workers.
pub const WORKER_USER: &str = "worker";

/// The durable queue, and binding key, of one agent's commands.
pub fn agent_queue(queueloc: &str) -> String {
    format!("mig.agt.{queueloc}")
}

/// What the agents' account may do: declare, bind and read agents' queues, publish
/// to the schedulers.
///
/// A queueloc is the agent's system, a dot and its identity, so a queue of an agent
/// has a part more than those of the schedulers. The original's documentation has
/// `mig\.agt\..*`, with which each agent may read, purge and delete the queue of all
/// results.
pub fn agent_permissions() -> PermissionPatterns {
    PermissionPatterns {
        configure: r"^mig\.agt\.[^.]+\..+$".into(),
        write: r"^(toschedulers|mig\.agt\.[^.]+\..+)$".into(),
        read: r"^(toagents|mig\.agt\.[^.]+\..+)$".into(),
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

/// What the workers' account may do: declare its own queues, bind them to the
/// events, read them.
pub fn worker_permissions() -> PermissionPatterns {
    PermissionPatterns {
        configure: r"^migevent\..*$".into(),
        write: r"^migevent(|\..*)$".into(),
        read: r"^(toworkers|migevent\..*)$".into(),
    }
}
