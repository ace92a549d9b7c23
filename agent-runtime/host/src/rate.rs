//! How much of something may come each second.

use std::time::{Duration, Instant};

/// A bucket of tokens that fills up with time.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    most: f64,
    tokens: f64,
    at: Instant,
}

impl Rate {
    /// So many each second, and at most `most` at once.
    pub(crate) fn new(per_second: u32, most: u32, now: Instant) -> Self {
        Self {
            per_second: per_second.into(),
            most: most.into(),
            tokens: most.into(),
            at: now,
        }
    }

    /// Takes tokens if there are so many.
    pub(crate) fn take(&mut self, count: f64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + passed * self.per_second).min(self.most);
        let enough = self.tokens >= count;
        if enough {
            self.tokens -= count;
        }
        enough
    }

    /// When there will be so many.
    pub(crate) fn next(&self, count: f64) -> Instant {
        let missing = (count - self.tokens).max(0.0);
        self.at + Duration::from_secs_f64(missing / self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_as_much_as_time_brings() {
        let start = Instant::now();
        let mut rate = Rate::new(10, 3, start);
        let taken = |rate: &mut Rate, now| (0..100).filter(|_| rate.take(1.0, now)).count();
        assert_eq!(taken(&mut rate, start), 3);
        let next = rate.next(1.0).duration_since(start);
        assert!((99..=101).contains(&next.as_millis()), "{next:?}");
        assert_eq!(taken(&mut rate, start + Duration::from_millis(250)), 2);
        assert_eq!(taken(&mut rate, start + Duration::from_secs(3600)), 3);
    }
}
