//! From an end to the next start.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::Pace;

/// Pauses that grow while a module keeps ending.
#[derive(Debug)]
pub(super) struct Pause {
    pace: Pace,
    next: Duration,
}

impl Pause {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            next: pace.pause,
        }
    }

    /// How long to wait after a worker that ran for so long.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= self.pace.healthy {
            self.next = self.pace.pause;
        }
        let pause = self.next;
        self.next = (pause * 2).min(self.pace.longest_pause);
        // From three quarters to five. A fresh hasher is keyed by chance.
        let chance = RandomState::new().hash_one(0) % 1024;
        pause.mul_f64(0.75 + chance as f64 / 2048.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_start_again_after_health() {
        let seconds = Duration::from_secs;
        let mut pause = Pause::new(Pace::default());
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let got = pause.after(seconds(1));
            let (least, most) = (seconds(expected) * 3 / 4, seconds(expected) * 5 / 4);
            assert!((least..most).contains(&got), "{expected}: {got:?}");
        }
        assert!(pause.after(seconds(600)) < seconds(2));
        assert!(pause.after(seconds(599)) < seconds(3));
    }

    #[test]
    fn modules_that_fail_together_do_not_start_together() {
        let pauses: std::collections::BTreeSet<_> = (0..20)
            .map(|_| Pause::new(Pace::default()).after(Duration::ZERO))
            .collect();
        assert!(pauses.len() > 10, "{pauses:?}");
    }
}
