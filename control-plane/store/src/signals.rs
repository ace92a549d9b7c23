//! Signals that pass beside the store, so that nobody has to poll it for new
//! work: the API wakes the scheduler, and whoever changes an action tells those
//! who wait for the change.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use mig_protocol::Id;
use tokio::sync::{Notify, broadcast};

/// Wakes the scheduler. Clones share one signal; a signal given while nobody
/// waits is kept, several become one.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<WakeState>);

#[derive(Debug, Default)]
struct WakeState {
    notify: Notify,
    /// Agents whose queue did not exist when a command was published.
    missed: Mutex<HashSet<String>>,
}

impl Wake {
    /// A signal nobody has given yet.
    pub fn new() -> Wake {
        Wake::default()
    }

    /// There is new work: an action was stored, or its time has come.
    pub fn wake(&self) {
        self.0.notify.notify_one();
    }

    /// Waits until somebody calls [`Wake::wake`].
    pub async fn woken(&self) {
        self.0.notify.notified().await;
    }

    /// Remembers that a command could not be delivered because the agent's
    /// queue does not exist yet.
    pub fn missed(&self, queueloc: &str) {
        self.lock().insert(queueloc.to_owned());
    }

    /// True while nothing was heard of the agent since [`Wake::missed`].
    pub fn is_missed(&self, queueloc: &str) -> bool {
        self.lock().contains(queueloc)
    }

    /// Forgets what was missed, so that everything is tried again.
    pub fn forget_missed(&self) {
        self.lock().clear();
    }

    /// The agent was heard of, so its queue exists now. Wakes the scheduler if
    /// something waits for that agent.
    pub fn agent_seen(&self, queueloc: &str) {
        if self.lock().remove(queueloc) {
            self.wake();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells waiting readers which action changed: its status, its counters or its
/// results. Clones share one channel.
#[derive(Debug, Clone)]
pub struct Changes(broadcast::Sender<Id>);

impl Default for Changes {
    fn default() -> Changes {
        Changes::new()
    }
}

impl Changes {
    /// Stands for all actions; no action has this identifier.
    pub const ANY: Id = Id(0);

    /// A channel nobody listens to yet.
    pub fn new() -> Changes {
        // A reader that lags behind more than this looks at the store again.
        Changes(broadcast::channel(1024).0)
    }

    /// Says that an action changed. Cheap when nobody listens.
    pub fn changed(&self, action: Id) {
        // Nobody listening is the usual case and no error.
        let _ = self.0.send(action);
    }

    /// Says that any action may have changed: news were lost on the way. It
    /// arrives as [`Changes::ANY`].
    pub fn everything_changed(&self) {
        self.changed(Changes::ANY);
    }

    /// Starts to listen. Subscribe before reading the store, or a change
    /// between the two is missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Id> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_given_while_nobody_waits_is_kept() {
        let wake = Wake::new();
        wake.wake();
        wake.wake();
        wake.woken().await;
    }

    #[tokio::test]
    async fn an_agent_that_was_missed_wakes_the_scheduler_once_it_is_seen() {
        let wake = Wake::new();
        wake.missed("linux.a");
        wake.agent_seen("linux.b");
        assert!(wake.is_missed("linux.a"));
        wake.agent_seen("linux.a");
        wake.woken().await;
        assert!(!wake.is_missed("linux.a"));
    }

    #[tokio::test]
    async fn a_change_reaches_everybody_who_subscribed_before_it() {
        let changes = Changes::new();
        changes.changed(Id(1));
        let mut listener = changes.subscribe();
        changes.changed(Id(2));
        assert_eq!(listener.recv().await, Ok(Id(2)));
    }
}
