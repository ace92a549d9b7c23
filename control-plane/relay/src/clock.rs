//! Milliseconds since the Unix epoch that never run backwards while the relay
//! runs: deadlines survive a restart and a clock that is set.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    started_at: u64,
}

impl Clock {
    pub fn start() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self {
            started: Instant::now(),
            started_at: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        }
    }

    pub fn now(&self) -> u64 {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.started_at.saturating_add(passed)
    }

    /// The instant at which [`Clock::now`] has reached `deadline`.
    pub fn instant(&self, deadline: u64) -> Instant {
        // A deadline centuries away would overflow; a day is as good to wait.
        let wait = deadline.saturating_sub(self.started_at);
        let far = self.started.elapsed() + Duration::from_secs(86_400);
        self.started + Duration::from_millis(wait).min(far)
    }
}
