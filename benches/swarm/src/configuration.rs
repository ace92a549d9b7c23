//! What a swarm is started with, and why it is not.

use std::path::PathBuf;
use std::time::Duration;

use mig_agent::relay::Certificates;

use crate::scenario::{Mix, Scenario};

/// Where agents send their heartbeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeartbeatPath {
    /// To the scheduler, through the relay.
    Relay,
    /// To the API at this URL, which ends in a slash.
    Api(String),
}

/// What a swarm is started with.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// How many agents.
    pub agents: usize,
    /// URL of the relay, with the agents' user and password.
    pub relay: String,
    /// PEM texts, for a relay over TLS.
    pub certificates: Option<Certificates>,
    /// Public keys of investigators, one per file.
    pub keyring: PathBuf,
    /// Access control list.
    pub acl: PathBuf,
    /// Where each agent has its run directory.
    pub directory: PathBuf,
    /// Agents declare their queues as quorum queues, not as classic ones.
    pub quorum: bool,
    /// A file to which everything that happens is written as it happens, so that
    /// not even SIGKILL loses any of it; see [`crate::Diary`].
    pub diary: Option<PathBuf>,
    /// How they behave.
    pub mix: Mix,
    /// Decides who does what and when. The same seed gives the same agents.
    pub seed: u64,
    /// Where heartbeats go.
    pub heartbeats: HeartbeatPath,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// Time over which agents that do not storm make their first connection.
    pub arrival: Duration,
    /// Longest time a slow agent takes before it takes a command, while it
    /// carries it out, and before it answers.
    pub slowness: Duration,
    /// Longest time a flapping agent stays connected.
    pub flapping: Duration,
    /// Bytes of the oversized answer that one lying agent sends.
    pub oversized: usize,
}

impl Configuration {
    /// Steady agents with the defaults of the command line.
    pub fn new(agents: usize, relay: impl Into<String>) -> Self {
        Self {
            agents,
            relay: relay.into(),
            certificates: None,
            keyring: "/etc/mig/agentkeys".into(),
            acl: "/etc/mig/acl.cfg".into(),
            directory: "swarm".into(),
            quorum: false,
            diary: None,
            mix: Mix::only(Scenario::Steady),
            seed: 1,
            heartbeats: HeartbeatPath::Relay,
            heartbeat: Duration::from_secs(60),
            arrival: Duration::ZERO,
            slowness: Duration::from_secs(2),
            flapping: Duration::from_secs(3),
            // More than the embedded relay and schedulers take.
            oversized: (20 << 20) + 1,
        }
    }
}

/// Why there is no swarm.
#[derive(Debug, thiserror::Error)]
pub enum SwarmError {
    /// The relay's address.
    #[error("`{0}` is not an address such as amqps://user:password@host:5671/mig")]
    Relay(String),
    /// TLS without certificates, or with broken ones.
    #[error("{0}")]
    Certificates(String),
    /// The limit on open files is too low.
    #[error(
        "{agents} agents need {needed} open files and this process may have {allowed}; \
         raise the hard limit (`ulimit -Hn`, or LimitNOFILE= of the service) or take fewer agents"
    )]
    Descriptors {
        /// Agents asked for.
        agents: usize,
        /// Files they need.
        needed: u64,
        /// The hard limit.
        allowed: u64,
    },
    /// The limit on threads is too low.
    #[error(
        "{agents} agents need {needed} threads and this user may have {allowed} (`ulimit -u`); \
         raise the limit or take fewer agents"
    )]
    Threads {
        /// Agents asked for.
        agents: usize,
        /// Threads they need.
        needed: u64,
        /// The limit.
        allowed: u64,
    },
    /// An agent's files.
    #[error("agent {number} in {}: {reason}", directory.display())]
    Agent {
        /// Which agent.
        number: usize,
        /// Its run directory.
        directory: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The operating system.
    #[error("{what}: {source}")]
    System {
        /// What could not be done.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
}
