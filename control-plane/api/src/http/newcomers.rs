//! Those who have connected and asked for nothing yet. Nobody knows who they are, and
//! sockets cost them little: they make room for those who come after them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Connections without a request, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Newcomers(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    all: BTreeMap<u64, Arc<Notify>>,
    last: u64,
    turned_out: u64,
}

impl Newcomers {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more.
    pub(super) fn enter(self: &Arc<Self>) -> Newcomer {
        let mut waiting = self.lock();
        waiting.last += 1;
        let (number, out) = (waiting.last, Arc::new(Notify::new()));
        waiting.all.insert(number, Arc::clone(&out));
        Newcomer {
            number,
            out,
            all: Arc::clone(self),
        }
    }

    /// Ends the one that has been silent for longest. Returns how many were ended so
    /// far; `None` when everybody has asked for something.
    pub(super) fn turn_one_out(&self) -> Option<u64> {
        let mut waiting = self.lock();
        let (_, out) = waiting.all.pop_first()?;
        out.notify_one();
        waiting.turned_out += 1;
        Some(waiting.turned_out)
    }
}

/// A connection that has not asked for anything, as long as it is known as such.
#[derive(Debug)]
pub(super) struct Newcomer {
    number: u64,
    out: Arc<Notify>,
    all: Arc<Newcomers>,
}

impl Newcomer {
    /// It asks for something.
    pub(super) fn spoke(&self) {
        self.all.lock().all.remove(&self.number);
    }

    /// Resolves when it has to go: others come and there is no room, or it was silent
    /// for so long. Never once it has spoken.
    pub(super) async fn has_to_go(&self, silent: Duration) {
        let time = tokio::time::timeout(silent, self.out.notified()).await;
        let spoke = time.is_err() && self.all.lock().all.remove(&self.number).is_none();
        if spoke {
            self.out.notified().await;
        }
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.spoke();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn the_oldest_that_is_silent_goes_and_nobody_who_has_spoken() {
        let all = Arc::new(Newcomers::default());
        let [first, second, third] = std::array::from_fn(|_| all.enter());
        first.spoke();
        assert_eq!(all.turn_one_out(), Some(1));
        second.has_to_go(LONG).await;
        assert!(third.has_to_go(LONG).now_or_never().is_none());
        drop(third);
        assert_eq!(all.turn_one_out(), None);
        assert!(first.has_to_go(Duration::ZERO).now_or_never().is_none());
    }

    #[tokio::test]
    async fn silence_has_an_end_of_its_own() {
        let all = Arc::new(Newcomers::default());
        all.enter().has_to_go(Duration::ZERO).await;
        assert_eq!(all.turn_one_out(), None);
    }
}
