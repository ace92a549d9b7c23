//! What the scheduler did and what it had to drop: nothing is lost silently.

use std::sync::atomic::{AtomicU64, Ordering};

/// Declares the counters once, as atomics and as the snapshot others read.
macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counters since the start.
        #[derive(Debug, Default)]
        pub(crate) struct Counts { $(pub(crate) $name: Count,)+ }

        /// The scheduler's counters since its start, at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct CountsSnapshot { $($(#[$doc])* pub $name: u64,)+ }

        impl Counts {
            /// The counters as they are now.
            pub(crate) fn snapshot(&self) -> CountsSnapshot {
                CountsSnapshot { $($name: self.$name.0.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counts! {
    /// Connections to the relay that were established.
    connections,
    /// Times the relay took no more commands for want of memory or disk.
    relay_blocked,
    /// Actions set in flight.
    actions_started,
    /// Actions that became invalid.
    actions_invalid,
    /// Commands the relay accepted.
    commands_published,
    /// Publications that came back because the agent has no queue yet.
    commands_unroutable,
    /// Publications the relay refused because a queue is full.
    commands_refused,
    /// Commands that got no answer in time.
    commands_expired,
    /// Answers stored.
    answers_stored,
    /// Those among them that came after the command was given up.
    answers_late,
    /// Answers dropped because one is stored already.
    answers_repeated,
    /// Answers dropped because they cannot be understood.
    answers_malformed,
    /// Answers dropped because there is no such command.
    answers_unknown,
    /// Answers dropped because another agent was asked.
    answers_foreign,
    /// Answers that the database refuses for good; their commands failed instead.
    answers_unstorable,
    /// Heartbeats stored.
    heartbeats_stored,
    /// Heartbeats dropped because they cannot be understood.
    heartbeats_malformed,
    /// Heartbeats dropped because the database refuses them for good.
    heartbeats_unstorable,
    /// Heartbeats dropped because they are old or the agent is not on the whitelist.
    heartbeats_refused,
    /// Lines of the log about answers and heartbeats that were left out because
    /// there were too many of them.
    complaints_left_out,
    /// Times several agents were found on one queue.
    duplicates_found,
    /// Orders to end one of them.
    agents_destroyed,
    /// Queues of lost agents that are gone.
    queues_deleted,
    /// Events the relay accepted, whether a worker wants them or not.
    events_published,
    /// Times the relay did not let this account publish events.
    events_refused,
    /// Events dropped because the relay was gone, too slow, or refuses them.
    events_dropped,
}

impl CountsSnapshot {
    /// Everything dropped so far.
    pub fn dropped(&self) -> u64 {
        self.answers_repeated
            + self.answers_malformed
            + self.answers_unknown
            + self.answers_foreign
            + self.answers_unstorable
            + self.heartbeats_malformed
            + self.heartbeats_unstorable
            + self.heartbeats_refused
    }
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }
}
