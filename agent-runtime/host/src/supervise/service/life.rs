//! One worker's life: its signs, its end, and what is said of that.

use std::time::{Duration, Instant};

use mig_plugin_abi::code;

use super::Pace;
use super::incoming::Incoming;
use crate::job::Job;
use crate::supervise::verdict::{MASKED, crash, meaning, module_words, quoting};
use crate::supervise::watch::End;
use crate::text::seconds;

/// Pings and their echoes.
pub(super) struct Signs {
    pace: Pace,
    last: Instant,
    /// Number of the last ping, and whether its echo is awaited.
    ping: u64,
    awaited: bool,
}

impl Signs {
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self {
            pace,
            last: now,
            ping: 0,
            awaited: false,
        }
    }

    /// Takes the number of the last echo. A worker that is held up by its host
    /// is not held to account for that time.
    pub(super) fn look(&mut self, echoed: u64, held_up: bool, now: Instant) {
        if self.awaited && echoed == self.ping {
            self.awaited = false;
            self.last = now;
        }
        if held_up {
            self.last = now;
        }
    }

    /// The number of a ping that is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<u64> {
        if self.awaited || now < self.last + self.pace.ping {
            return None;
        }
        self.awaited = true;
        self.ping += 1;
        Some(self.ping)
    }

    /// Whether it has shown none for too long.
    pub(super) fn missing(&self, now: Instant) -> bool {
        now >= self.last + self.pace.life
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        let wait = match self.awaited {
            true => self.pace.life,
            false => self.pace.ping.min(self.pace.life),
        };
        self.last + wait
    }
}

/// What the host did to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intervention {
    /// Asked it to end.
    Asked,
    /// Asked, and killed it when it did not.
    Insisted,
    /// Killed it because it showed no sign of life.
    Missed,
}

/// Why a worker has ended, in one line.
pub(super) fn reason(
    job: &Job<'_>,
    pace: &Pace,
    incoming: &Incoming<'_>,
    intervention: Option<Intervention>,
    end: &End,
) -> String {
    let name = job.module;
    let what = match intervention {
        Some(Intervention::Missed) => format!(
            "showed no sign of life for {} and was killed",
            seconds(pace.life)
        ),
        Some(Intervention::Insisted) => format!(
            "did not end within {} after it was asked to, and was killed",
            seconds(pace.grace)
        ),
        Some(Intervention::Asked) => match incoming.code {
            Some(code::OK | code::CANCELLED) => "ended as it was asked to".to_owned(),
            // It had not even begun.
            None if !incoming.started() => "ended as it was asked to".to_owned(),
            _ => format!("was asked to end, and {}", by_itself(job, incoming, end)),
        },
        None => by_itself(job, incoming, end),
    };
    format!("module `{name}` {what}")
}

fn by_itself(job: &Job<'_>, incoming: &Incoming<'_>, end: &End) -> String {
    if let Some(fault) = &end.fault {
        return quoting(job, fault, || {
            format!("broke the rules for what it sends ({MASKED})")
        });
    }
    if let Some(refused) = &incoming.refused {
        return quoting(job, refused, || {
            format!("was refused by its worker ({MASKED})")
        });
    }
    match (incoming.code, &incoming.record) {
        (Some(code::OK | code::CANCELLED), None) => "ended although nobody asked it to".to_owned(),
        (Some(code), Some(record)) => failed(job, code, record),
        (Some(code), None) => format!("failed: {}", meaning(code)),
        // An abort build reports its panic and then dies.
        (None, Some(record)) => failed(job, code::PANIC, record),
        (None, None) => crash(job, end),
    }
}

fn failed(job: &Job<'_>, code: i32, record: &crate::supervise::answer::ErrorRecord) -> String {
    match job.privacy {
        true => format!("failed: {} ({MASKED})", meaning(code)),
        false => format!("failed: {}", module_words(job, job.module, code, record)),
    }
}

/// A reason behind words that have named the module already.
pub(super) fn it(name: &str, reason: &str) -> String {
    reason
        .strip_prefix(&format!("module `{name}` "))
        .map_or_else(|| reason.to_owned(), |rest| format!("it {rest}"))
}

/// What is said of queries to a module that does not run.
pub(super) fn not_running(name: &str, reason: &str, again: Option<Duration>) -> String {
    let reason = it(name, reason);
    let again = match again {
        Some(_) => "; it is started again soon",
        None => "",
    };
    format!("module `{name}` is not running: {reason}{again}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_at_a_time_and_an_end_without_echo() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut signs = Signs::new(Pace::default(), start);
        assert_eq!(signs.next(), at(10));
        assert_eq!(signs.due(at(9)), None);
        assert_eq!(signs.due(at(10)), Some(1));
        assert_eq!(signs.due(at(25)), None, "one at a time");
        assert_eq!(signs.next(), at(30));
        assert!(!signs.missing(at(29)));
        assert!(signs.missing(at(30)));
        signs.look(u64::MAX, false, at(29));
        assert!(signs.missing(at(30)), "no echo of what was asked");
        signs.look(1, false, at(29));
        assert!(!signs.missing(at(58)));
        assert_eq!(signs.due(at(39)), Some(2));
        signs.look(1, false, at(50));
        assert!(signs.missing(at(59)), "an old echo");
    }

    #[test]
    fn a_worker_that_is_held_up_is_not_missed() {
        let start = Instant::now();
        let mut signs = Signs::new(Pace::default(), start);
        let later = start + Duration::from_secs(100);
        signs.look(0, true, later);
        assert!(!signs.missing(later));
        assert!(signs.missing(later + Duration::from_secs(30)));
    }
}
