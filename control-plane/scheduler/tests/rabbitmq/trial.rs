//! A site on RabbitMQ whose accounts are checked at the end.

use std::sync::Arc;
use std::time::Duration;

use mig_protocol::{ActionStatus, Id};
use mig_relay::topology;
use mig_scheduler::SchedulerConfig;
use mig_store::Store;

use crate::broker::Broker;
use crate::fleet::Fleet;
use crate::site::flaky::Flaky;
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
        Trial::start_on(Arc::clone, adjust).await
    }

    /// One whose scheduler loses its database at the first answer, and has it again
    /// when that is told to come back.
    pub async fn without_answers() -> Option<(Trial, Arc<Flaky>)> {
        let mut flaky = None;
        let view = |store: &Arc<dyn Store>| {
            let store = Arc::new(Flaky::away_at_an_answer(Arc::clone(store)));
            Arc::clone(flaky.insert(store)) as Arc<dyn Store>
        };
        let trial = Trial::start_on(view, |_| {}).await?;
        Some((trial, flaky?))
    }

    async fn start_on(
        view: impl FnOnce(&Arc<dyn Store>) -> Arc<dyn Store>,
        adjust: impl FnOnce(&mut SchedulerConfig),
    ) -> Option<Trial> {
        let broker = Broker::take().await?;
        let address = ([127, 0, 0, 1], broker.rabbit.amqp_port()).into();
        let directory = tempfile::tempdir().expect("a directory");
        let mut site = Site::beside(address, directory).await;
        // Only the scheduler sees it so.
        let seen = view(&site.store);
        let store = std::mem::replace(&mut site.store, seen);
        site.start_scheduler(|config| {
            broker.encrypt(config);
            // So seldom that a busy machine does not lose a connection by it.
            config.relay.heartbeat = Duration::from_secs(30);
            adjust(config);
        })
        .await;
        site.store = store;
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

    /// Waits until the scheduler has another connection than those so far.
    pub async fn connected_again(&self, before: u64) {
        eventually("a new connection", || async {
            let scheduler = self.site.scheduler();
            let again = scheduler.counts().connections > before;
            (again && scheduler.is_connected()).then_some(())
        })
        .await;
    }

    /// Waits until RabbitMQ alone has an answer to everything asked, and the agents
    /// have nothing left to do.
    pub async fn answered(&self) {
        let (results, heartbeats) = (topology::RESULTS, topology::HEARTBEATS);
        let answer = format!("N =:= <<\"{results}\">>");
        let command = format!("N =/= <<\"{results}\">>, N =/= <<\"{heartbeats}\">>");
        eventually("all answers waiting on RabbitMQ", || async {
            // Some may be there twice, where a connection was lost.
            let all = self.waiting(&command) == 0 && self.waiting(&answer) >= self.asked();
            all.then_some(())
        })
        .await;
    }

    /// How many messages RabbitMQ has in the queues for whose name `N` this holds.
    fn waiting(&self, which: &str) -> u64 {
        let vhost = topology::VHOST;
        let counted = self.broker.rabbit.eval(&format!(
            "lists:sum([M || [{{name, {{_, _, _, N}}}}, {{messages, M}}] <- \
             rabbit_amqqueue:info_all(<<\"{vhost}\">>, [name, messages]), {which}])"
        ));
        counted.parse().expect("a number")
    }

    /// How many commands all actions together are.
    fn asked(&self) -> u64 {
        (self.posted.len() * self.fleet.size) as u64
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
        let asked = self.asked();
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
