//! What the relay counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters since the start.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub $name: AtomicU64,)* }

        /// A snapshot of what the relay holds and has done since its start.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// Connections that are logged in now.
            pub connections: u64,
            /// Exchanges now.
            pub exchanges: u64,
            /// Queues now.
            pub queues: u64,
            /// Consumers now.
            pub consumers: u64,
            /// Messages waiting now.
            pub ready: u64,
            /// Messages delivered and not acknowledged now.
            pub unacked: u64,
            /// Bytes of bodies in memory now.
            pub body_memory_bytes: u64,
            /// Bytes of bodies on disk now.
            pub stored_bytes: u64,
            /// Bytes that queued messages take in memory now, roughly.
            pub queued_memory_bytes: u64,
            /// What runs short now: memory, disk, both, or nothing.
            pub alarms: u64,
        }

        impl Counters {
            pub fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.load(Relaxed),)* ..Stats::default() }
            }
        }
    };
}

counters! {
    /// Connections taken from the listeners.
    accepted,
    /// Connections closed at once because a connection limit was reached.
    turned_away,
    /// Logins with a wrong name or password.
    logins_refused,
    /// Connections ended by the relay for an error.
    connections_failed,
    /// Channels ended by the relay for an error.
    channels_failed,
    /// Messages accepted into at least one queue.
    published,
    /// Messages that no queue was bound for.
    unroutable,
    /// Messages returned to their publisher.
    returned,
    /// Messages refused by a full queue or store.
    refused,
    /// Deliveries, repeated ones included.
    delivered,
    /// Messages acknowledged.
    acknowledged,
    /// Messages rejected without requeue.
    rejected,
    /// Messages put back into their queue.
    requeued,
    /// Messages whose time to live ended.
    expired,
    /// Messages dropped from the head of a queue with `x-overflow: drop-head`.
    dropped,
    /// Messages deleted by a purge or with their queue.
    deleted,
    /// Commits of the store that failed.
    store_failures,
    /// Publications that had to wait because memory or disk ran short.
    blocked,
    /// Connections whose client hung up while it had to wait for that.
    hung_up_blocked,
    /// Times that messages took all the memory they may.
    memory_alarms,
    /// Times that the store's disk had too little room.
    disk_alarms,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
