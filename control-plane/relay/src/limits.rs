//! What a client may cost the relay, before and after it has logged in.

use crate::error::RelayError;
use crate::frame_guard::MINIMUM_FRAME_MAX;
use std::time::Duration;

/// Bounds of the relay. The defaults suit one machine with some thousand agents.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at the same time.
    pub max_connections: usize,
    /// Connections at the same time from one IP address.
    pub max_connections_per_address: usize,
    /// Connections that have not logged in yet.
    pub max_pending_logins: usize,
    /// Connections that have not logged in yet, from one IP address.
    pub max_pending_logins_per_address: usize,
    /// From accepting a connection until `connection.open` is answered, the TLS
    /// handshake included.
    pub login_timeout: Duration,
    /// Bytes a client may send until `connection.open`.
    pub max_login_bytes: usize,
    /// Wait before a refused login is answered.
    pub refused_login_delay: Duration,
    /// Channels of one connection.
    pub max_channels: u16,
    /// Largest frame in bytes, header and end included; at least 4096.
    pub max_frame_bytes: u32,
    /// Largest message body in bytes.
    pub max_message_bytes: u64,
    /// Proposed heartbeat interval; zero proposes none. A client may choose
    /// another.
    pub heartbeat: Duration,
    /// Exchanges in all.
    pub max_exchanges: usize,
    /// Queues in all.
    pub max_queues: usize,
    /// Queues one user may have declared.
    pub max_queues_per_user: Option<usize>,
    /// Bindings of one queue.
    pub max_bindings_per_queue: usize,
    /// Messages in all queues; further publications are refused.
    pub max_messages: u64,
    /// Messages waiting in one queue; further publications are refused.
    pub max_queue_messages: u64,
    /// Bytes of bodies waiting in one queue; further publications are refused.
    pub max_queue_bytes: u64,
    /// Consumers of one channel.
    pub max_consumers_per_channel: usize,
    /// Delivered and not yet acknowledged messages of one channel: no more are
    /// delivered then, whatever its prefetch.
    pub max_unacked_per_channel: usize,
    /// Bytes of accepted bodies kept in memory until they are delivered and
    /// written; bodies beyond are on disk only.
    pub body_memory_bytes: usize,
    /// Bytes that queued messages may take in memory in all, with their
    /// properties and what keeps them in order; publishers wait beyond, until
    /// consumers have made room.
    pub memory_high_bytes: u64,
    /// Bytes that must be free on the disk of the store; publishers wait while
    /// there are fewer. Four MiB must be free whatever this says, beside eight
    /// that the relay sets aside for deletions.
    pub disk_free_bytes: u64,
    /// Bytes of bodies on disk; further publications that need it are refused.
    pub max_stored_bytes: u64,
    /// Bytes of bodies being received or not yet committed, over all
    /// connections; publishers wait beyond.
    pub max_inflight_bytes: usize,
    /// Of those, how many may come from one connection, or one message: others
    /// do not wait behind a flood.
    pub max_inflight_bytes_per_connection: usize,
    /// Time a client may take to send one frame, and one message's body.
    pub content_timeout: Duration,
    /// Bytes of deliveries buffered for one connection whose socket is not
    /// writable; no more are delivered to it then.
    pub delivery_buffer_bytes: usize,
    /// Bytes of answers buffered for one connection whose socket is not
    /// writable; nothing more is read from it then.
    pub reply_buffer_bytes: usize,
    /// A connection on which nothing could be written for so long is dropped.
    pub write_timeout: Duration,
    /// Wait for the client's `close-ok`.
    pub close_timeout: Duration,
}

/// Of the connections, one in so many may be logging in at the same time.
const LOGGING_IN: usize = 16;

impl Limits {
    /// Whether a relay can work with them.
    ///
    /// # Errors
    /// Names a limit that leaves nothing to do.
    pub(crate) fn check(&self) -> Result<(), RelayError> {
        let wrong = |name, problem: &str| {
            Err(RelayError::Limit {
                name,
                problem: problem.into(),
            })
        };
        if (self.max_frame_bytes as usize) < MINIMUM_FRAME_MAX {
            return wrong("max_frame_bytes", "must be at least 4096");
        }
        if self.max_channels == 0 {
            return wrong("max_channels", "must be at least 1");
        }
        if self.max_message_bytes > self.max_inflight_bytes as u64 {
            return wrong(
                "max_message_bytes",
                "must not exceed max_inflight_bytes, or the largest message never gets through",
            );
        }
        if self.max_inflight_bytes_per_connection == 0 {
            return wrong("max_inflight_bytes_per_connection", "must be at least 1");
        }
        Ok(())
    }

    /// As many connections, and what goes with them: logins at the same time, and
    /// queues, of which agents that are away have one as well.
    pub fn allow_connections(&mut self, all: usize) {
        self.max_connections = all;
        self.max_pending_logins = all.div_ceil(LOGGING_IN).max(self.max_pending_logins);
        self.max_queues = all.saturating_mul(2).max(self.max_queues);
    }

    /// As many connections from one address, which may be a proxy or a firewall with
    /// many agents behind it, and logins at the same time with them.
    pub fn allow_connections_per_address(&mut self, one: usize) {
        self.max_connections_per_address = one;
        self.max_pending_logins_per_address = one
            .div_ceil(LOGGING_IN)
            .max(self.max_pending_logins_per_address);
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 8192,
            max_connections_per_address: 2048,
            max_pending_logins: 512,
            max_pending_logins_per_address: 128,
            login_timeout: Duration::from_secs(10),
            max_login_bytes: 16 * 1024,
            refused_login_delay: Duration::from_millis(500),
            max_channels: 128,
            max_frame_bytes: 128 * 1024,
            max_message_bytes: 20 * 1024 * 1024,
            heartbeat: Duration::from_secs(60),
            max_exchanges: 1024,
            max_queues: 20_000,
            max_queues_per_user: None,
            max_bindings_per_queue: 32,
            max_messages: 1_000_000,
            max_queue_messages: 100_000,
            max_queue_bytes: 1024 * 1024 * 1024,
            max_consumers_per_channel: 1024,
            max_unacked_per_channel: 10_000,
            body_memory_bytes: 8 * 1024 * 1024,
            memory_high_bytes: 512 * 1024 * 1024,
            disk_free_bytes: 50_000_000,
            max_stored_bytes: 8 * 1024 * 1024 * 1024,
            max_inflight_bytes: 64 * 1024 * 1024,
            max_inflight_bytes_per_connection: 4 * 1024 * 1024,
            content_timeout: Duration::from_secs(120),
            delivery_buffer_bytes: 64 * 1024,
            reply_buffer_bytes: 64 * 1024,
            write_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_connections_grows_with_them_and_does_not_shrink() {
        let usual = Limits::default();
        let mut limits = usual.clone();
        limits.allow_connections(usual.max_connections);
        limits.allow_connections_per_address(usual.max_connections_per_address);
        assert_eq!(limits.max_pending_logins, usual.max_pending_logins);
        assert_eq!(
            limits.max_pending_logins_per_address,
            usual.max_pending_logins_per_address
        );
        assert_eq!(limits.max_queues, usual.max_queues);
        limits.allow_connections(50_000);
        limits.allow_connections_per_address(32_000);
        assert_eq!(limits.max_pending_logins, 3125);
        assert_eq!(limits.max_pending_logins_per_address, 2000);
        assert_eq!(limits.max_queues, 100_000);
        limits.allow_connections(10);
        assert_eq!(
            (limits.max_connections, limits.max_pending_logins),
            (10, 3125)
        );
    }
}
