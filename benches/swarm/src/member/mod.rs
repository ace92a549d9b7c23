//! One simulated agent: its parts are those of `mig-agent`, its modules are not.

mod connect;
mod heartbeat;
mod identity;
mod lies;
mod life;
mod modules;
mod session;
mod skew;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use mig_agent::agent::{Agent, Parts};
use mig_agent::environment::Surroundings;
use mig_agent::execution::Runner;
use mig_agent::journal::Journal;
use mig_agent::record::{Record, SMALLEST};
use mig_agent::settings::Settings;
use mig_agent::trust::Trust;
use mig_protocol::Clock;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{Notify, watch};

pub(crate) use connect::Relay;

use crate::configuration::{Configuration, HeartbeatPath, SwarmError};
use crate::diary::Pen;
use crate::ledger::{AgentLedger, Counts, Seen};
use crate::quantiles::Histogram;
use crate::scenario::Scenario;
use crate::seen::Event;
pub use modules::ONCE as MUST_NOT_RUN_TWICE;
use modules::Simulated;
use skew::SkewedClock;

/// What all agents of a swarm share.
pub(crate) struct Common {
    pub configuration: Configuration,
    /// Where events are written, beside the ledgers.
    pub diary: Option<Pen>,
    pub relay: Relay,
    /// What a host looks like; only the name differs.
    pub surroundings: Surroundings,
    /// Names and identities of all, for liars to lie about.
    pub known: Vec<(String, String)>,
    /// The lying agent that sends the oversized answer.
    pub braggart: Option<usize>,
    /// Everything ends.
    pub stop: watch::Sender<bool>,
    /// Counts the times that the network was cut for all.
    pub outages: watch::Sender<u64>,
}

impl Common {
    /// Waits until everything ends.
    async fn until_stopped(&self) {
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }
}

/// Times of one agent.
#[derive(Default)]
pub(crate) struct Times {
    /// From the scheduler's making of a command to its arrival here.
    pub delivery: Histogram,
    /// From its arrival to an answer in the journal.
    pub work: Histogram,
    /// From its arrival to the relay's confirmation of the answer.
    pub confirmation: Histogram,
    /// How long connecting took, where it succeeded.
    pub connecting: Histogram,
}

/// What is written down about one agent.
#[derive(Default)]
pub(crate) struct Notes {
    pub counts: Counts,
    pub commands: BTreeMap<u64, Seen>,
    pub lies: BTreeMap<&'static str, u64>,
    pub times: Times,
    /// When a command first arrived, until its answer is confirmed.
    arrived: BTreeMap<u64, Instant>,
    connected: bool,
}

/// One simulated agent.
pub(crate) struct Member {
    common: Arc<Common>,
    pub number: usize,
    pub scenario: Scenario,
    name: String,
    skew: i64,
    agent: Arc<Agent>,
    modules: Arc<Simulated>,
    /// An answer was stored.
    answers: Notify,
    notes: Mutex<Notes>,
    seed: u64,
}

impl Member {
    /// Sets an agent up in a directory of its own, which may have been used
    /// before. Blocks.
    pub fn new(
        common: &Arc<Common>,
        number: usize,
        scenario: Scenario,
    ) -> Result<Arc<Self>, SwarmError> {
        let configuration = &common.configuration;
        let directory = configuration.directory.join(format!("agent-{number:05}"));
        let failed = |reason: String| SwarmError::Agent {
            number,
            directory: directory.clone(),
            reason,
        };
        let identity = identity::at(&directory, configuration.seed, number)
            .map_err(|error| failed(error.to_string()))?;
        let (name, _) = &common.known[number];
        let skew = skew_of(scenario, configuration.seed, number);
        let clock: Arc<dyn Clock> = Arc::new(SkewedClock::new(skew));
        let mut settings = Settings {
            relay: configuration.relay.clone(),
            socket: String::new(),
            heartbeat: configuration.heartbeat,
            certificates: configuration.certificates.clone(),
            run_directory: directory.clone(),
            keyring: configuration.keyring.clone(),
            acl: configuration.acl.clone(),
            discover_public_ip: false,
            discover_aws: false,
            spawn_persistent: false,
            record: SMALLEST,
            ..Settings::default()
        };
        if let HeartbeatPath::Api(url) = &configuration.heartbeats {
            settings.api.clone_from(url);
            settings.heartbeat_over_http = true;
        }
        let trust = Trust::load(&settings.keyring, &settings.acl, false)
            .map_err(|error| failed(error.to_string()))?;
        let journal = Journal::open(&directory, settings.spool, clock.now().unix_seconds())
            .map_err(|error| failed(error.to_string()))?;
        let mut surroundings = common.surroundings.clone();
        surroundings.name.clone_from(name);
        // A module notes in its agent's ledger that it runs.
        let make = |member: &Weak<Self>| {
            let modules = Arc::new(Simulated::new(
                identity.queueloc.clone(),
                Weak::clone(member),
            ));
            let agent = Agent::new(Parts {
                owners_record: Arc::new(Record::open(
                    &directory,
                    settings.record,
                    Arc::clone(&clock),
                )),
                runner: Arc::clone(&modules) as Arc<dyn Runner>,
                settings,
                identity,
                trust,
                journal,
                persistent: None,
                clock,
                surroundings,
                checkin: false,
            });
            Self {
                common: Arc::clone(common),
                number,
                scenario,
                name: name.clone(),
                skew,
                agent: Arc::new(agent),
                modules,
                answers: Notify::new(),
                notes: Mutex::default(),
                seed: configuration.seed ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            }
        };
        Ok(Arc::new_cyclic(make))
    }

    /// Lives until everything ends.
    pub async fn live(self: Arc<Self>) {
        life::live(&self).await;
    }

    /// Everything that happened so far.
    pub fn ledger(&self) -> AgentLedger {
        let notes = self.notes();
        AgentLedger {
            number: self.number,
            name: self.name.clone(),
            queueloc: self.agent.identity().queueloc.clone(),
            scenario: self.scenario,
            skew: self.skew,
            counts: notes.counts,
            commands: notes.commands.clone(),
            lies: notes.lies.clone(),
        }
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        self.notes().connected
    }

    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something that happens to a command: on the disk before anything
    /// can come of it.
    fn note(&self, event: Event, id: u64) {
        if let Some(pen) = &self.common.diary {
            pen.note(self.number, event, id);
        }
        let mut notes = self.notes();
        let Notes {
            counts, commands, ..
        } = &mut *notes;
        let seen = commands.entry(id).or_default();
        counts.note(event, seen);
        seen.note(event);
    }

    /// Notes that the network failed for all and cut the connection.
    fn note_outage(&self) {
        if let Some(pen) = &self.common.diary {
            pen.note_outage(self.number);
        }
        self.notes().counts.note_outage();
    }

    /// How long the agent takes for something.
    fn slowness(&self, what: u64) -> Duration {
        if self.scenario != Scenario::Slow {
            return Duration::ZERO;
        }
        let longest = self.common.configuration.slowness;
        longest.mul_f64(self.choices(what).random_range(0.0..1.0))
    }

    /// A source of choices for one purpose: the same for the same seed.
    fn choices(&self, purpose: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed.wrapping_add(purpose))
    }
}

/// Names and identities of agents as they will be.
pub(crate) fn known(seed: u64, agents: usize) -> Vec<(String, String)> {
    (0..agents)
        .map(|number| {
            let name = format!("swarm-{number:05}.example.net");
            (name, identity::queueloc(seed, number))
        })
        .collect()
}

/// How far the clock of an agent is off, in seconds.
pub(crate) fn skew_of(scenario: Scenario, seed: u64, number: usize) -> i64 {
    match scenario {
        Scenario::ClockSkewed => skew::choose(seed, number),
        _ => 0,
    }
}

/// Names of the modules every agent has.
pub(crate) fn modules() -> Vec<String> {
    Simulated::modules()
}
