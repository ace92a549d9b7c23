//! The two sets of engines, and what is in their databases.

use std::net::TcpStream;
use std::time::Duration;

use mig_acceptance::{Process, Programs, Site};
use mig_client::http::Api;
use mig_protocol::{Action, Id};
use mig_swarm::{Configuration, Mix, Stored, Swarm};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::asking;
use crate::clocks::Clock;
use crate::large_site::LargeSite;

/// Long enough for a loaded machine, short enough to notice.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// How often the scheduler expects heartbeats: who is silent for five times as long is
/// idle, which comes before being offline.
const PERIOD: &str = "40m";
/// Who asks.
pub const INVESTIGATOR: &str = "ada";

/// Files, accounts and servers of others; none of our programs runs by itself.
pub enum Stage {
    /// PostgreSQL and RabbitMQ.
    Large(Box<LargeSite>),
    /// SQLite and our relay, which also listens without TLS at this port.
    Small(Box<Site>, u16),
}

/// Our programs. All of them may be one.
pub struct Engines {
    pub api: Option<Process>,
    pub scheduler: Process,
}

impl Stage {
    /// `None`: a server is not installed, and the test has been reported as
    /// skipped.
    pub fn large(takeover: &str) -> Option<Self> {
        let large = LargeSite::prepare(files())?;
        let file = large.site.path("scheduler.cfg");
        let settings = std::fs::read_to_string(file).unwrap();
        let more = format!(
            "[periodic]\nfreq = 1s\ntakeover = {takeover}\n[agent]\nheartbeatfreq = {PERIOD}\n"
        );
        let site = &large.site;
        site.write("scheduler.cfg", settings + &more).unwrap();
        Some(Self::Large(Box::new(large)))
    }

    pub fn small() -> Self {
        let site = files();
        let port = mig_testkit::free_port();
        let settings = site
            .server_configuration()
            .set("relay", "listenplain", format!("127.0.0.1:{port}"))
            .set("periodic", "freq", "1s")
            .set("agent", "heartbeatfreq", PERIOD);
        site.write("server.cfg", settings).unwrap();
        Self::Small(Box::new(site), port)
    }

    pub fn site(&self) -> &Site {
        match self {
            Self::Large(large) => &large.site,
            Self::Small(site, _) => site,
        }
    }

    /// Starts all programs and waits until they listen.
    pub fn start(&self) -> Engines {
        self.start_with(None, None)
    }

    /// The same with clocks of scheduler and API that can be set; where both are
    /// one process, it has the scheduler's.
    pub fn start_with(&self, scheduler: Option<&Clock>, api: Option<&Clock>) -> Engines {
        match self {
            Self::Large(_) => Engines {
                scheduler: self.start_scheduler("scheduler.log", scheduler),
                api: Some(self.start_program("mig-api", "api.cfg", "api.log", api)),
            },
            Self::Small(..) => Engines {
                scheduler: self.start_program("mig-server", "server.cfg", "server.log", scheduler),
                api: None,
            },
        }
    }

    /// One more scheduler of a large site, or its first.
    pub fn start_scheduler(&self, log: &str, clock: Option<&Clock>) -> Process {
        let mut call = self.site().programs().tool("mig-scheduler");
        call.arg("-c").arg(self.site().path("scheduler.cfg"));
        if let Some(clock) = clock {
            clock.rule(&mut call);
        }
        Process::start("mig-scheduler", &mut call, &self.site().path(log)).unwrap()
    }

    fn start_program(
        &self,
        program: &str,
        configuration: &str,
        log: &str,
        clock: Option<&Clock>,
    ) -> Process {
        let site = self.site();
        let mut call = site.programs().tool(program);
        call.arg("-c").arg(site.path(configuration));
        if let Some(clock) = clock {
            clock.rule(&mut call);
        }
        let mut process = Process::start(program, &mut call, &site.path(log)).unwrap();
        let port = site.ports().api;
        let listening = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        let started = process.wait_until("listening", PATIENCE, listening);
        started.unwrap();
        process
    }

    /// Where the agents' account gets in without TLS.
    pub fn relay(&self) -> String {
        let (url, port) = match self {
            Self::Large(large) => (large.relay_url(), large.rabbit.amqp_port()),
            Self::Small(site, port) => {
                let agent = site.agent_configuration("hand").unwrap();
                (agent.get("agent", "relay").unwrap().to_owned(), *port)
            }
        };
        let (account, rest) = url.split_once('@').unwrap();
        let account = account.replace("amqps://", "amqp://");
        let vhost = rest.split_once('/').unwrap().1;
        format!("{account}@127.0.0.1:{port}/{vhost}")
    }

    /// A connection of its own to the API.
    pub fn client(&self) -> Api {
        asking::api(self.site(), INVESTIGATOR)
    }

    /// An action for the module of simulated agents, signed.
    pub fn action(&self, name: &str, target: &str) -> Action {
        let mut action = asking::action(name, "swarm", json!({"asked": name}));
        target.clone_into(&mut action.target);
        asking::sign(self.site(), INVESTIGATOR, action)
    }

    /// Posts such an action.
    pub fn post(&self, name: &str, target: &str) -> Id {
        asking::post(&self.client(), &self.action(name, target)).unwrap()
    }

    /// Some simulated agents, once they have said that they live.
    pub fn swarm(&self, agents: usize) -> Swarm {
        let site = self.site();
        let mut configuration = Configuration::new(agents, self.relay());
        configuration.keyring = site.path("agentkeys");
        configuration.acl = site.path("acl.cfg");
        configuration.directory = site.path("swarm");
        configuration.mix = "boot-storm".parse::<Mix>().unwrap();
        let swarm = Swarm::start(configuration).unwrap_or_else(|error| panic!("{error}"));
        // By name: somebody else may have said that he lives and not be known yet.
        let online = "SELECT count(*) FROM agents
            WHERE status = 'online' AND queueloc LIKE 'linux.swarm%'";
        self.wait_until("every agent being known", || self.number(online) == agents);
        swarm
    }

    /// The rows of a query of one column that all engines understand.
    pub fn rows(&self, query: &str) -> Vec<String> {
        match self {
            Self::Large(large) => {
                let rows = large.postgres.sql("mig", query);
                rows.lines().map(str::to_owned).collect()
            }
            Self::Small(site, _) => {
                let asked = || -> rusqlite::Result<Vec<String>> {
                    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
                    let database = Connection::open_with_flags(site.path("mig.db"), flags)?;
                    // The server holds the lock for moments.
                    database.busy_timeout(PATIENCE)?;
                    let mut statement = database.prepare(query)?;
                    let text = |row: &rusqlite::Row<'_>| {
                        Ok(match row.get_ref(0)? {
                            ValueRef::Integer(number) => number.to_string(),
                            other => String::from_utf8_lossy(other.as_bytes()?).into_owned(),
                        })
                    };
                    statement.query_map([], text)?.collect()
                };
                asked().unwrap_or_else(|error| panic!("{query}: {error}"))
            }
        }
    }

    /// A query for one number.
    pub fn number(&self, query: &str) -> usize {
        self.rows(query)[0].parse().unwrap()
    }

    /// All commands, oldest first.
    pub fn commands(&self) -> Vec<Stored> {
        let object = match self {
            Self::Large(_) => "jsonb_build_object",
            Self::Small(..) => "json_object",
        };
        let results = match self {
            Self::Large(_) => "results",
            Self::Small(..) => "json(results)",
        };
        let rows = self.rows(&format!(
            "SELECT {object}('id', id, 'queueloc', queueloc, 'status', status, \
             'answered', answered, 'results', {results}) FROM commands ORDER BY id"
        ));
        let read = |row: &String| {
            let row: Value = serde_json::from_str(row).expect("a row");
            let text = |name: &str| row[name].as_str().expect("text").to_owned();
            Stored {
                id: row["id"].as_u64().expect("an identifier"),
                queueloc: text("queueloc"),
                status: text("status"),
                // One engine has numbers for it.
                answered: row["answered"] == true || row["answered"] == 1,
                results: row["results"].clone(),
            }
        };
        rows.iter().map(read).collect()
    }

    /// The command of an action for an agent.
    pub fn command(&self, action: Id, queueloc: &str) -> Stored {
        let ids = self.rows(&format!(
            "SELECT id FROM commands WHERE actionid = {} AND queueloc = '{queueloc}'",
            action.0
        ));
        assert_eq!(ids.len(), 1, "commands of action {action} for {queueloc}");
        let id: u64 = ids[0].parse().unwrap();
        let mut all = self.commands().into_iter();
        all.find(|command| command.id == id).expect("the command")
    }

    pub fn status_of(&self, action: Id) -> String {
        let query = format!("SELECT status FROM actions WHERE id = {}", action.0);
        self.rows(&query).concat()
    }

    /// Waits until an action is over.
    pub fn wait_for_end(&self, action: Id, status: &str) {
        self.wait_until(&format!("action {action} becoming {status}"), || {
            self.status_of(action) == status
        });
    }

    /// Waits until something is so; says how the logs end when it does not become
    /// so.
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let end = std::time::Instant::now() + PATIENCE;
        while !is_so() {
            if std::time::Instant::now() > end {
                let logs = ["scheduler.log", "api.log", "server.log", "agent.log"];
                let logs = logs.map(|name| {
                    let log = self.log(name);
                    let lines: Vec<&str> = log.lines().collect();
                    lines[lines.len().saturating_sub(15)..].join("\n")
                });
                panic!(
                    "{what} did not happen within {PATIENCE:?}\n{}",
                    logs.concat()
                );
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn log(&self, name: &str) -> String {
        let log = std::fs::read(self.site().path(name)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// What the scheduler has logged.
    pub fn scheduler_log(&self) -> String {
        self.log(match self {
            Self::Large(_) => "scheduler.log",
            Self::Small(..) => "server.log",
        })
    }
}

/// A site of which nothing runs yet, with somebody who may ask for everything.
fn files() -> Site {
    let programs = Programs::beside_test().unwrap_or_else(|error| panic!("{error}"));
    let site = Site::new(programs, "mig-hostile-", &[]).unwrap();
    let ada = site.add_investigator(INVESTIGATOR).unwrap();
    let list = json!({"default": {"minimumweight": 1, "investigators":
        {"ada": {"fingerprint": ada.fingerprint, "weight": 1}}}});
    site.write("acl.cfg", list).unwrap();
    site
}
