//! What serves a fleet: relay, scheduler, API, database, in whatever combination.

use mig_acceptance::{Configuration, Site};
use mig_swarm::Stored;

/// A combination of engines. Each combination is one implementation; tests see
/// nothing else of it.
pub trait Engines {
    /// Certificates, keys and the client's configuration.
    fn site(&self) -> &Site;

    /// Where agents find the relay, and what they log in with.
    fn agent_configuration(&self) -> Configuration {
        self.site().agent_configuration("swarm").unwrap()
    }

    /// Names of the parts that can be killed one by one, in the order in which
    /// they are started.
    fn parts(&self) -> Vec<&'static str>;

    /// Kills a part at once, as a crash would.
    fn kill(&mut self, part: &str);

    /// Starts a part that was killed, and waits until it serves.
    fn revive(&mut self, part: &str);

    /// Whether the database can be looked into at this moment.
    fn can_be_asked(&self) -> bool {
        true
    }

    /// What engines that share their work have not done yet, one thing each.
    fn idlers(&self) -> Vec<String> {
        Vec::new()
    }

    /// How many agents are online.
    fn online(&self) -> usize;

    /// All actions, oldest first.
    fn actions(&self) -> Vec<StoredAction>;

    /// All commands, oldest first.
    fn commands(&self) -> Vec<StoredCommand>;

    /// How many commands of an action are over.
    fn over(&self, action: u64) -> usize;

    /// Commands that no relay has confirmed yet.
    fn outbox(&self) -> usize;

    /// Stops everything in order; returns the commands of which a command or an
    /// answer is left in a durable queue.
    fn close(self) -> Vec<u64>;

    /// The ends of the logs.
    fn last_words(&self) -> String;
}

/// One stored action.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAction {
    pub id: u64,
    pub name: String,
    pub status: String,
}

/// One stored command.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCommand {
    pub action: u64,
    pub stored: Stored,
}
