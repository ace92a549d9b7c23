//! What goes to a worker: the request, and then messages.

use std::os::fd::BorrowedFd;

use mig_plugin_payload::encode_serialize;
use serde::Serialize;

use super::Attendant;
use super::mailbox::Mailbox;
use crate::message::{self, Kind};
use crate::sys::descriptors::send_some;

/// No further alert is fetched while so much waits to be sent, in bytes.
const ENOUGH: usize = 64 << 10;

/// Bytes for a worker.
pub(super) struct Outgoing<'a> {
    unsent: Vec<u8>,
    /// How much of that is gone already.
    sent: usize,
    /// The module's file; it travels with the first byte.
    module: Option<BorrowedFd<'a>>,
    last_alert: Option<u64>,
    /// The attendant has no further alert until it says so.
    no_alert: bool,
}

/// An alert as modules get it.
#[derive(Serialize)]
struct Alert<'a> {
    source: &'a str,
    message: &'a str,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(request: Vec<u8>, module: Option<BorrowedFd<'a>>) -> Self {
        Self {
            unsent: request,
            sent: 0,
            module,
            last_alert: None,
            no_alert: false,
        }
    }

    /// Whether there is something to send.
    pub(super) fn waits(&self) -> bool {
        self.sent < self.unsent.len()
    }

    pub(super) fn push(&mut self, kind: Kind, number: u64) {
        message::append(&mut self.unsent, kind, number, b"");
    }

    /// Takes what has come into the mailbox; true when somebody woke it.
    pub(super) fn fetch(&mut self, mailbox: &Mailbox) -> bool {
        let woken = mailbox.fetch(&mut self.unsent);
        self.no_alert &= !woken;
        woken
    }

    /// Number of the last alert that was handed over.
    pub(super) fn last_alert(&self) -> Option<u64> {
        self.last_alert
    }

    /// Fetches alerts of other modules while there is room.
    pub(super) fn feed(&mut self, attendant: &mut dyn Attendant) {
        while !self.no_alert && self.unsent.len() - self.sent < ENOUGH {
            let alert = attendant
                .alert_after(self.last_alert)
                .filter(|alert| self.last_alert.is_none_or(|last| alert.number > last));
            let Some(alert) = alert else {
                self.no_alert = true;
                return;
            };
            self.last_alert = Some(alert.number);
            let content = Alert {
                source: &alert.source,
                message: &alert.text,
            };
            // Two texts: this cannot fail.
            let payload = encode_serialize(&content).unwrap_or_default();
            message::append(&mut self.unsent, Kind::Alert, alert.number, &payload);
        }
    }

    /// Sends what the socket takes. An error means that nobody reads it.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>) -> std::io::Result<()> {
        while self.waits() {
            let Some(sent) = send_some(socket, &self.unsent[self.sent..], self.module)? else {
                break;
            };
            self.sent += sent;
            self.module = None;
        }
        if self.waits() {
            self.unsent.drain(..self.sent);
        } else {
            self.unsent = Vec::new();
        }
        self.sent = 0;
        Ok(())
    }
}
