//! The swarm: started, looked at, disturbed, stopped.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use mig_agent::environment::Surroundings;
use mig_protocol::Time;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::configuration::{Configuration, SwarmError};
use crate::diary::Pen;
use crate::ledger::{Counts, Ledger};
use crate::member::{Common, Member, Relay, known};
use crate::process::Usage;
use crate::quantiles::Histogram;
use crate::report::{Milliseconds, ProcessReport, Report, seconds};
use crate::scenario::Scenario;

/// Threads that write journals: the disk is the limit, not their number.
const WRITERS: usize = 32;
/// Time for all agents to say goodbye.
const GOODBYE: Duration = Duration::from_secs(20);
/// Between two looks at whether all are connected.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Running agents. They stop when it is dropped.
pub struct Swarm {
    // Taken when they stop.
    runtime: Option<Runtime>,
    common: Arc<Common>,
    members: Vec<Arc<Member>>,
    tasks: Vec<JoinHandle<()>>,
    started: Instant,
    all_connected: Arc<OnceLock<Duration>>,
    /// What the process took before there were agents.
    before: Usage,
}

impl Swarm {
    /// Sets all agents up and starts them. Returns before they are connected.
    ///
    /// # Errors
    /// A limit of the system is too low, the relay's address or certificates
    /// cannot be used, or an agent's files cannot.
    pub fn start(configuration: Configuration) -> Result<Self, SwarmError> {
        crate::descriptors::raise(configuration.agents)?;
        let relay = Relay::new(
            &configuration.relay,
            configuration.certificates.as_ref(),
            configuration.quorum,
        )?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .max_blocking_threads(WRITERS)
            .enable_all()
            .build()
            .map_err(|source| SwarmError::System {
                what: "the asynchronous runtime cannot start",
                source,
            })?;
        let before = Usage::now();
        let kinds = configuration
            .mix
            .assign(configuration.agents, configuration.seed);
        let diary = match &configuration.diary {
            None => None,
            Some(path) => Some(Pen::open(path).map_err(|source| SwarmError::System {
                what: "the diary cannot be written",
                source,
            })?),
        };
        let common = Arc::new(Common {
            diary,
            relay,
            // Once for all: it runs helper programs.
            surroundings: surroundings(),
            known: known(configuration.seed, configuration.agents),
            braggart: kinds.iter().position(|kind| *kind == Scenario::Lying),
            configuration,
            stop: watch::Sender::new(false),
            outages: watch::Sender::new(0),
        });
        // Side by side: each waits for the disk.
        let members = runtime.block_on(async {
            let setting_up = kinds.into_iter().enumerate().map(|(number, kind)| {
                let common = Arc::clone(&common);
                tokio::task::spawn_blocking(move || Member::new(&common, number, kind))
            });
            futures_util::future::join_all(setting_up).await
        });
        let members = members
            .into_iter()
            .map(|member| {
                member.map_err(|error| SwarmError::System {
                    what: "an agent could not be set up",
                    source: error.into(),
                })?
            })
            .collect::<Result<Vec<Arc<Member>>, SwarmError>>()?;
        let started = Instant::now();
        let all_connected = Arc::new(OnceLock::new());
        let mut tasks: Vec<JoinHandle<()>> = members
            .iter()
            .map(|member| runtime.spawn(Arc::clone(member).live()))
            .collect();
        tasks.push(runtime.spawn(watch_arrival(
            members.clone(),
            started,
            Arc::clone(&all_connected),
            common.stop.subscribe(),
        )));
        Ok(Self {
            runtime: Some(runtime),
            common,
            members,
            tasks,
            started,
            all_connected,
            before,
        })
    }

    /// Where the agents have their files.
    pub fn directory(&self) -> &Path {
        &self.common.configuration.directory
    }

    /// How many agents are connected.
    pub fn connected(&self) -> usize {
        self.members
            .iter()
            .filter(|member| member.is_connected())
            .count()
    }

    /// Everything that happened so far, agent by agent.
    pub fn ledger(&self) -> Ledger {
        Ledger {
            agents: self.members.iter().map(|member| member.ledger()).collect(),
        }
    }

    /// Agents that have said once that they live.
    pub fn announced(&self) -> usize {
        self.members
            .iter()
            .filter(|member| member.notes().counts.heartbeats > 0)
            .count()
    }

    /// Whether every command that arrived was answered and confirmed, those of
    /// silent agents excepted.
    pub fn is_settled(&self) -> bool {
        self.members
            .iter()
            .filter(|member| member.scenario != Scenario::Silent)
            .all(|member| {
                let notes = member.notes();
                notes.commands.values().all(|seen| seen.confirmed > 0)
            })
    }

    /// Cuts every connection at this moment, without a word.
    pub fn outage(&self) {
        self.common.outages.send_modify(|outages| *outages += 1);
    }

    /// Everything in numbers.
    pub fn report(&self) -> Report {
        let mut counts = Counts::default();
        let mut lies: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut scenarios: BTreeMap<&'static str, usize> = BTreeMap::new();
        let [mut connecting, mut delivery, mut work, mut confirmation] =
            [(); 4].map(|()| Histogram::default());
        for member in &self.members {
            *scenarios.entry(member.scenario.word()).or_default() += 1;
            let notes = member.notes();
            counts.add(&notes.counts);
            for (kind, count) in &notes.lies {
                *lies.entry(kind).or_default() += count;
            }
            connecting.merge(&notes.times.connecting);
            delivery.merge(&notes.times.delivery);
            work.merge(&notes.times.work);
            confirmation.merge(&notes.times.confirmation);
        }
        let usage = Usage::now();
        let grown = usage.resident.saturating_sub(self.before.resident);
        Report {
            agents: self.members.len(),
            connected: self.connected(),
            scenarios,
            seed: self.common.configuration.seed,
            seconds: seconds(self.started.elapsed()),
            all_connected_after: self.all_connected.get().copied().map(seconds),
            counts,
            lies,
            milliseconds: Milliseconds {
                connecting: connecting.quantiles(),
                delivery: delivery.quantiles(),
                work: work.quantiles(),
                confirmation: confirmation.quantiles(),
            },
            process: ProcessReport {
                resident: usage.resident,
                resident_per_agent: grown / (self.members.len() as u64).max(1),
                threads: usage.threads,
                descriptors: usage.descriptors,
            },
        }
    }

    /// Lets all agents say goodbye, and waits for that.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        self.common.stop.send_replace(true);
        let tasks = std::mem::take(&mut self.tasks);
        runtime.block_on(async {
            let all = futures_util::future::join_all(tasks);
            let _ = tokio::time::timeout(GOODBYE, all).await;
        });
        runtime.shutdown_timeout(GOODBYE);
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        self.end();
    }
}

fn surroundings() -> Surroundings {
    let mut found = Surroundings::discover(crate::member::modules(), Time::now());
    // Those of this machine would be wrong for all others.
    found.environment.addresses.clear();
    found
}

/// Notes the moment at which all agents have been connected.
async fn watch_arrival(
    members: Vec<Arc<Member>>,
    started: Instant,
    all_connected: Arc<OnceLock<Duration>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut waiting = members;
    loop {
        waiting.retain(|member| member.notes().counts.connections == 0);
        if waiting.is_empty() {
            let _ = all_connected.set(started.elapsed());
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}
