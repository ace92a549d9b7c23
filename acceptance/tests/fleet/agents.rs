//! The agents of a fleet: in this process, or in processes that can be killed.

use mig_swarm::{Ledger, Swarm};

/// Simulated agents.
pub trait Agents {
    /// Everything that happened to them so far.
    fn ledger(&self) -> Ledger;

    /// Whether every command that arrived was answered and confirmed.
    fn is_settled(&self) -> bool;

    /// Cuts every connection at this moment, without a word.
    fn outage(&self);

    /// In numbers, for people.
    fn summary(&self) -> String;

    /// Lets all of them say goodbye, and waits for that.
    fn stop(self);
}

impl Agents for Swarm {
    fn ledger(&self) -> Ledger {
        Swarm::ledger(self)
    }

    fn is_settled(&self) -> bool {
        Swarm::is_settled(self)
    }

    fn outage(&self) {
        Swarm::outage(self);
    }

    fn summary(&self) -> String {
        serde_json::to_string(&self.report()).unwrap_or_default()
    }

    fn stop(self) {
        Swarm::stop(self);
    }
}
