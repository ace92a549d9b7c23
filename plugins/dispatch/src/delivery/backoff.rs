//! How long to wait after a failure.

use crate::configuration::Retry;
use std::time::Duration;

/// After so many failed attempts: doubled each time, up to the longest, of which
/// the second half is random, so that a fleet does not come back in one moment.
pub(super) fn pause(retry: Retry, failures: u64) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let factor = 2_u32.saturating_pow(doublings.min(31));
    let whole = retry.first.saturating_mul(factor).min(retry.longest);
    let half = whole / 2;
    let range = u64::try_from((whole - half).as_micros()).unwrap_or(u64::MAX);
    // Without randomness, the whole pause.
    let part = getrandom::u64().map_or(range, |random| random % range.saturating_add(1));
    half + Duration::from_micros(part)
}

/// What a receiver asked for, within the configured bounds.
pub(super) fn asked(retry: Retry, wish: Duration) -> Duration {
    wish.clamp(retry.first.min(retry.longest), retry.longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RETRY: Retry = Retry {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(300),
        most: 0,
    };

    proptest! {
        #[test]
        fn pauses_double_up_to_the_longest_and_half_of_each_is_random(failures in 1_u64..10_000) {
            let whole = Duration::from_secs(1 << failures.clamp(1, 10).saturating_sub(1)).min(RETRY.longest);
            let pause = pause(RETRY, failures);
            prop_assert!(pause >= whole / 2 && pause <= whole, "{pause:?} of {whole:?}");
        }
    }

    #[test]
    fn pauses_differ() {
        let pauses: std::collections::BTreeSet<Duration> =
            (0..16).map(|_| pause(RETRY, 9)).collect();
        assert!(pauses.len() > 1);
    }

    #[test]
    fn a_wish_is_honoured_within_bounds() {
        assert_eq!(asked(RETRY, Duration::from_secs(7)), Duration::from_secs(7));
        assert_eq!(asked(RETRY, Duration::from_secs(86_400)), RETRY.longest);
        assert_eq!(asked(RETRY, Duration::ZERO), RETRY.first);
    }
}
