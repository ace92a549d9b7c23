//! The thread of the host's messages: alerts go to the disk in groups, and only
//! then does the host hear that they are safe.

use crate::configuration::Plan;
use crate::delivery::Occasional;
use crate::record::Records;
use crate::shared::Shared;
use crate::spool::Pending;
use mig_plugin_sdk::abi::level;
use mig_plugin_sdk::{Alert, Failure, Message, Query, ResultDocument, Service};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Bytes that are taken in before they have to be on the disk.
const GROUP: usize = 1 << 20;
/// Between two attempts when the buffer takes nothing.
const AGAIN: Duration = Duration::from_secs(1);

/// What has come in and is not on the disk yet.
pub(crate) struct Intake<'a> {
    plan: &'a Plan,
    shared: &'a Shared,
    service: &'a Service<'a>,
    records: Records,
    pending: Vec<Pending>,
    bytes: usize,
    /// Number of the last alert that came.
    last: u64,
    /// Alerts whose number has not been reported as stored.
    unreported: bool,
    received: u64,
    duplicates: u64,
    dropped: u64,
    refused: Option<Instant>,
    full: Occasional,
    disk: Occasional,
    lost: Occasional,
}

impl<'a> Intake<'a> {
    pub fn new(
        plan: &'a Plan,
        shared: &'a Shared,
        service: &'a Service<'a>,
        records: Records,
    ) -> Self {
        Self {
            plan,
            shared,
            service,
            records,
            pending: Vec::new(),
            bytes: 0,
            last: 0,
            unreported: false,
            received: 0,
            duplicates: 0,
            dropped: shared.spool().progress().dropped,
            refused: None,
            full: Occasional::default(),
            disk: Occasional::default(),
            lost: Occasional::default(),
        }
    }

    /// Takes messages until the host says that the end has come.
    ///
    /// # Errors
    /// That end, or a message that makes no sense.
    pub fn run(&mut self) -> Result<(), Failure> {
        loop {
            // Whoever has nothing to do is not woken up.
            let patience = (!self.pending.is_empty()).then_some(AGAIN);
            if let Some(message) = self.service.next(patience)? {
                self.take(message)?;
            }
            while self.pending.len() < self.plan.channel && self.bytes < GROUP {
                match self.service.next(Some(Duration::ZERO))? {
                    Some(message) => self.take(message)?,
                    None => break,
                }
            }
            self.commit()?;
        }
    }

    /// Whether the host has heard of everything that is on the disk.
    pub fn reported(&self) -> bool {
        !self.unreported
    }

    fn take(&mut self, message: Message) -> Result<(), Failure> {
        match message {
            Message::Alert(alert) => {
                self.alert(alert);
                Ok(())
            }
            Message::Surroundings(surroundings) => {
                self.records.describe(&surroundings);
                Ok(())
            }
            Message::Query(query) => answer(self.service, query),
        }
    }

    fn alert(&mut self, alert: Alert) {
        self.received += 1;
        self.last = alert.number;
        self.unreported = true;
        let record = self.records.record(&alert.message);
        let mut pending = Pending::new(alert.number, alert.source, &alert.message, record);
        let mut spool = self.shared.spool();
        if spool.knows(&pending) {
            self.duplicates += 1;
            return;
        }
        if !spool.takes(pending.record.len()) {
            let note = format!(
                "an alert of {} bytes is larger than the buffer takes; see `spoolsize`",
                alert.message.len()
            );
            pending.record = self.records.record(&note);
        }
        self.bytes += pending.record.len();
        self.pending.push(pending);
    }

    /// Puts on the disk what has come in.
    fn commit(&mut self) -> Result<(), Failure> {
        if self.received > 0 {
            self.shared.received(self.received, self.duplicates);
            (self.received, self.duplicates) = (0, 0);
        }
        let recently = |when: Instant| when.elapsed() < AGAIN;
        if !self.unreported || self.refused.is_some_and(recently) {
            return Ok(());
        }
        let stored = self.shared.spool().append(&self.pending);
        match stored {
            Ok(count) => {
                self.forget(count)?;
                self.refused = None;
                if !self.pending.is_empty() {
                    self.refused = Some(Instant::now());
                    self.shared.failed("the buffer is full".to_owned());
                    if self.full.say(1).is_some() {
                        self.say(
                            level::WARNING,
                            "the buffer is full: alerts wait in the modules that raise them (`whenfull`)",
                        );
                    }
                }
            }
            Err(error) => {
                self.refused = Some(Instant::now());
                self.shared.failed(format!("the buffer: {error}"));
                if self.disk.say(1).is_some() {
                    let line = format!(
                        "cannot store alerts: {error}; they wait in the modules that raise them"
                    );
                    self.say(level::ERROR, &line);
                }
            }
        }
        self.count_dropped();
        self.shared.report(self.service, false);
        Ok(())
    }

    /// So many alerts are safe.
    fn forget(&mut self, count: usize) -> Result<(), Failure> {
        let whole = count == self.pending.len();
        let number = match whole {
            true => Some(self.last),
            false => count.checked_sub(1).map(|last| self.pending[last].number),
        };
        self.pending.drain(..count);
        self.bytes = self.pending.iter().map(|alert| alert.record.len()).sum();
        if let Some(number) = number {
            self.service.stored(number)?;
        }
        if whole {
            self.unreported = false;
            // A flood is over: its memory goes as well.
            self.pending.shrink_to(64);
        }
        if count > 0 {
            self.shared.wake();
        }
        Ok(())
    }

    /// Says how many alerts had to go to make room.
    fn count_dropped(&mut self) {
        let dropped = self.shared.spool().progress().dropped;
        let more = dropped.saturating_sub(self.dropped);
        self.dropped = dropped;
        if let Some(count) = self.lost.say(more) {
            let line = format!(
                "the buffer is full: the {count} oldest alerts were dropped (`spoolsize`, `whenfull`)"
            );
            self.say(level::WARNING, &line);
        }
    }

    fn say(&self, level: u32, line: &str) {
        self.service.session().log(level, line);
    }
}

/// The one answer to the one question: it is here.
fn answer(service: &Service<'_>, query: Query) -> Result<(), Failure> {
    let answer = query
        .parameters::<crate::Parameters>()
        .map(|_| ResultDocument {
            foundanything: true,
            success: true,
            elements: json!({"ok": true}),
            statistics: Value::Null,
            errors: None,
        });
    service.answer(query, answer)
}
