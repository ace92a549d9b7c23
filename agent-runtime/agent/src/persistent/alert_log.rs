//! Alerts that no module takes: lines of the agent's log, as an original agent
//! without dispatch writes them.

use std::time::{Duration, Instant};

/// Lines a second; more would only push everything else out of the log.
const A_SECOND: u32 = 1000;
/// Longest text of a line in bytes.
const LONGEST: usize = 8 << 10;
/// How often it is said that lines were left out.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Writes alerts to the log, at a bounded rate.
#[derive(Debug)]
pub(crate) struct AlertLog {
    second: Instant,
    in_second: u32,
    /// Not said yet.
    unsaid: u64,
    said: Option<Instant>,
    /// Left out since the agent started.
    left_out_in_all: u64,
}

impl AlertLog {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            second: now,
            in_second: 0,
            unsaid: 0,
            said: None,
            left_out_in_all: 0,
        }
    }

    /// Alerts that are in no log because they were too many.
    pub(crate) fn left_out_in_all(&self) -> u64 {
        self.left_out_in_all
    }

    /// Writes an alert; false when there were too many.
    pub(crate) fn write(&mut self, text: &str, now: Instant) -> bool {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.in_second = 0;
        }
        let fits = self.in_second < A_SECOND;
        if fits {
            self.in_second += 1;
            tracing::info!("alert: {}", line(text));
        } else {
            self.unsaid += 1;
            self.left_out_in_all += 1;
        }
        self.speak(now);
        fits
    }

    /// Says, once a minute at most, how many were left out.
    pub(crate) fn speak(&mut self, now: Instant) {
        let due = self
            .said
            .is_none_or(|said| now.duration_since(said) >= SAY_AGAIN);
        if self.unsaid > 0 && due {
            self.said = Some(now);
            self.confess();
        }
    }

    /// Says at once how many were left out, if any were.
    pub(crate) fn confess(&mut self) {
        let left_out = std::mem::take(&mut self.unsaid);
        if left_out > 0 {
            tracing::warn!(
                "{left_out} alerts are not in this log: at most {A_SECOND} a second are; the module dispatch would keep them all"
            );
        }
    }
}

/// One line of a text from a module: nothing in it may look like the end of the
/// line or speak to a terminal.
fn line(text: &str) -> String {
    let end = (0..=LONGEST.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    let mut line: String = text[..end]
        .chars()
        .map(|letter| match letter {
            '\t' => ' ',
            letter if letter.is_control() => '\u{fffd}',
            letter => letter,
        })
        .collect();
    if end < text.len() {
        line.push_str(&format!(" (and {} bytes more)", text.len() - end));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_one_line_that_controls_nothing() {
        assert_eq!(line("{\"a\":\"b\"}"), "{\"a\":\"b\"}");
        assert_eq!(line("a\nb\u{1b}[2Jc\td"), "a\u{fffd}b\u{fffd}[2Jc d");
        let long = line(&"ä".repeat(LONGEST));
        assert!(long.ends_with("(and 8192 bytes more)"), "{}", &long[8000..]);
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let start = Instant::now();
        let mut log = AlertLog::new(start);
        for _ in 0..1500 {
            log.write("x", start);
        }
        assert_eq!(log.left_out_in_all(), 500);
        // The first was said at once, the others wait for their minute.
        assert_eq!(log.unsaid, 499);
        log.write("y", start + Duration::from_secs(2));
        assert_eq!((log.left_out_in_all(), log.unsaid), (500, 499));
        log.speak(start + Duration::from_secs(61));
        assert_eq!((log.left_out_in_all(), log.unsaid), (500, 0));
    }
}
