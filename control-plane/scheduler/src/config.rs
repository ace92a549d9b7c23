//! What the scheduler has to know.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mig_protocol::{Clock, Limits, SystemClock};

use crate::duties::KillKey;
use crate::events::EventsConfig;
use crate::whitelist::Whitelist;

/// How the scheduler works; defaults are the values of the original's sample.
#[derive(Debug)]
pub struct SchedulerConfig {
    /// Where the relay is.
    pub relay: RelayAccess,
    /// Heartbeats older than this are dropped, and idle agents silent for longer
    /// become offline.
    pub agent_timeout: Duration,
    /// How often agents send heartbeats; an agent silent for five times as long
    /// becomes idle.
    pub heartbeat_frequency: Duration,
    /// Pause between two looks for silent agents.
    pub periodic: Duration,
    /// Finished actions and vanished agents older than this are deleted; `None`
    /// keeps everything.
    pub retention: Option<Duration>,
    /// Of what type the queues of answers and heartbeats are on the relay.
    pub queues: QueueKind,
    /// Agents whose heartbeats are accepted; `None` accepts all.
    pub whitelist: Option<Arc<Whitelist>>,
    /// How long rows of statistics are kept.
    pub statistics_kept: Duration,
    /// Pause between two looks for queues of agents that were silent for as long,
    /// which are deleted when nothing waits in them; `None` keeps all.
    pub queue_cleanup: Option<Duration>,
    /// Whether agents that share a queue are told of.
    pub detect_duplicates: bool,
    /// The key that signs orders to end all but the newest of them; `None` gives
    /// no orders.
    pub kill_duplicates: Option<KillKey>,
    /// One line of the log for each command.
    pub log_commands: bool,
    /// Events for workers, on the exchange `toworkers`; `None` for none.
    pub events: Option<EventsConfig>,
    /// This is the only scheduler of the database, so what is claimed and not
    /// held by it was abandoned and is taken up at once.
    pub sole: bool,
    /// When it is not: silence after which another scheduler is gone, and what
    /// it had claimed or held is taken over. The clocks of schedulers may not
    /// differ by more.
    pub abandoned_after: Duration,
    /// Largest answer accepted from an agent, in bytes.
    pub max_answer: usize,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl SchedulerConfig {
    /// A configuration with the default timing.
    pub fn new(relay: RelayAccess) -> SchedulerConfig {
        SchedulerConfig {
            relay,
            agent_timeout: Duration::from_secs(20 * 60),
            heartbeat_frequency: Duration::from_secs(5 * 60),
            periodic: Duration::from_secs(87),
            retention: None,
            queues: QueueKind::Classic,
            whitelist: None,
            events: None,
            statistics_kept: Duration::from_secs(400 * 86_400),
            queue_cleanup: Some(Duration::from_secs(86_400)),
            detect_duplicates: true,
            kill_duplicates: None,
            log_commands: false,
            sole: true,
            abandoned_after: Duration::from_secs(60),
            max_answer: Limits::COMMAND.bytes,
            clock: Arc::new(SystemClock),
        }
    }
}

/// How a relay keeps a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum QueueKind {
    /// On one node, as the original declares it; every relay can do that.
    #[default]
    Classic,
    /// Replicated over the nodes of a RabbitMQ cluster (3.10 or later).
    Quorum,
}

impl fmt::Display for QueueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QueueKind::Classic => "classic",
            QueueKind::Quorum => "quorum",
        })
    }
}

impl std::str::FromStr for QueueKind {
    type Err = UnknownQueueKind;

    fn from_str(text: &str) -> Result<QueueKind, UnknownQueueKind> {
        [QueueKind::Classic, QueueKind::Quorum]
            .into_iter()
            .find(|kind| kind.to_string() == text)
            .ok_or_else(|| UnknownQueueKind(text.to_owned()))
    }
}

/// The name of no type of queues.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no type of queues; write `classic` or `quorum`")]
pub struct UnknownQueueKind(pub String);

/// Where the relay is and how to log in.
#[derive(Clone)]
pub struct RelayAccess {
    /// Host name or address; with TLS the name in the relay's certificate. The
    /// nodes of a cluster are separated by commas, each with `:PORT` where its port
    /// is not that of the others; the first one that can be used is, beginning with
    /// the one that was used last.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Virtual host.
    pub vhost: String,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// TLS, or plain TCP.
    pub tls: Option<RelayTls>,
    /// AMQP heartbeat asked for; 0 for none.
    pub heartbeat: Duration,
    /// How long the relay may take to answer. An address has five seconds of it at
    /// most to accept a connection, and a node fifteen to log somebody in.
    pub timeout: Duration,
}

impl fmt::Debug for RelayAccess {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.user, self.shown_places(), self.vhost)
    }
}

/// How the relay proves itself and the scheduler in turn.
#[derive(Clone)]
pub struct RelayTls {
    /// Certificates that may sign the relay's, PEM.
    pub ca: String,
    /// The scheduler's certificate and key, PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}
