//! What must have become of everything, whatever was killed.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::Fleet;
use crate::fleet::agents::Agents;
use crate::fleet::engines::{Engines, StoredCommand};

/// Everything that was accepted and everything that came of it.
pub struct Account {
    agents: usize,
    /// Identifiers of accepted actions by name.
    accepted: BTreeMap<String, u64>,
    /// Commands as they were when they were first seen to be over.
    over: BTreeMap<u64, StoredCommand>,
}

impl Account {
    /// An empty one, for so many agents.
    pub fn new(agents: usize) -> Self {
        Self {
            agents,
            accepted: BTreeMap::new(),
            over: BTreeMap::new(),
        }
    }

    /// Notes what the API accepted.
    pub fn expect(&mut self, accepted: Vec<(String, u64)>) {
        self.accepted.extend(accepted);
    }

    /// Whether everything is over and every agent knows that its answers
    /// arrived.
    pub fn is_settled<E: Engines, A: Agents>(&self, fleet: &Fleet<E, A>) -> bool {
        let open = ["pending", "scheduled", "preparing", "inflight"];
        // What costs least is asked first, and most often.
        fleet.swarm.is_settled()
            && fleet.engines.outbox() == 0
            && fleet
                .engines
                .actions()
                .iter()
                .all(|action| !open.contains(&action.status.as_str()))
            // The last command may have come to its agent after the first look.
            && fleet.swarm.is_settled()
    }

    /// Checks everything, and that what was over stayed as it was.
    pub fn check<E: Engines, A: Agents>(&mut self, fleet: &Fleet<E, A>) {
        let actions = fleet.engines.actions();
        for (name, id) in &self.accepted {
            let found = actions.iter().find(|action| action.id == *id);
            let found = found.unwrap_or_else(|| panic!("`{name}` was accepted and is gone"));
            assert_eq!(&found.name, name);
        }
        let commands = fleet.engines.commands();
        // Also those whose answer to the post was cut off.
        for action in &actions {
            assert_eq!(action.status, "completed", "{action:?}");
            let own = commands.iter();
            let own = own.filter(|command| command.action == action.id);
            let own: Vec<_> = own.map(|command| &command.stored.queueloc).collect();
            assert_eq!(own.len(), self.agents, "commands of {action:?}");
            let agents: BTreeSet<_> = own.into_iter().collect();
            assert_eq!(agents.len(), self.agents, "agents of {action:?}");
        }
        for command in commands {
            let name = &actions
                .iter()
                .find(|action| action.id == command.action)
                .expect("an action")
                .name;
            // What must not run twice and was interrupted by its agent's death is
            // answered with that reason; the ledgers say whether it was.
            if !command.stored.was_interrupted() {
                assert_eq!(command.stored.status, "success", "{command:?}");
                let asked = &command.stored.results[0]["elements"]["asked"]["asked"];
                assert_eq!(asked, name, "{command:?}");
            }
            let before = self.over.entry(command.stored.id);
            let before = before.or_insert_with(|| command.clone());
            assert_eq!(before, &command, "stored a second time");
        }
        fleet.assert_agreement();
    }

    /// The last look: nothing came later, and nothing is left on the way but
    /// what has arrived already.
    pub fn close<E: Engines, A: Agents>(mut self, fleet: Fleet<E, A>) {
        self.check(&fleet);
        let ledger = fleet.swarm.ledger();
        let seen = ledger
            .agents
            .iter()
            .flat_map(|agent| agent.commands.values());
        let again = seen.filter(|seen| seen.executed > 1).count();
        let all = self.over.values();
        let interrupted = all.filter(|command| command.stored.was_interrupted());
        println!(
            "{} actions, {} of them accepted for certain; {} commands, all answered once; \
             {again} ran again after a kill, {} were not and say so; {}",
            self.over.len() / self.agents,
            self.accepted.len(),
            self.over.len(),
            interrupted.count(),
            fleet.swarm.summary()
        );
        fleet.swarm.stop();
        for left in fleet.engines.close() {
            // A copy of what is stored may be on its way once more.
            assert!(
                self.over.contains_key(&left),
                "command {left} was left in the relay and is not over"
            );
        }
    }
}
