//! Agents that are programs of their own, and what they did by their own account.

use std::collections::BTreeMap;

use mig_acceptance::{Configuration, Process, Site};
use mig_protocol::Action;
use mig_swarm::Stored;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::asking;
use crate::books::{Database, Posted};
use crate::network::Network;
use crate::stage::{INVESTIGATOR, wait_until};

/// An agent that is stopped where it is, and goes on when this value goes.
pub struct Frozen(Pid);

impl Frozen {
    fn new(agent: &Process) -> Self {
        let id = i32::try_from(agent.id()).expect("a process id");
        let frozen = Self(Pid::from_raw(id));
        kill(frozen.0, Signal::SIGSTOP).expect("a signal");
        frozen
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

/// Several agents of a site.
pub struct Agents(Vec<(String, Process)>);

impl Agents {
    /// Starts as many, configured alike, in a network beside that of the test or in it.
    pub fn start(
        site: &Site,
        count: usize,
        network: Option<&Network>,
        configure: impl Fn(&str) -> Configuration,
    ) -> Self {
        let start = |number: usize| {
            let label = format!("agent{number}");
            site.write(&format!("{label}.cfg"), configure(&label))
                .unwrap();
            let mut call = site.programs().agent();
            call.arg("-f")
                .arg("-c")
                .arg(site.path(&format!("{label}.cfg")));
            if let Some(network) = network {
                call = network.call(&call);
            }
            let log = site.path(&format!("{label}.log"));
            let process = Process::start("mig-agent", &mut call, &log).unwrap();
            (label, process)
        };
        Self((0..count).map(start).collect())
    }

    /// Asks until actions are under way: some commands are over, an action is at its
    /// very beginning, and one command is with an agent that cannot answer it as long
    /// as the value returned is there. All that was posted so far was accepted.
    pub fn get_under_way(
        &self,
        posted: &Posted,
        database: &Database<'_>,
        ask: impl Fn(usize) -> bool,
    ) -> Frozen {
        let said = || format!("{}\n{}", database.open(), self.last_words());
        let before = database.finished_commands();
        assert!(ask(0) && ask(1), "nothing is disturbed yet");
        wait_until("the first answers", said, || {
            database.finished_commands() > before
        });
        let frozen = Frozen::new(&self.0[0].1);
        assert!(ask(2), "nothing is disturbed yet");
        wait_until("the relay's having every command", said, || {
            database.has_sent(posted.len() * self.0.len())
        });
        assert!(ask(3), "nothing is disturbed yet");
        frozen
    }

    /// The ends of their logs.
    pub fn last_words(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|(_, agent)| agent.last_words()).collect();
        words.join("\n")
    }

    /// Checks that they run, and that by their own records each command was carried
    /// out once, by one of them.
    pub fn check(&mut self, site: &Site, commands: &[Stored]) {
        let mut ended: BTreeMap<u64, usize> = BTreeMap::new();
        for (label, agent) in &mut self.0 {
            assert!(agent.is_running(), "{}", agent.last_words());
            for entry in record(site, label) {
                if entry["what"] == "ended" {
                    let id = entry["command"].as_str().and_then(|id| id.parse().ok());
                    let id = id.unwrap_or_else(|| panic!("no command: {entry}"));
                    *ended.entry(id).or_default() += 1;
                }
            }
        }
        let expected: BTreeMap<u64, usize> = commands.iter().map(|one| (one.id, 1)).collect();
        assert_eq!(ended, expected);
    }
}

/// An action for all of them, signed.
pub fn action(site: &Site, name: &str) -> Action {
    let names = ["^passwd$"];
    let search = json!({"paths": [site.directory()], "names": names});
    let action = asking::action(name, "file", json!({"searches": {"s1": search}}));
    asking::sign(site, INVESTIGATOR, action)
}

/// The owner's record of an agent.
fn record(site: &Site, label: &str) -> Vec<Value> {
    let directory = site.path(label).join("record");
    let mut entries = Vec::new();
    for file in std::fs::read_dir(&directory).expect("a record") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        entries.extend(lines);
    }
    entries
}
