//! Links that lose everything in the middle of actions, and are whole again later.

use std::process::Command;
use std::sync::Arc;

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

    fn ask(&self, posted: &Posted, what: &str, label: &str) -> bool {
        let site = &self.large.site;
        let api = asking::api(site, INVESTIGATOR);
        posted.post(&api, &stage::action(site, &format!("{what} {label}")))
    }

    fn get_under_way(&self, posted: &Posted, label: &str) {
        stage::get_under_way(posted, &self.database(), |number| {
            self.ask(posted, label, &number.to_string())
        });
    }

    fn settle_and_check(&self, posted: &Posted) {
        self.wait_until("the end of every action", || {
            self.database().is_settled() && self.swarm.is_settled()
        });
        posted.check(&self.database(), AGENTS, Some(&self.swarm));
    }
}

#[test]
fn agents_cut_off_from_the_broker_lose_nothing_and_repeat_nothing() {
    if !network::inside() {
        return;
    }
    let (agents, scheduler) = (Network::new(), Network::new());
    let Some(mut apart) = Apart::start(&agents, &scheduler) else {
        return;
    };
    let posted = Posted::default();
    let made = apart.swarm.report().counts.connections;
    apart.get_under_way(&posted, "connected");
    let [link, _] = &apart.to_broker;
    link.cut();
    assert!(apart.ask(&posted, "while the broker is away from the", "agents"));
    // Both ends find out by themselves: nobody tells them.
    apart.wait_until("both ends giving up each other", || {
        link.connections() == (0, 0)
    });
    assert!(!apart.database().is_settled(), "nobody was cut off");
    link.heal();
    apart.settle_and_check(&posted);
    let again = apart.swarm.report().counts.connections - made;
    assert!(again >= AGENTS as u64, "{again} of {AGENTS} came back");
    assert!(apart.scheduler.is_running());
}

#[test]
fn a_scheduler_cut_off_from_the_database_leaves_its_work_to_another_and_comes_back() {
    if !network::inside() {
        return;
    }
    let (agents, scheduler) = (Network::new(), Network::new());
    let Some(mut apart) = Apart::start(&agents, &scheduler) else {
        return;
    };
    let posted = Posted::default();
    apart.get_under_way(&posted, "database");
    apart.to_database.cut();
    assert!(apart.ask(&posted, "while the database is away from the", "scheduler"));
    // The other one is where the servers are.
    let mut second = apart.large.start_scheduler("second.log");
    apart.wait_until("the action being taken up by the other one", || {
        let statuses = "SELECT status FROM actions WHERE name LIKE 'while%'";
        let statuses = apart.large.postgres.sql("mig", statuses);
        ["inflight", "completed"].contains(&statuses.trim())
    });
    // Answers that the first one was given and could not store are its own until it
    // can.
    apart.to_database.heal();
    apart.settle_and_check(&posted);
    second.stop().unwrap();
    // What comes now is for the first one, which runs as it did.
    assert!(apart.ask(&posted, "the database is back at the", "scheduler"));
    apart.settle_and_check(&posted);
    assert!(apart.scheduler.is_running());
}
