//! What must have become of every action, whatever was killed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mig_acceptance::Site;
use mig_protocol::Action;
use mig_testkit::wait_until;

use super::batch::{Batch, Kind, Launched};
use super::victim::{Points, Victim};
use crate::setup::asking::api;
use crate::setup::database::{Command, Database};
use crate::setup::{PASSWD, PATIENCE, Whole, marks};

/// Everything that was asked for and everything that came of it.
pub struct Ledger {
    database: Database,
    data: PathBuf,
    /// By name of the action.
    kinds: BTreeMap<String, Kind>,
    /// Identifiers of accepted actions by name.
    accepted: BTreeMap<String, u64>,
    /// Commands as they were when they were first seen to be over.
    over: BTreeMap<u64, Command>,
}

impl Ledger {
    /// An empty one.
    pub fn new(site: &Site) -> Self {
        Self {
            database: Database::of(site.directory()),
            data: site.path("data"),
            kinds: BTreeMap::new(),
            accepted: BTreeMap::new(),
            over: BTreeMap::new(),
        }
    }

    /// Notes what was posted.
    pub fn expect(&mut self, batch: &Batch, launched: &Launched) {
        for wish in &batch.wishes {
            self.kinds.insert(wish.name.clone(), wish.kind);
            if let Some(id) = launched.accepted(&wish.name) {
                self.accepted.insert(wish.name.clone(), id.0);
            }
        }
    }

    /// Whether all actions and commands are over.
    pub fn is_settled(&self) -> bool {
        self.database
            .actions()
            .iter()
            .all(|action| action.is_over())
            && self.database.commands().iter().all(Command::is_over)
    }

    /// What is not.
    pub fn open(&self) -> String {
        let (actions, commands) = (self.database.actions(), self.database.commands());
        let actions = actions.iter().filter(|action| !action.is_over());
        let commands = commands.iter().filter(|command| !command.is_over());
        format!(
            "open actions: {:?}\nopen commands: {:?}\noutbox: {:?}",
            actions.collect::<Vec<_>>(),
            commands.collect::<Vec<_>>(),
            self.database.outbox(),
        )
    }

    /// Checks everything that is over, and that what was over stayed as it was.
    pub fn check(&mut self, victim: Victim) {
        let actions = self.database.actions();
        for (name, id) in &self.accepted {
            let found = actions.iter().find(|action| action.id == *id);
            let found = found.unwrap_or_else(|| panic!("`{name}` was accepted and is gone"));
            assert_eq!(&found.name, name);
        }
        let commands = self.database.commands();
        for action in &actions {
            // Also those whose answer to the post was cut off.
            assert_eq!(action.status, "completed", "{action:?}");
            let own = commands
                .iter()
                .filter(|command| command.action == action.id);
            assert_eq!(own.count(), 1, "commands of {action:?}");
        }
        for command in commands {
            match self.over.get(&command.id) {
                Some(before) => assert_eq!(before, &command, "stored a second time"),
                None => {
                    self.check_command(&command, victim);
                    self.over.insert(command.id, command);
                }
            }
        }
    }

    fn check_command(&self, command: &Command, victim: Victim) {
        let kind = self.kinds[&command.name];
        let results = command.results.as_array().expect("results");
        assert_eq!(results.len(), 1, "{command:?}");
        assert!(command.answered, "{command:?}");
        match command.status.as_str() {
            "success" => self.check_result(command, kind, &results[0]),
            "failed" => {
                let expected = match (victim, kind) {
                    (Victim::Worker, _) => "was killed from outside",
                    (Victim::Agent | Victim::Both, Kind::Once) => "may not be run a second time",
                    _ => panic!("killing the {victim:?} failed {command:?}"),
                };
                let errors = command.errors();
                assert!(errors.contains(expected), "{command:?}");
                assert_eq!(results[0]["success"], false, "{command:?}");
            }
            _ => panic!("ended neither well nor with a reason: {command:?}"),
        }
    }

    fn check_result(&self, command: &Command, kind: Kind, result: &serde_json::Value) {
        assert_eq!(result["foundanything"], true, "{command:?}");
        let elements = &result["elements"];
        match kind {
            Kind::File => {
                let hits = elements["s1"].as_array().expect("hits");
                assert_eq!(hits.len(), 1, "{command:?}");
                let path = self.data.join("passwd");
                assert_eq!(hits[0]["file"].as_str(), path.to_str(), "{command:?}");
                assert_eq!(hits[0]["fileinfo"]["size"], PASSWD.len(), "{command:?}");
            }
            Kind::Linger | Kind::Once => {
                assert_eq!(elements["marks"], serde_json::json!([command.name]));
            }
        }
    }

    /// The last look: nothing came later, nothing is left on the way, each
    /// module ran as often as it may, and the API counts the same.
    pub fn close(mut self, whole: &mut Whole, victim: Victim, points: Points) {
        wait_until("the outbox being empty", PATIENCE, || {
            self.database.outbox().is_empty()
        });
        self.check(victim);
        for command in self.over.values() {
            let ran = marks::count(&whole.site, &command.name);
            let well = command.status == "success";
            match self.kinds[&command.name] {
                Kind::File => {}
                Kind::Linger => assert!(ran >= 1 || !well, "{ran} runs of {command:?}"),
                Kind::Once => assert!(ran == 1 || ran == 0 && !well, "{ran} runs of {command:?}"),
            }
        }
        let api = api(&whole.site, "ada");
        for (name, id) in &self.accepted {
            let answer = api.get("action", &[("actionid", &id.to_string())]);
            let action: Action = answer
                .and_then(|answer| answer.document("action"))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let counters = &action.counters;
            assert_eq!(
                (counters.sent, counters.done),
                (1, 1),
                "{name}: {counters:?}"
            );
            assert_eq!(
                counters.success + counters.failed,
                1,
                "{name}: {counters:?}"
            );
        }
        let over = self.over.len();
        let failed = self
            .over
            .values()
            .filter(|command| command.status == "failed");
        let failed = failed.count();
        println!(
            "{victim:?}: {over} commands, {} of accepted actions; {failed} failed with the reason",
            self.accepted.len()
        );
        assert!(over >= self.accepted.len());
        if victim == Victim::Worker {
            // Nobody else's operation suffered.
            assert!(failed <= points.workers, "{failed} failed of {points}");
            assert!(failed > 0, "no worker was killed in time: {points}");
        }
        whole.assert_agent_lives();
        whole.agent.stop().unwrap();
        whole.server.stop().unwrap();
        assert_eq!(self.database.messages(), 0, "messages left in the relay");
    }
}
