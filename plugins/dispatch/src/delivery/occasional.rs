//! Lines that would repeat are said at most once a minute, with how often.

use std::time::{Duration, Instant};

/// Between two lines of one kind.
const PAUSE: Duration = Duration::from_secs(60);

/// One kind of line.
#[derive(Debug, Default)]
pub(crate) struct Occasional {
    last: Option<Instant>,
    count: u64,
}

impl Occasional {
    /// Counts, and when it is time again gives how many there were since the
    /// last line, this one included.
    pub fn say(&mut self, count: u64) -> Option<u64> {
        self.say_at(Instant::now(), count)
    }

    fn say_at(&mut self, now: Instant, count: u64) -> Option<u64> {
        self.count += count;
        if self.count == 0
            || self
                .last
                .is_some_and(|last| now.duration_since(last) < PAUSE)
        {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_minute_tells_of_all() {
        let start = Instant::now();
        let mut line = Occasional::default();
        assert_eq!(line.say_at(start, 0), None);
        assert_eq!(line.say_at(start, 1), Some(1));
        assert_eq!(line.say_at(start + PAUSE / 2, 2), None);
        assert_eq!(line.say_at(start + PAUSE, 1), Some(3));
        assert_eq!(line.say_at(start + PAUSE, 4), None);
        assert_eq!(line.say_at(start + PAUSE * 2, 0), Some(4));
    }
}
