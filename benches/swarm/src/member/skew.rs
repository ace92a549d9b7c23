//! Clocks that are off.

use std::time::Duration;

use mig_protocol::{Clock, Time};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The system's clock with an error.
#[derive(Debug)]
pub(super) struct SkewedClock {
    seconds: i64,
}

impl SkewedClock {
    /// A clock that is ahead by so many seconds; behind when they are negative.
    pub fn new(seconds: i64) -> Self {
        Self { seconds }
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Time {
        let by = Duration::from_secs(self.seconds.unsigned_abs());
        if self.seconds < 0 {
            Time::now().saturating_sub(by)
        } else {
            Time::now().saturating_add(by)
        }
    }
}

/// How far a clock is off, in seconds. A third are within what agents tolerate
/// (a minute), a third some hours ahead, a third some hours behind.
pub(super) fn choose(seed: u64, number: usize) -> i64 {
    let mut random = StdRng::seed_from_u64(seed ^ number as u64);
    match number % 3 {
        0 => random.random_range(-40..=40),
        1 => random.random_range(2 * 3600..48 * 3600),
        _ => -random.random_range(2 * 3600..48 * 3600),
    }
}
