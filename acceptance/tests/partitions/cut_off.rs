//! Links that lose everything in the middle of actions, and are whole again later.

use std::process::Command;
use std::sync::{Arc, PoisonError};

use mig_acceptance::Process;
use mig_swarm::Swarm;
use mig_test_servers::{Postgres, Rabbit};

use crate::asking;
use crate::books::{Database, Posted};
use crate::large_site::LargeSite;
use crate::network::{self, Link, Network};
use crate::stage::{self, INVESTIGATOR, wait_until};

/// Agents of each test.
const AGENTS: usize = 24;
/// How often actions may be over before a link is cut.
const ROUNDS: usize = 10;
/// Links.
const AGENTS_TO_BROKER: u8 = 1;
const SCHEDULER_TO_BROKER: u8 = 2;
const SCHEDULER_TO_DATABASE: u8 = 3;
/// What the broker proposes, in seconds: a connection on which nothing comes for
/// twice as long is given up.
const HEARTBEAT: u8 = 5;

/// A large site in which agents and a scheduler are elsewhere than the servers.
struct Apart<'a> {
    // Declared in the order in which they must stop.
    swarm: Swarm,
    scheduler: Process,
    _api: Process,
    large: LargeSite,
    to_broker: [Link<'a>; 2],
    to_database: Link<'a>,
}

impl<'a> Apart<'a> {
    fn start(agents: &'a Network, scheduler: &'a Network) -> Option<Self> {
        let to_broker = [
            Link::new(AGENTS_TO_BROKER, agents),
            Link::new(SCHEDULER_TO_BROKER, scheduler),
        ];
        let to_database = Link::new(SCHEDULER_TO_DATABASE, scheduler);
        let address = Link::address;
        let brokers = [address(AGENTS_TO_BROKER), address(SCHEDULER_TO_BROKER)];
        let (postgres, rabbit) = std::thread::scope(|scope| {
            let rabbit = scope.spawn(|| Rabbit::start_at(&brokers.each_ref().map(String::as_str)));
            let postgres = Postgres::start_at(&[&address(SCHEDULER_TO_DATABASE)]);
            (postgres, rabbit.join().expect("a broker"))
        });
        let (postgres, rabbit) = (postgres?, rabbit?);
        rabbit.eval(&format!(
            "application:set_env(rabbit, heartbeat, {HEARTBEAT})"
        ));
        let large = LargeSite::on(stage::files(&[]), postgres, Arc::new(rabbit));
        stage::rewrite(
            &large.site,
            "scheduler.cfg",
            &[
                (
                    &stage::database_host(&large),
                    format!("host = \"{}\"", address(SCHEDULER_TO_DATABASE)),
                ),
                (
                    "host = localhost",
                    format!("host = {}", address(SCHEDULER_TO_BROKER)),
                ),
                (
                    "[logging]",
                    "[periodic]\ntakeover = \"10s\"\n[logging]".to_owned(),
                ),
            ],
        );
        let api = large.start_api("api.log");
        let programs = large.site.programs();
        let mut call = programs.tool("mig-scheduler");
        call.arg("-c").arg(large.site.path("scheduler.cfg"));
        let mut call: Command = scheduler.call(&call);
        let log = large.site.path("scheduler.log");
        let process = Process::start("mig-scheduler", &mut call, &log).unwrap();
        let swarm = agents.within(|| stage::swarm(&large, AGENTS, &address(AGENTS_TO_BROKER)));
        let apart = Self {
            swarm,
            scheduler: process,
            _api: api,
            large,
            to_broker,
            to_database,
        };
        apart.wait_until("every agent being known", || {
            apart.database().online() == AGENTS as u64
        });
        Some(apart)
    }

    fn database(&self) -> Database<'_> {
        Database::Postgres(&self.large.postgres)
    }

    fn wait_until(&self, what: &str, is_so: impl FnMut() -> bool) {
        let said = || {
            let report = serde_json::to_string(&self.swarm.report()).unwrap_or_default();
            let (open, words) = (self.database().open(), self.scheduler.last_words());
            format!("{open}\n{report}\n{words}")
        };
        wait_until(what, said, is_so);
    }

    /// How many the broker took from each agent.
    fn heartbeats(&self) -> Vec<u64> {
        let agents = self.swarm.ledger().agents;
        agents.iter().map(|agent| agent.counts.heartbeats).collect()
    }

    fn ask(&self, posted: &Posted, what: &str, label: &str) -> bool {
        let site = &self.large.site;
        let api = asking::api(site, INVESTIGATOR);
        posted.post(&api, &stage::action(site, &format!("{what} {label}")))
    }

    /// Cuts a link in the middle of actions.
    fn cut_amid(&self, posted: &Posted, label: &str, link: &Link<'_>) {
        for round in 0..ROUNDS {
            stage::get_under_way(posted, &self.database(), |number| {
                self.ask(posted, label, &format!("{round}.{number}"))
            });
            link.cut();
            // Where all was over before that, there is another round.
            if self.database().open_commands() > 0 {
                return;
            }
            link.heal();
        }
        panic!("{label}: actions were over before the link was cut, {ROUNDS} times");
    }

    fn settle_and_check(&self, posted: &Posted) {
        self.wait_until("the end of every action", || {
            self.database().is_settled() && self.swarm.is_settled()
        });
        posted.check(&self.database(), AGENTS, Some(&self.swarm));
    }
}

/// Whether a scheduler says that it has made the commands of an action.
fn has_begun(scheduler: &Process, action: u64) -> bool {
    let (its, begun) = (format!(" {action} "), "The action is in flight with");
    let log = scheduler.log();
    log.lines()
        .any(|line| line.contains(&its) && line.contains(begun))
}

#[test]
fn agents_and_a_scheduler_cut_off_from_the_broker_lose_nothing_and_repeat_nothing() {
    let _others = crate::BROKERS
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    if !network::inside() {
        return;
    }
    let (agents, scheduler) = (Network::new(), Network::new());
    let Some(mut apart) = Apart::start(&agents, &scheduler) else {
        return;
    };
    let posted = Posted::default();
    for (label, link) in [("agents", 0), ("scheduler", 1)] {
        let made = apart.swarm.report().counts.connections;
        let link = &apart.to_broker[link];
        apart.cut_amid(&posted, label, link);
        assert!(apart.ask(&posted, "while the broker is away from the", label));
        // Both ends find out by themselves: nobody tells them.
        apart.wait_until("both ends giving up each other", || {
            link.connections() == (0, 0)
        });
        if label == "scheduler" {
            // Who was not cut off is heard meanwhile.
            let before = apart.heartbeats();
            apart.wait_until("a heartbeat of each agent", || {
                let now = apart.heartbeats();
                now.iter().zip(&before).all(|(now, before)| now > before)
            });
        }
        assert!(!apart.database().is_settled(), "{label} were not cut off");
        link.heal();
        apart.settle_and_check(&posted);
        let again = apart.swarm.report().counts.connections - made;
        if label == "agents" {
            assert!(again >= AGENTS as u64, "{again} of {AGENTS} came back");
        }
    }
    assert!(apart.scheduler.is_running());
}

#[test]
fn a_scheduler_cut_off_from_the_database_leaves_its_work_to_another_and_comes_back() {
    let _others = crate::BROKERS
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    if !network::inside() {
        return;
    }
    let (agents, scheduler) = (Network::new(), Network::new());
    let Some(mut apart) = Apart::start(&agents, &scheduler) else {
        return;
    };
    let posted = Posted::default();
    apart.cut_amid(&posted, "database", &apart.to_database);
    assert!(apart.ask(&posted, "while the database is away from the", "scheduler"));
    let meanwhile = posted.id("while the database is away from the scheduler");
    // The other one is where the servers are.
    let mut second = apart.large.start_scheduler("second.log");
    let begun = || [&apart.scheduler, &second].map(|one| has_begun(one, meanwhile));
    apart.wait_until("the beginning of what was asked meanwhile", || {
        begun().contains(&true)
    });
    assert_eq!(begun(), [false, true], "the first one was not cut off");
    // Also what the first one was given and could not store.
    apart.settle_and_check(&posted);
    second.stop().unwrap();
    apart.to_database.heal();
    // What comes now is for the first one, which runs as it did.
    assert!(apart.ask(&posted, "the database is back at the", "scheduler"));
    apart.settle_and_check(&posted);
    assert!(apart.scheduler.is_running());
}
