//! Resource alarms: while memory or disk run short, publishers wait and
//! consumers go on, so that there is room again.

use crate::stats::{Counters, count};
use std::sync::Arc;
use tokio::sync::watch;

/// What runs short.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Short {
    memory: bool,
    disk: bool,
}

impl Short {
    fn any(self) -> bool {
        self.memory || self.disk
    }
}

/// See the module.
pub(crate) struct Alarms {
    state: watch::Sender<Short>,
    counters: Arc<Counters>,
}

impl Alarms {
    pub fn new(counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            state: watch::Sender::new(Short::default()),
            counters,
        })
    }

    pub fn set_memory(&self, short: bool) {
        let changed = self
            .state
            .send_if_modified(|state| std::mem::replace(&mut state.memory, short) != short);
        if changed && short {
            count(&self.counters.memory_alarms);
            tracing::warn!(
                "Messages waiting in the relay take all the memory they may; publishers wait \
                 until consumers have made room."
            );
        } else if changed {
            tracing::info!("The relay has memory for messages again.");
        }
    }

    /// `why` says to people what is wrong with the disk.
    pub fn set_disk(&self, short: bool, why: impl FnOnce() -> String) {
        let changed = self
            .state
            .send_if_modified(|state| std::mem::replace(&mut state.disk, short) != short);
        if changed && short {
            count(&self.counters.disk_alarms);
            let why = why();
            tracing::error!("{why}; publishers wait until the relay's store has room again.");
        } else if changed {
            tracing::info!("The relay's store has room again.");
        }
    }

    /// What publishers are told, when they have to wait.
    pub fn reason(&self) -> Option<&'static str> {
        let Short { memory, disk } = *self.state.borrow();
        match (memory, disk) {
            (false, false) => None,
            (true, false) => Some("low on memory"),
            (false, true) => Some("low on disk"),
            (true, true) => Some("low on memory & disk"),
        }
    }

    /// How many are in force.
    pub fn number(&self) -> u64 {
        let state = *self.state.borrow();
        u64::from(state.memory) + u64::from(state.disk)
    }

    /// Resolves when nothing runs short; at once when nothing does.
    pub fn over(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut watching = self.state.subscribe();
        async move {
            // A relay that is gone has no alarms.
            let _ = watching.wait_for(|state| !state.any()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[tokio::test]
    async fn who_waits_goes_on_when_nothing_runs_short_any_more() {
        let counters: Arc<Counters> = Arc::default();
        let alarms = Alarms::new(Arc::clone(&counters));
        alarms.over().await;
        alarms.set_memory(true);
        alarms.set_disk(true, || "full".into());
        alarms.set_disk(true, || unreachable!("it was said"));
        assert_eq!(alarms.reason(), Some("low on memory & disk"));
        let waiting = tokio::spawn(alarms.over());
        alarms.set_memory(false);
        assert_eq!((alarms.reason(), alarms.number()), (Some("low on disk"), 1));
        assert!(!waiting.is_finished());
        alarms.set_disk(false, String::new);
        waiting.await.expect("no panic");
        assert_eq!(alarms.reason(), None);
        let counted = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
        assert_eq!(
            (
                counted(&counters.memory_alarms),
                counted(&counters.disk_alarms)
            ),
            (1, 1)
        );
    }
}
