//! News for whoever wants to react to them: events to the exchange `toworkers`,
//! where workers bind queues of their own.
//!
//! Events are a courtesy: they are not in the outbox, each is published at most
//! once, and nothing waits for them. What does not fit into the bounded buffer,
//! or was on its way when the relay was lost, is dropped and counted. A site
//! whose relay refuses the exchange works on without.

mod buffer;
mod publish;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

pub(crate) use buffer::Event;
pub(crate) use publish::run;

use crate::counts::Counts;
use buffer::Buffer;

/// Durable topic exchange of events.
pub(crate) const TO_WORKERS: &str = "toworkers";

/// Which events there are, and their routing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A first heartbeat; the body is that heartbeat.
    AgentNew,
    /// A heartbeat of an agent that is not on the whitelist; the body is that
    /// heartbeat.
    AuthenticationFailure,
    /// An answer that was stored; the body is the command with its results, as
    /// the agent sent it.
    CommandResults,
    /// This scheduler lives.
    SchedulerHeartbeat,
    /// Several agents share a queue: which ones.
    AgentDuplicates,
}

impl Kind {
    /// The routing key.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Kind::AgentNew => "agent.new",
            Kind::AuthenticationFailure => "agent.authentication.failure",
            Kind::CommandResults => "command.results",
            Kind::SchedulerHeartbeat => "scheduler.heartbeat",
            Kind::AgentDuplicates => "agent.duplicates",
        }
    }
}

/// How events are published.
#[derive(Debug, Clone)]
pub struct EventsConfig {
    /// Between two events that say that the scheduler lives.
    pub heartbeat: Duration,
    /// Most events that wait for the relay.
    pub most_waiting: usize,
    /// Most bytes of them.
    pub most_bytes: usize,
    /// Pause before a relay that refused events is asked again.
    pub refused: Duration,
}

impl Default for EventsConfig {
    /// A heartbeat each minute; a thousand events or 32 MiB may wait; ten
    /// minutes after a refusal.
    fn default() -> EventsConfig {
        EventsConfig {
            heartbeat: Duration::from_secs(60),
            most_waiting: 1024,
            most_bytes: 32 << 20,
            refused: Duration::from_secs(600),
        }
    }
}

/// Takes events from the scheduler and keeps them until they are published.
pub(crate) struct Events {
    config: EventsConfig,
    buffer: Buffer,
    added: Notify,
    /// The relay does not let us publish events for now.
    refused: AtomicBool,
}

impl Events {
    pub(crate) fn new(config: EventsConfig) -> Events {
        Events {
            buffer: Buffer::new(config.most_waiting, config.most_bytes),
            config,
            added: Notify::new(),
            refused: AtomicBool::new(false),
        }
    }

    /// Takes an event, or drops it. Never waits.
    pub(crate) fn offer(&self, counts: &Counts, kind: Kind, body: &[u8]) {
        let kept = !self.refused.load(Ordering::Relaxed) && self.buffer.push(kind, body);
        if kept {
            self.added.notify_one();
        } else {
            counts.events_dropped.one();
        }
    }
}
