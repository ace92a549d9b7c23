//! A site, what was ordered there, and what became of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mig_acceptance::{Process, Programs, Site};
use mig_client::ClientError;
use mig_client::http::Api;
use mig_protocol::{Action, ActionStatus, Command, Id};
use mig_testkit::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::asking;

/// Long enough for a loaded machine and the longest pause between two tries.
pub const PATIENCE: Duration = Duration::from_secs(300);
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

/// How many commands the relay has not confirmed.
pub const OUTBOX: &str = "SELECT count(*) FROM outbox";

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

    /// Orders something while the agent is frozen, and waits until the relay has the
    /// command: before there is no room, and nobody to give it to the relay.
    pub fn post_to_frozen(&mut self, agent: &Process, waiting_for_relay: impl Fn() -> i64) -> Id {
        freeze(agent, true);
        let asked = self.post_and_wait();
        wait_until("the command's being with the relay", PATIENCE, || {
            waiting_for_relay() == 0
        });
        asked
    }

    /// Waits until the command of an order was made.
    fn wait_for_start(&self, order: Id) {
        wait_until("its start", PATIENCE, || {
            self.read(order).counters.sent == 1
        });
    }

    /// Orders something, and waits until its command was made.
    pub fn post_and_wait(&mut self) -> Id {
        assert!(self.post(), "{:?}", self.refused);
        let asked = *self.accepted.last().expect("it was accepted");
        self.wait_for_start(asked);
        asked
    }

    /// Orders one thing after the other until something is so.
    pub fn post_until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        wait_until(what, PATIENCE, || {
            self.post_and_wait();
            is_so()
        });
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

    /// A command as the API has it.
    pub fn command(&self, id: &str) -> Command {
        let answer = self.api.get("command", &[("commandid", id)]);
        answer
            .and_then(|found| found.document("command"))
            .unwrap_or_else(|error| panic!("{id}: {error}"))
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

/// Waits until the agent has run an order.
pub fn wait_for_end(site: &Site, order: Id) {
    wait_until("its end", PATIENCE, || {
        executed(site).contains_key(&order.to_string())
    });
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
