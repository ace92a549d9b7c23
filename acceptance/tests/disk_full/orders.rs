//! A site, what was ordered there, and what became of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mig_acceptance::{Process, Programs, Site};
use mig_client::ClientError;
use mig_client::http::Api;
use mig_protocol::{Action, ActionStatus, Command, Id};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::asking;

/// Long enough for a loaded machine and the longest pause between two tries.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Label of the agent.
pub const AGENT: &str = "agent";
/// More orders than a disk takes that is full but for what is set aside already.
const MOST: usize = 500;

/// A site of which nothing runs yet. Ada may ask for everything.
pub fn site() -> Site {
    let programs = Programs::beside_test().unwrap_or_else(|error| panic!("{error}"));
    let site = Site::new(programs, "mig-disk-", &[]).unwrap();
    let ada = site.add_investigator("ada").unwrap();
    let everybody = json!({"ada": {"fingerprint": ada.fingerprint, "weight": 1}});
    let list = json!({"default": {"minimumweight": 1, "investigators": everybody}});
    site.write("acl.cfg", list).unwrap();
    site
}

/// What Ada ordered, and what the API said to it.
pub struct Orders<'a> {
    site: &'a Site,
    api: Api,
    pub accepted: Vec<Id>,
    pub refused: Vec<String>,
}

impl<'a> Orders<'a> {
    pub fn new(site: &'a Site) -> Self {
        Self {
            site,
            api: asking::api(site, "ada"),
            accepted: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Orders something; true when the API took it. It may fail only where the
    /// server cannot do what it should.
    pub fn post(&mut self) -> bool {
        let number = self.accepted.len() + self.refused.len();
        let search = json!({"searches": {"s": {"paths": ["/etc"], "names": ["^passwd$"]}}});
        let action = asking::action(&format!("order {number}"), "file", search);
        match asking::post(&self.api, &asking::sign(self.site, "ada", action)) {
            Ok(id) => {
                self.accepted.push(id);
                true
            }
            Err(ClientError::Refused { status, message }) if status >= 500 => {
                self.refused.push(message);
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Orders until the API refuses; returns what it says.
    pub fn post_until_refused(&mut self) -> String {
        for _ in 0..MOST {
            if !self.post() {
                return self.refused.last().expect("refused").clone();
            }
        }
        panic!("a full disk took {MOST} actions");
    }

    /// Orders until the API takes it.
    pub fn post_until_accepted(&mut self) {
        let end = Instant::now() + PATIENCE;
        while !self.post() {
            assert!(Instant::now() < end, "refused for ever: {:?}", self.refused);
        }
    }

    /// An action as the API has it.
    pub fn read(&self, id: Id) -> Action {
        let id = id.0.to_string();
        let answer = self.api.get("action", &[("actionid", &id)]);
        answer
            .and_then(|found| found.document("action"))
            .unwrap_or_else(|error| panic!("{id}: {error}"))
    }

    /// Its commands.
    pub fn commands(&self, action: Id) -> Vec<Command> {
        let id = action.0.to_string();
        let query = [("type", "command"), ("actionid", &id)];
        let answer = self.api.get("search", &query);
        answer
            .and_then(|found| found.documents("command"))
            .unwrap_or_else(|error| panic!("{id}: {error}"))
    }

    /// The errors in its results.
    pub fn reasons(&self, action: Id) -> Vec<String> {
        let commands = self.commands(action);
        let results = commands.iter().flat_map(|command| command.results());
        results
            .flat_map(|result| result.errors().iter().cloned())
            .collect()
    }

    /// Waits until everything that was accepted is over; returns how it ended.
    pub fn wait_for_all(&self, logs: impl Fn() -> String) -> Vec<Action> {
        let end = Instant::now() + PATIENCE;
        let ended = self.accepted.iter().map(|id| {
            loop {
                let action = self.read(*id);
                if action.status == ActionStatus::Completed {
                    return action;
                }
                assert!(Instant::now() < end, "{action:?}\n{}", logs());
                std::thread::park_timeout(Duration::from_millis(50));
            }
        });
        ended.collect()
    }

    /// Waits until all that was accepted has succeeded, with one command each.
    pub fn assert_all_succeed(&self, logs: impl Fn() -> String) {
        for action in self.wait_for_all(logs) {
            let counters = &action.counters;
            let told = (counters.sent, counters.done, counters.success);
            assert_eq!(told, (1, 1, 1), "{action:?}");
        }
    }
}

/// What the owner's record of the agent says was run: how often, for each action.
pub fn executed(site: &Site) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    let Ok(files) = std::fs::read_dir(site.path(AGENT).join("record")) else {
        return times;
    };
    for file in files {
        let path = file.expect("a file of the record").path();
        let lines = std::fs::read_to_string(&path).expect("text");
        for line in lines.lines() {
            // The last line may be under way.
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            if line["what"] == "ended" {
                let action = line["action"].as_str().expect("an action").to_owned();
                *times.entry(action).or_default() += 1;
            }
        }
    }
    times
}

/// Checks that the agent ran these actions, each once, and nothing else.
pub fn assert_each_ran_once(site: &Site, actions: &[Id]) {
    let expected: BTreeMap<String, usize> = actions.iter().map(|id| (id.to_string(), 1)).collect();
    assert_eq!(executed(site), expected);
}

/// Stops a program where it is, or lets it go on.
pub fn freeze(process: &Process, frozen: bool) {
    let signal = if frozen {
        Signal::SIGSTOP
    } else {
        Signal::SIGCONT
    };
    let pid = i32::try_from(process.id()).expect("a process id");
    kill(Pid::from_raw(pid), signal).expect("a signal");
}
