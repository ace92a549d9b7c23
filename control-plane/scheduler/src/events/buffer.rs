//! Events that wait for the relay, bounded in number and bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Kind;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Counted from 1, since the scheduler started.
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) body: Vec<u8>,
}

/// First in, first out; what does not fit stays out.
pub(crate) struct Buffer {
    most: usize,
    most_bytes: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    bytes: usize,
    taken: u64,
}

impl Buffer {
    pub(crate) fn new(most: usize, most_bytes: usize) -> Buffer {
        Buffer {
            most,
            most_bytes,
            waiting: Mutex::default(),
        }
    }

    /// False when there is no room. The body is copied only if there is.
    pub(crate) fn push(&self, kind: Kind, body: &[u8]) -> bool {
        let mut waiting = self.lock();
        let bytes = waiting.bytes.saturating_add(body.len());
        if waiting.events.len() >= self.most || bytes > self.most_bytes {
            return false;
        }
        waiting.bytes = bytes;
        waiting.taken += 1;
        let number = waiting.taken;
        let body = body.to_vec();
        waiting.events.push_back(Event { number, kind, body });
        true
    }

    /// The oldest event.
    pub(crate) fn pop(&self) -> Option<Event> {
        let mut waiting = self.lock();
        let event = waiting.events.pop_front()?;
        waiting.bytes -= event.body.len();
        Some(event)
    }

    /// Forgets everything; answers how many events that were.
    pub(crate) fn clear(&self) -> u64 {
        let mut waiting = self.lock();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.events).len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_keep_their_order_and_what_does_not_fit_stays_out() {
        let buffer = Buffer::new(3, 10);
        assert!(buffer.push(Kind::AgentNew, b"1234"));
        assert!(!buffer.push(Kind::AgentNew, b"1234567"), "too many bytes");
        assert!(buffer.push(Kind::CommandResults, b"567890"));
        assert!(!buffer.push(Kind::AgentNew, b"x"), "full to the byte");
        assert!(buffer.push(Kind::AgentNew, b""));
        assert!(!buffer.push(Kind::AgentNew, b""), "too many events");
        let event = buffer.pop().expect("an event");
        assert_eq!(
            (event.kind, event.body.as_slice()),
            (Kind::AgentNew, &b"1234"[..])
        );
        assert!(buffer.push(Kind::AgentNew, b"abcd"), "room again");
        assert_eq!(
            buffer.pop().map(|event| event.kind),
            Some(Kind::CommandResults)
        );
        assert_eq!(buffer.clear(), 2);
        assert_eq!(buffer.pop(), None);
        assert!(buffer.push(Kind::AgentNew, b"1234567890"));
    }
}
