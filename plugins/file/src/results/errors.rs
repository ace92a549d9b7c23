//! What went wrong on the way, each once, in a stable order.

use std::collections::BTreeSet;
use std::sync::Mutex;

/// Collects errors of all threads. However many there are, it keeps no more
/// than the result can carry: the first in their order.
#[derive(Debug)]
pub struct ErrorLog {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: BTreeSet<String>,
    total: usize,
}

impl ErrorLog {
    /// A log for a result that carries at most `most` errors.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::default(),
        }
    }

    /// Notes an error: `ERROR: ` and what happened to what.
    pub fn error(&self, text: &str) {
        self.add(format!("ERROR: {text}"));
    }

    /// Notes a warning.
    pub fn warning(&self, text: &str) {
        self.add(format!("warning: {text}"));
    }

    fn add(&self, line: String) {
        // A panic of another thread while it held the lock changes nothing.
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        if state.kept.contains(&line) {
            return;
        }
        state.total += 1;
        state.kept.insert(line);
        // One is kept even if none is wanted, see `finish`.
        if state.kept.len() > self.most.max(1) {
            state.kept.pop_last();
        }
    }

    /// The errors that the result carries, and a last line that counts the
    /// others. With a limit of 0 one error appears all the same, and the line
    /// counts it too: clients have always been told so.
    pub fn finish(&self) -> Option<Vec<String>> {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let State { kept, total } = std::mem::take(&mut *state);
        if total == 0 {
            return None;
        }
        let mut lines: Vec<String> = kept.into_iter().collect();
        if total > self.most {
            let withheld = total - self.most;
            lines.push(format!(
                "{withheld} errors were not returned (max errors = {})",
                self.most
            ));
        }
        Some(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_named_once_and_sorted() {
        let log = ErrorLog::new(usize::MAX);
        assert_eq!(log.finish(), None);
        log.error("open /b/: permission denied");
        log.error("open /a/: permission denied");
        log.error("open /b/: permission denied");
        let wanted = [
            "ERROR: open /a/: permission denied",
            "ERROR: open /b/: permission denied",
        ];
        assert_eq!(log.finish().unwrap(), wanted);
    }

    #[test]
    fn what_exceeds_the_limit_is_counted() {
        let log = ErrorLog::new(2);
        for name in ["d", "b", "c", "a"] {
            log.error(name);
        }
        let wanted = [
            "ERROR: a",
            "ERROR: b",
            "2 errors were not returned (max errors = 2)",
        ];
        assert_eq!(log.finish().unwrap(), wanted);
    }

    #[test]
    fn a_limit_of_none_still_shows_one() {
        let log = ErrorLog::new(0);
        log.error("b");
        log.error("a");
        let wanted = ["ERROR: a", "2 errors were not returned (max errors = 0)"];
        assert_eq!(log.finish().unwrap(), wanted);
    }
}
