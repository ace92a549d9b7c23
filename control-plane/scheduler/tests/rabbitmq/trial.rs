//! A site on RabbitMQ whose accounts are checked at the end.

use std::time::Duration;

use mig_protocol::{ActionStatus, Id};
use mig_scheduler::SchedulerConfig;

use crate::broker::Broker;
use crate::fleet::Fleet;
use crate::site::{Site, eventually};

/// Longer than any test takes.
const VALID: Duration = Duration::from_secs(600);
/// Agents of a trial.
const AGENTS: usize = 6;

pub struct Trial {
    pub site: Site,
    pub fleet: Fleet,
    posted: Vec<Id>,
    pub broker: Broker,
}

impl Trial {
    /// `None` when there is no RabbitMQ here.
    pub async fn start(adjust: impl FnOnce(&mut SchedulerConfig)) -> Option<Trial> {
        let broker = Broker::take().await?;
        let address = ([127, 0, 0, 1], broker.rabbit.amqp_port()).into();
        let directory = tempfile::tempdir().expect("a directory");
        let mut site = Site::beside(address, directory).await;
        site.start_scheduler(|config| {
            broker.encrypt(config);
            // So seldom that a busy machine does not lose a connection by it.
            config.relay.heartbeat = Duration::from_secs(30);
            adjust(config);
        })
        .await;
        let fleet = Fleet::start(&site, AGENTS).await;
        Some(Trial {
            site,
            fleet,
            posted: Vec::new(),
            broker,
        })
    }

    /// Asks all agents something.
    pub async fn post(&mut self) -> Id {
        let number = self.posted.len() as u64 + 1;
        let id = self.site.post(number, "status='online'", VALID).await;
        self.posted.push(id);
        id
    }

    /// Waits until every agent has been sent the action's command, as far as the
    /// scheduler is concerned.
    pub async fn published(&self) {
        eventually("the outbox to be empty", || async {
            let left = self.site.store.outbox(Id(0), 1).await.expect("outbox");
            left.is_empty().then_some(())
        })
        .await;
    }

    /// Waits until so many commands have arrived at agents.
    pub async fn arrived(&self, commands: usize) {
        eventually("commands to arrive", || async {
            (self.fleet.arrived() >= commands).then_some(())
        })
        .await;
    }

    /// Everything asked is answered by everybody and stored once.
    pub async fn complete(self) {
        let agents = i64::try_from(self.fleet.size).expect("few");
        for id in &self.posted {
            let ended = self.site.status(*id, ActionStatus::Completed).await.action;
            let counters = &ended.counters;
            assert_eq!(
                (counters.sent, counters.done, counters.success),
                (agents, agents, agents),
                "{id:?}"
            );
        }
        self.published().await;
        let asked = (self.posted.len() * self.fleet.size) as u64;
        // Counted after it is stored.
        let counts = eventually("the answers to be counted", || async {
            let counts = self.site.scheduler().counts();
            (counts.answers_stored >= asked).then_some(counts)
        })
        .await;
        assert_eq!(counts.answers_stored, asked, "{counts:?}");
        // What was not confirmed before a connection was lost comes again.
        assert_eq!(counts.dropped(), counts.answers_repeated, "{counts:?}");
        let mut site = self.site;
        site.scheduler.take().expect("a scheduler").stop().await;
    }
}
