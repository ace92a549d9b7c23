//! Pauses between attempts: doubling up to a limit, and jittered, so that many
//! programs that lost the same server do not come back at the same moment.

use std::time::Duration;

/// A sequence of growing pauses.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses from `first` on, up to `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff {
            first,
            longest,
            next: first,
        }
    }

    /// The next pause: between half and all of the current step.
    pub(crate) fn pause(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.longest);
        step.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// What the other side asked for, within the limits, or the next pause.
    pub(crate) fn asked(&mut self, wish: Option<Duration>) -> Duration {
        let own = self.pause();
        wish.map_or(own, |wish| wish.clamp(own.min(self.longest), self.longest))
    }

    /// It worked: start over.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_wishes_stay_within_it() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for step in [100, 200, 400, 800, 1000, 1000] {
            let step = Duration::from_millis(step);
            let pause = backoff.pause();
            assert!(pause >= step / 2 && pause <= step, "{pause:?} of {step:?}");
        }
        let day = Some(Duration::from_secs(86_400));
        assert_eq!(backoff.asked(day), Duration::from_secs(1));
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(100));
        assert!(backoff.asked(Some(Duration::ZERO)) >= Duration::from_millis(100));
    }
}
