//! Lines of the log about what agents send. Who floods the scheduler must not
//! fill the disk with its log as well: everything is counted, so much is said.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::counts::Counts;

/// So many lines in each period.
const LINES: u32 = 100;
/// After which as many more may be written.
const PERIOD: Duration = Duration::from_secs(60);
/// Longest name of an agent in a line.
const LONGEST: usize = 256;

/// How much was said lately.
pub(crate) struct Complaints(Mutex<Said>);

struct Said {
    since: Instant,
    lines: u32,
}

impl Complaints {
    /// Nothing was said yet.
    pub(crate) fn new() -> Complaints {
        Complaints(Mutex::new(Said {
            since: Instant::now(),
            lines: 0,
        }))
    }

    /// Whether one more line may be written; those that may not are counted.
    pub(crate) fn allowed(&self, counts: &Counts) -> bool {
        self.allowed_at(Instant::now(), counts)
    }

    fn allowed_at(&self, now: Instant, counts: &Counts) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(said.since) >= PERIOD {
            said.since = now;
            said.lines = 0;
        }
        let allowed = said.lines < LINES;
        if allowed {
            said.lines += 1;
        } else {
            counts.complaints_left_out.one();
        }
        allowed
    }
}

/// What an agent says of itself, for a line of the log: it may be as long as a
/// message.
pub(super) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(LONGEST).collect();
    if shown.len() < name.len() {
        shown.push_str("...");
    }
    shown.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_has_a_bounded_share_of_the_log_and_all_of_it_is_counted() {
        let (complaints, counts) = (Complaints::new(), Counts::default());
        let start = Instant::now();
        let flood = (0..1000).filter(|_| complaints.allowed_at(start, &counts));
        let written = flood.count();
        assert_eq!(written, LINES as usize);
        assert_eq!(counts.snapshot().complaints_left_out, 900);
        let later = Instant::now() + PERIOD;
        assert!(complaints.allowed_at(later, &counts));
        assert_eq!(counts.snapshot().complaints_left_out, 900);
    }

    #[test]
    fn a_name_of_megabytes_is_shown_in_part() {
        let name = "é\n".repeat(1 << 20);
        let shown = shown(&name);
        assert!(shown.starts_with("é\\né\\n") && shown.ends_with("..."));
        assert!(shown.len() < 4 * LONGEST, "{}", shown.len());
        assert_eq!(super::shown("linux.x"), "linux.x");
    }
}
