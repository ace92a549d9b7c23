//! Hundreds of simulated agents against the real programs. What serves them is
//! behind [`Engines`], so that every combination goes through the same tests.

// Several test programs include it, each of which uses a part.
#![allow(dead_code)]

pub mod agents;
#[path = "../whole/setup/asking.rs"]
pub mod asking;
pub mod embedded;
pub mod engines;
pub mod large;
pub mod processes;

use std::time::{Duration, Instant};

use mig_acceptance::{Programs, Site};
use mig_agent::relay::Certificates;
use mig_client::http::Api;
use mig_protocol::Action;
use mig_swarm::{Configuration, Mix, Swarm};
use serde_json::json;

use agents::Agents;
use engines::{Engines, StoredCommand};
use processes::{Behaviour, Processes};

/// Long enough for a loaded machine: agents whose relay is away for long pause up
/// to a minute between two attempts.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at something that changes by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Who asks.
const INVESTIGATOR: &str = "ada";

/// Engines and a swarm, connected and known.
pub struct Fleet<E, A = Swarm> {
    // Declared in the order in which they must stop.
    pub swarm: A,
    pub engines: E,
}

/// A site of which nothing runs yet, with somebody who may ask for everything.
pub fn files() -> Site {
    let programs = Programs::beside_test().unwrap_or_else(|error| panic!("{error}"));
    let site = Site::new(programs, "mig-fleet-", &[]).unwrap();
    let ada = site.add_investigator(INVESTIGATOR).unwrap();
    let list = json!({"default": {"minimumweight": 1, "investigators":
        {"ada": {"fingerprint": ada.fingerprint, "weight": 1}}}});
    site.write("acl.cfg", list).unwrap();
    site
}

impl<E: Engines> Fleet<E> {
    /// Starts agents and waits until `known` of them have said that they live.
    pub fn start(
        engines: E,
        agents: usize,
        mix: &str,
        known: usize,
        configure: impl FnOnce(&mut Configuration, &Site),
    ) -> Self {
        let site = engines.site();
        let relay = engines.agent_configuration();
        let mut configuration = Configuration::new(agents, relay.get("agent", "relay").unwrap());
        let pem = |key| std::fs::read(relay.get("certs", key).unwrap()).unwrap();
        configuration.certificates = Some(Certificates {
            ca: pem("ca"),
            cert: pem("cert"),
            key: pem("key"),
        });
        configuration.keyring = site.path("agentkeys");
        configuration.acl = site.path("acl.cfg");
        configuration.directory = site.path("swarm");
        configuration.mix = mix.parse::<Mix>().unwrap();
        configure(&mut configuration, site);
        let swarm = Swarm::start(configuration).unwrap_or_else(|error| panic!("{error}"));
        Self { swarm, engines }.known(known)
    }
}

impl<E: Engines> Fleet<E, Processes> {
    /// Starts agents in processes of their own and waits until all of them have
    /// said that they live.
    pub fn of_processes(engines: E, behaviour: &Behaviour) -> Self {
        let relay = engines.agent_configuration();
        let swarm = Processes::start(engines.site(), &relay, behaviour);
        Self { swarm, engines }.known(behaviour.agents)
    }
}

impl<E: Engines, A: Agents> Fleet<E, A> {
    fn known(self, agents: usize) -> Self {
        self.wait_until("every agent being known", || {
            self.engines.online() == agents
        });
        self
    }

    /// An action for all agents that are known, signed.
    pub fn action(&self, name: &str) -> Action {
        self.action_of(name, "swarm")
    }

    /// An action with this module.
    pub fn action_of(&self, name: &str, module: &str) -> Action {
        let action = asking::action(name, module, json!({"asked": name}));
        asking::sign(self.engines.site(), INVESTIGATOR, action)
    }

    /// A connection of its own to the API.
    pub fn api(&self) -> Api {
        asking::api(self.engines.site(), INVESTIGATOR)
    }

    /// Asks, and waits until so many commands of the action are over and the
    /// agents know that their answers arrived.
    pub fn ask(&self, name: &str, over: usize) -> Vec<StoredCommand> {
        let id = asking::post(&self.api(), &self.action(name)).unwrap();
        self.wait_until("the answers", || {
            self.engines.over(id.0) == over && self.swarm.is_settled()
        });
        let all = self.engines.commands().into_iter();
        all.filter(|command| command.action == id.0).collect()
    }

    /// Waits until something is so, and says what there is when it does not
    /// become so.
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            if Instant::now() > end {
                let report = self.swarm.summary();
                let unsettled = self.swarm.ledger().unsettled();
                panic!(
                    "{what} did not happen within {PATIENCE:?}\n{report}\n{}\n{}",
                    unsettled[..unsettled.len().min(5)].join("\n"),
                    self.engines.last_words()
                );
            }
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }

    /// Holds what the agents saw against all that is stored.
    pub fn assert_agreement(&self) {
        let commands = self.engines.commands();
        let stored: Vec<_> = commands.into_iter().map(|command| command.stored).collect();
        let wrong = self.swarm.ledger().discrepancies(&stored);
        assert!(
            wrong.is_empty(),
            "{} of {}:\n{}\n{}",
            wrong.len(),
            stored.len(),
            wrong[..wrong.len().min(10)].join("\n"),
            self.engines.last_words()
        );
    }
}
