//! Lines about what strangers send. Who floods a program must not fill the disk with
//! its log as well: so much is said, and how much was left out.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many lines in each period.
const LINES: u32 = 100;
/// After which as many more may be written.
const PERIOD: Duration = Duration::from_secs(60);

/// How much was said lately.
#[derive(Debug)]
pub struct Complaints(Mutex<Said>);

#[derive(Debug)]
struct Said {
    since: Instant,
    lines: u32,
    left_out: u64,
}

/// Lines that were not written since the last one that was. Shown behind a line: with
/// a space in front, or as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut(pub u64);

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            lines => write!(f, " ({lines} such lines before this one were left out.)"),
        }
    }
}

impl Default for Complaints {
    fn default() -> Self {
        Self::new()
    }
}

impl Complaints {
    /// Nothing was said yet.
    pub fn new() -> Complaints {
        Complaints(Mutex::new(Said {
            since: Instant::now(),
            lines: 0,
            left_out: 0,
        }))
    }

    /// Whether one more line may be written, and how many were not before it.
    pub fn allowed(&self) -> Option<LeftOut> {
        self.allowed_at(Instant::now())
    }

    fn allowed_at(&self, now: Instant) -> Option<LeftOut> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(said.since) >= PERIOD {
            said.since = now;
            said.lines = 0;
        }
        if said.lines < LINES {
            said.lines += 1;
            Some(LeftOut(std::mem::take(&mut said.left_out)))
        } else {
            said.left_out += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_has_a_bounded_share_of_the_log_and_all_of_it_is_counted() {
        let complaints = Complaints::new();
        let start = Instant::now();
        let flood = (0..1000).filter_map(|_| complaints.allowed_at(start));
        let written: Vec<LeftOut> = flood.collect();
        assert_eq!(written.len(), LINES as usize);
        assert!(
            written
                .iter()
                .all(|left_out| left_out.to_string().is_empty())
        );
        let later = Instant::now() + PERIOD;
        let left_out = complaints.allowed_at(later).expect("one more");
        assert_eq!(left_out, LeftOut(900));
        assert!(left_out.to_string().starts_with(" (900 such lines"));
        assert_eq!(complaints.allowed_at(later), Some(LeftOut(0)));
    }
}
