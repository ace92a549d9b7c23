//! Which agents speak over the relay. What comes to an API over HTTP proves nothing
//! about who sent it, so nobody is ended for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mig_protocol::{Id, Time};

/// Of several schedulers each hears a part of the heartbeats, so this is many times
/// the pause between two of one agent.
const PERIODS: u32 = 12;

/// The rows of agents that this scheduler heard of over the relay, and when.
#[derive(Default)]
pub(crate) struct Heard(Mutex<HashMap<Id, Time>>);

impl Heard {
    /// A heartbeat of that agent came over the relay.
    pub(crate) fn note(&self, agent: Id, now: Time) {
        self.all().insert(agent, now);
    }

    /// Whether one came lately.
    pub(super) fn lately(&self, agent: Id) -> bool {
        self.all().contains_key(&agent)
    }

    /// Forgets those that are silent.
    pub(super) fn forget(&self, now: Time, period: Duration) {
        let kept = period * PERIODS;
        self.all().retain(|_, heard| now.since(*heard) <= kept);
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Time>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
