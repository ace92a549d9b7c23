//! Times, of which there may be millions.

use std::time::Duration;

use serde::Serialize;

/// Upper bounds grow by an eighth: exact enough for a report, and bounded.
const STEP: f64 = 1.125;
/// The smallest bound, in microseconds.
const FIRST: f64 = 16.0;
/// Bounds up to about an hour.
const CELLS: usize = 165;

/// How often a time fell between two bounds.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    cells: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            cells: vec![0; CELLS],
            count: 0,
            longest: Duration::ZERO,
        }
    }
}

impl Histogram {
    /// Notes a time.
    pub fn add(&mut self, time: Duration) {
        let micros = time.as_secs_f64() * 1e6;
        let cell = (micros / FIRST).max(1.0).log(STEP).ceil() as usize;
        self.cells[cell.min(CELLS - 1)] += 1;
        self.count += 1;
        self.longest = self.longest.max(time);
    }

    /// Adds those of another one.
    pub fn merge(&mut self, other: &Self) {
        for (own, more) in self.cells.iter_mut().zip(&other.cells) {
            *own += more;
        }
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
    }

    fn quantile(&self, share: f64) -> f64 {
        let rank = (self.count as f64 * share).ceil() as u64;
        let mut below = 0;
        for (cell, count) in self.cells.iter().enumerate() {
            below += count;
            if below >= rank {
                let bound = FIRST * STEP.powi(cell as i32) / 1e3;
                return bound.min(self.longest.as_secs_f64() * 1e3);
            }
        }
        self.longest.as_secs_f64() * 1e3
    }

    /// For people.
    pub fn quantiles(&self) -> Quantiles {
        let round = |milliseconds: f64| (milliseconds * 1e3).round() / 1e3;
        Quantiles {
            count: self.count,
            p50: round(self.quantile(0.5)),
            p90: round(self.quantile(0.9)),
            p99: round(self.quantile(0.99)),
            max: round(self.longest.as_secs_f64() * 1e3),
        }
    }
}

/// Times in milliseconds: each is an upper bound that is at most an eighth too
/// large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many times there were.
    pub count: u64,
    /// Half of them were no longer.
    pub p50: f64,
    /// Nine in ten.
    pub p90: f64,
    /// 99 in a hundred.
    pub p99: f64,
    /// The longest, exactly.
    pub max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_bounds_that_are_an_eighth_too_large_at_most() {
        let mut times = Histogram::default();
        for milliseconds in 1..=1000 {
            times.add(Duration::from_millis(milliseconds));
        }
        let mut twice = times.clone();
        twice.merge(&times);
        for (histogram, count) in [(&times, 1000), (&twice, 2000)] {
            let found = histogram.quantiles();
            assert_eq!((found.count, found.max), (count, 1000.0));
            for (value, exact) in [(found.p50, 500.0), (found.p90, 900.0), (found.p99, 990.0)] {
                assert!(value >= exact && value <= exact * STEP, "{found:?}");
            }
        }
        assert_eq!(Histogram::default().quantiles(), Quantiles::default());
        times.add(Duration::from_secs(1_000_000));
        assert_eq!(times.quantiles().max, 1e9);
    }
}
