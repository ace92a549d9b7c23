//! Agents in processes of their own, which can be killed. What they did is in
//! their diaries, of which a kill loses nothing.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use mig_acceptance::{Configuration, Process, Site};
use mig_swarm::{Diary, Ledger, Mix};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::agents::Agents;

/// Names of the processes.
const NAMES: [&str; 2] = ["agents one", "agents two"];
/// How long a process may take to set its agents up.
const STARTING: Duration = Duration::from_secs(120);

/// Agents in two processes, each of which has half of them.
pub struct Processes {
    swarms: Vec<Swarm>,
}

struct Swarm {
    name: &'static str,
    call: Command,
    log: PathBuf,
    process: RefCell<Process>,
    diary: RefCell<Diary>,
}

/// How agents behave, beside what their configuration says.
pub struct Behaviour {
    pub agents: usize,
    pub mix: &'static str,
    pub seed: u64,
    pub slowness: Duration,
    pub flapping: Duration,
}

impl Processes {
    /// Starts them with the relay and the certificates of an agent's
    /// configuration.
    pub fn start(site: &Site, relay: &Configuration, behaviour: &Behaviour) -> Self {
        let swarms = NAMES.into_iter().enumerate().map(|(number, name)| {
            let share = (behaviour.agents + number) / NAMES.len();
            let seed = behaviour.seed + number as u64;
            let file = |what: &str| site.path(&format!("swarm-{number}{what}"));
            let mut call = site.programs().tool("mig-swarm");
            let from = |section, key| relay.get(section, key).unwrap();
            call.args(["--agents", &share.to_string(), "--seed", &seed.to_string()])
                .args(["--relay", from("agent", "relay")])
                .args(["--ca", from("certs", "ca"), "--cert", from("certs", "cert")])
                .args(["--key", from("certs", "key")])
                .args(["--keyring", from("agent", "keyring")])
                .args(["--acl", from("agent", "acl")])
                .args(["--scenario", behaviour.mix, "--arrival", "0"])
                .args(["--slowness", &behaviour.slowness.as_secs_f64().to_string()])
                .args(["--flapping", &behaviour.flapping.as_secs_f64().to_string()])
                .arg("--directory")
                .arg(file(""))
                .arg("--diary")
                .arg(file(".diary"));
            if relay.get("agent", "queuetype") == Some("quorum") {
                call.arg("--quorum");
            }
            let log = file(".log");
            let mix: Mix = behaviour.mix.parse().unwrap();
            let diary = Diary::new(&file(".diary"), share, seed, &mix);
            Swarm {
                name,
                process: RefCell::new(Process::start(name, &mut call, &log).unwrap()),
                call,
                log,
                diary: RefCell::new(diary),
            }
        });
        let started = Self {
            swarms: swarms.collect(),
        };
        started.swarms.iter().for_each(Swarm::wait_for_life);
        started
    }

    /// Names of the processes.
    pub fn parts(&self) -> Vec<&'static str> {
        self.swarms.iter().map(|swarm| swarm.name).collect()
    }

    /// Kills a process at once.
    pub fn kill(&mut self, part: &str) {
        self.swarm(part).process.borrow_mut().kill().unwrap();
    }

    /// Starts a process that was killed; its agents find their journals again.
    pub fn revive(&mut self, part: &str) {
        let swarm = self.swarm(part);
        let process = Process::start(swarm.name, &mut swarm.call, &swarm.log).unwrap();
        swarm.process.replace(process);
        swarm.wait_for_life();
    }

    /// The ends of the logs.
    pub fn last_words(&self) -> String {
        let words = self.swarms.iter().map(|swarm| {
            let words = swarm.process.borrow().last_words();
            format!("{}: {words}", swarm.name)
        });
        words.collect::<Vec<_>>().join("\n")
    }

    fn swarm(&mut self, part: &str) -> &mut Swarm {
        let mut swarms = self.swarms.iter_mut();
        swarms.find(|swarm| swarm.name == part).expect("a process")
    }
}

impl Swarm {
    /// Waits until the process says in its diary that it lives: from then on
    /// signals mean something to it.
    fn wait_for_life(&self) {
        let before = self.diary.borrow().lives();
        let lives = || {
            let mut diary = self.diary.borrow_mut();
            diary.read().unwrap_or_else(|error| panic!("{error}"));
            diary.lives() > before
        };
        let mut process = self.process.borrow_mut();
        process.wait_until("setting up", STARTING, lives).unwrap();
    }

    fn read(&self) -> Ledger {
        let mut process = self.process.borrow_mut();
        assert!(
            process.is_running(),
            "{} ended by itself: {}",
            self.name,
            process.last_words()
        );
        let mut diary = self.diary.borrow_mut();
        let ledger = diary.read().unwrap_or_else(|error| panic!("{error}"));
        ledger.clone()
    }
}

impl Agents for Processes {
    fn ledger(&self) -> Ledger {
        let ledgers = self.swarms.iter().map(Swarm::read);
        Ledger {
            agents: ledgers.flat_map(|ledger| ledger.agents).collect(),
        }
    }

    fn is_settled(&self) -> bool {
        self.ledger().unsettled().is_empty()
    }

    fn outage(&self) {
        for swarm in &self.swarms {
            let mut process = swarm.process.borrow_mut();
            // One that was killed has no connections.
            if process.is_running() {
                let id = i32::try_from(process.id()).expect("a process id");
                kill(Pid::from_raw(id), Signal::SIGUSR1).unwrap();
            }
        }
    }

    fn summary(&self) -> String {
        format!("{:?}", self.ledger().totals())
    }

    fn stop(self) {
        for swarm in &self.swarms {
            swarm.process.borrow_mut().stop().unwrap();
        }
    }
}
