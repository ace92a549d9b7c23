//! The engines of a large site: PostgreSQL, RabbitMQ, two schedulers that race
//! for everything, and an API, each of which can be killed.

#[path = "../large_site/mod.rs"]
mod large_site;

use std::cell::Cell;
use std::sync::Arc;

use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::{Connection, ConnectionProperties};
use large_site::LargeSite;
use mig_acceptance::{Configuration, Process, Site};
use mig_protocol::command_id_hint;
use mig_swarm::Stored;
use mig_test_servers::{Postgres, Rabbit};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::engines::{Engines, StoredAction, StoredCommand};

const DATABASE: &str = "database";
const BROKER: &str = "broker";
const SCHEDULERS: [&str; 2] = ["scheduler one", "scheduler two"];
const API: &str = "api";
/// After so long a scheduler's work is taken over. It is short, so that it also
/// happens to one that lives and was held up: that must do no harm.
const TAKEOVER: &str = "[periodic]\ntakeover = 2s\n";
/// What a scheduler logs of an action that it starts, and of an answer.
const WORK: [&str; 2] = ["The action is in flight with", " answered: "];

/// Of what type the queues on the broker are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queues {
    /// As the original declares them.
    Classic,
    /// Replicated in a cluster.
    Quorum,
}

/// A site with everything that serves it.
pub struct Large {
    // Declared in the order in which they must stop.
    schedulers: Vec<Process>,
    api: Process,
    large: LargeSite,
    queues: Queues,
    database_lives: Cell<bool>,
}

#[derive(Deserialize)]
struct ActionRow {
    id: u64,
    name: String,
    status: String,
}

#[derive(Deserialize)]
struct CommandRow {
    id: u64,
    actionid: u64,
    queueloc: String,
    status: String,
    answered: bool,
    results: Value,
}

impl Large {
    /// Starts servers of its own and all programs on them. `None`: a server is not
    /// installed, and the test has been reported as skipped.
    pub fn start(site: Site, queues: Queues) -> Option<Self> {
        let large = LargeSite::on(site, Postgres::start()?, Arc::new(Rabbit::start()?));
        let site = &large.site;
        let mut scheduler = std::fs::read_to_string(site.path("scheduler.cfg")).unwrap();
        if queues == Queues::Quorum {
            scheduler = scheduler.replace("[mq]\n", "[mq]\nqueues = quorum\n");
        }
        let scheduler = scheduler.replace("level = info", "level = debug");
        site.write("scheduler.cfg", scheduler + TAKEOVER).unwrap();
        // For the last look into the queues.
        let vhost = &large.vhost;
        large.rabbit.set_permissions("guest", vhost, [".*"; 3]);
        let schedulers = SCHEDULERS.map(|name| large.start_scheduler(&log_of(name)));
        let api = large.start_api("api.log");
        Some(Self {
            schedulers: schedulers.into(),
            api,
            large,
            queues,
            database_lives: Cell::new(true),
        })
    }

    fn rows<T: DeserializeOwned>(&self, query: &str) -> Vec<T> {
        let query = format!("SELECT row_to_json(found) FROM ({query}) AS found");
        let text = self.large.postgres.sql("mig", &query);
        let rows = text.lines().filter(|line| !line.is_empty());
        rows.map(|row| serde_json::from_str(row).unwrap_or_else(|error| panic!("{error}: {row}")))
            .collect()
    }

    fn count(&self, query: &str) -> usize {
        let text = self.large.postgres.sql("mig", query);
        text.trim().parse().expect("a number")
    }

    fn scheduler(&self, part: &str) -> Option<usize> {
        SCHEDULERS.iter().position(|name| *name == part)
    }

    /// The commands of which something is left in the queues.
    fn left(&self) -> Vec<u64> {
        let large = &self.large;
        let listed = large
            .rabbit
            .ctl(&["list_queues", "-q", "-s", "-p", &large.vhost, "name"]);
        let names: Vec<&str> = listed.split_whitespace().collect();
        assert!(names.contains(&"mig.agt.results"), "{listed}");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let address = format!(
                "amqp://guest:guest@127.0.0.1:{}/{}",
                large.rabbit.amqp_port(),
                large.vhost
            );
            let connection = Connection::connect(&address, ConnectionProperties::default()).await;
            let connection = connection.unwrap();
            let channel = connection.create_channel().await.unwrap();
            let mut left = Vec::new();
            for name in names {
                if name == "mig.agt.heartbeats" {
                    continue;
                }
                let options = BasicGetOptions::default();
                while let Some(message) = channel.basic_get(name.into(), options).await.unwrap() {
                    left.push(command_id_hint(&message.delivery.data).map_or(0, |id| id.0));
                    let acked = message.delivery.acker.ack(BasicAckOptions::default());
                    acked.await.unwrap();
                }
            }
            connection.close(200, "OK".into()).await.unwrap();
            left
        })
    }
}

impl Engines for Large {
    fn site(&self) -> &Site {
        &self.large.site
    }

    fn agent_configuration(&self) -> Configuration {
        let configuration = self.large.agent_configuration("swarm");
        match self.queues {
            Queues::Classic => configuration,
            Queues::Quorum => configuration.set("agent", "queuetype", "quorum"),
        }
    }

    fn parts(&self) -> Vec<&'static str> {
        vec![DATABASE, BROKER, SCHEDULERS[0], SCHEDULERS[1], API]
    }

    fn kill(&mut self, part: &str) {
        match part {
            DATABASE => {
                self.database_lives.set(false);
                self.large.postgres.kill();
            }
            BROKER => self.large.rabbit.kill(),
            API => self.api.kill().unwrap(),
            part => {
                let number = self.scheduler(part).expect("a part");
                self.schedulers[number].kill().unwrap();
            }
        }
    }

    fn revive(&mut self, part: &str) {
        match part {
            DATABASE => {
                self.large.postgres.restart();
                self.database_lives.set(true);
            }
            BROKER => self.large.rabbit.restart(),
            API => self.api = self.large.start_api("api.log"),
            part => {
                let number = self.scheduler(part).expect("a part");
                self.schedulers[number] = self.large.start_scheduler(&log_of(part));
            }
        }
    }

    fn can_be_asked(&self) -> bool {
        self.database_lives.get()
    }

    fn idlers(&self) -> Vec<String> {
        let mut idlers = Vec::new();
        for (name, process) in SCHEDULERS.iter().zip(&self.schedulers) {
            let log = process.log();
            let missing = WORK.iter().filter(|work| !log.contains(*work));
            idlers.extend(missing.map(|work| format!("{name} never said `{work}`")));
        }
        idlers
    }

    fn online(&self) -> usize {
        self.count("SELECT count(*) FROM agents WHERE status = 'online'")
    }

    fn actions(&self) -> Vec<StoredAction> {
        let rows = self.rows::<ActionRow>("SELECT id, name, status FROM actions ORDER BY id");
        let rows = rows.into_iter();
        rows.map(|ActionRow { id, name, status }| StoredAction { id, name, status })
            .collect()
    }

    fn commands(&self) -> Vec<StoredCommand> {
        let query = "SELECT id, actionid, queueloc, status, answered, results \
                     FROM commands ORDER BY id";
        let rows = self.rows::<CommandRow>(query).into_iter();
        rows.map(|row| StoredCommand {
            action: row.actionid,
            stored: Stored {
                id: row.id,
                queueloc: row.queueloc,
                status: row.status,
                answered: row.answered,
                results: row.results,
            },
        })
        .collect()
    }

    fn over(&self, action: u64) -> usize {
        self.count(&format!(
            "SELECT count(*) FROM commands WHERE actionid = {action} AND status <> 'sent'"
        ))
    }

    fn outbox(&self) -> usize {
        self.count("SELECT count(*) FROM outbox")
    }

    fn close(mut self) -> Vec<u64> {
        self.api.stop().unwrap();
        for scheduler in &mut self.schedulers {
            scheduler.stop().unwrap();
        }
        self.left()
    }

    fn last_words(&self) -> String {
        let [one, two] = [0, 1].map(|number| self.schedulers[number].last_words());
        format!(
            "{}: {one}\n{}: {two}\n{API}: {}",
            SCHEDULERS[0],
            SCHEDULERS[1],
            self.api.last_words()
        )
    }
}

/// The log of a scheduler, which its lives share.
fn log_of(scheduler: &str) -> String {
    format!("{}.log", scheduler.replace(' ', "-"))
}
