//! When the broker has to act without being asked: messages and queues whose
//! time ends. Nothing polls; a timer waits for the earliest.

use super::Broker;
use crate::queue::QueueId;
use std::collections::BTreeSet;

/// The next deadline of each queue that has one.
#[derive(Default)]
pub(super) struct Deadlines(BTreeSet<(u64, QueueId)>);

impl Broker {
    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.0.first().map(|(at, _)| *at)
    }

    /// Files a queue under its current deadline.
    pub(super) fn schedule(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        let next = queue.next_deadline();
        if queue.deadline == next {
            return;
        }
        if let Some(old) = queue.deadline {
            self.deadlines.0.remove(&(old, id));
        }
        if let Some(new) = next {
            self.deadlines.0.insert((new, id));
        }
        queue.deadline = next;
    }

    pub(super) fn unschedule(&mut self, id: QueueId, deadline: Option<u64>) {
        if let Some(at) = deadline {
            self.deadlines.0.remove(&(at, id));
        }
    }

    /// Does everything that was due at `now`.
    pub fn tick(&mut self, now: u64) {
        while let Some((at, id)) = self.deadlines.0.first().copied() {
            if at > now {
                break;
            }
            let unused = self
                .queues
                .get(&id)
                .and_then(|queue| queue.expires_at())
                .is_some_and(|at| at <= now);
            if unused {
                tracing::debug!(queue = id, "An unused queue of the relay expired.");
                self.remove_queue(id);
            } else {
                self.expire(id, now, true);
                self.schedule(id);
            }
        }
    }

    pub(super) fn expire(&mut self, id: QueueId, now: u64, inclusive: bool) {
        if let Some(queue) = self.queues.get_mut(&id) {
            let gone = queue.backlog.expire(now, inclusive);
            self.discard_all(gone, |counters| &counters.expired);
        }
    }
}
