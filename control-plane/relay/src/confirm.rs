//! A publisher's confirm that waits for everything it depends on.

use crate::connection::outbox::Outbox;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// Sends `basic.ack` or `basic.nack` when the last holder lets go of it: each
/// message on its way to the disk holds it once. Whatever was not committed by
/// then, for whatever reason, makes it a refusal.
pub(crate) struct Confirm {
    outbox: Arc<Outbox>,
    channel: u16,
    tag: u64,
    /// Set when the channel is closed; a new one may use its number.
    closed: Arc<AtomicBool>,
    refused: AtomicBool,
    uncommitted: AtomicUsize,
}

impl Confirm {
    pub fn new(outbox: Arc<Outbox>, channel: u16, tag: u64, closed: Arc<AtomicBool>) -> Self {
        Self {
            outbox,
            channel,
            tag,
            closed,
            refused: AtomicBool::new(false),
            uncommitted: AtomicUsize::new(0),
        }
    }

    /// The publication does not fit somewhere.
    pub fn refuse(&self) {
        self.refused.store(true, SeqCst);
    }

    /// One more commit to wait for.
    pub fn expect_commit(&self) {
        self.uncommitted.fetch_add(1, SeqCst);
    }

    /// One of the commits has happened.
    pub fn committed(&self) {
        self.uncommitted.fetch_sub(1, SeqCst);
    }
}

impl Drop for Confirm {
    fn drop(&mut self) {
        if !self.closed.load(SeqCst) {
            let accepted = !self.refused.load(SeqCst) && self.uncommitted.load(SeqCst) == 0;
            self.outbox.confirm(self.channel, self.tag, accepted);
        }
    }
}
