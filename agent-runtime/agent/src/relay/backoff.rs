//! How long to wait before the next attempt: longer each time, and never the
//! same for two agents, so that a relay that comes back is not trampled.

use std::time::Duration;

/// First pause, at most.
const FIRST: Duration = Duration::from_millis(500);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(60);

/// Pauses between attempts.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after one more failure: between half and all of a bound that
    /// doubles up to a minute.
    pub fn next_pause(&mut self) -> Duration {
        let bound = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(0.5 + 0.5 * random_fraction())
    }

    /// Something worked: start over.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

/// A number in [0, 1).
fn random_fraction() -> f64 {
    // Without randomness agents would merely come back in step.
    let bits = getrandom::u32().unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_start_over_after_success() {
        let mut backoff = Backoff::default();
        let mut bound = FIRST;
        for _ in 0..40 {
            let pause = backoff.next_pause();
            assert!(
                pause >= bound / 2 && pause <= bound,
                "{pause:?} for {bound:?}"
            );
            bound = (bound * 2).min(LONGEST);
        }
        backoff.succeeded();
        assert!(backoff.next_pause() <= FIRST);
    }
}
