//! What comes from a serving worker, each frame checked as it comes. All of it
//! may be foreign.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mig_plugin_payload::{Capability, Manifest, decode};
use serde_json::{Map, Value};

use super::alerts::Alerts;
use super::mailbox::{Mailbox, Ready};
use super::query::Reply;
use super::{Attendant, ServiceEvent};
use crate::frame::{Frame, Kind, Reader};
use crate::job::Limits;
use crate::rate::Rate;
use crate::sandbox::SandboxReport;
use crate::supervise::answer::{ErrorRecord, Fault, code_of, error_record, log_line};
use crate::text::one_line;

/// Log lines passed on each second, and at once.
const LOGS: (u32, u32) = (10, 100);
/// Frames each second, and at once, that nobody asked for.
const NOTICES: (u32, u32) = (2000, 20_000);
/// How often a status, and the number of what was left out, is passed on.
const REPORT: Duration = Duration::from_secs(1);
/// Members of a status, characters of a key, and of a text.
const STATUS: (usize, usize, usize) = (64, 64, 200);

/// Everything that one worker has said.
pub(super) struct Incoming<'a> {
    pub(super) manifest: Arc<Manifest>,
    pub(super) limits: Limits,
    pub(super) privacy: bool,
    mailbox: &'a Mailbox,
    pub(super) attendant: &'a mut dyn Attendant,
    reader: Reader,
    pub(super) alerts: Alerts,
    sandbox: Option<SandboxReport>,
    /// It says that it is at work.
    pub(super) attending: bool,
    /// Number of the last ping that was echoed.
    pub(super) echoed: u64,
    /// Number of the last alert that was handed to it.
    pub(super) last_alert: Option<u64>,
    stored: u64,
    pub(super) record: Option<ErrorRecord>,
    pub(super) refused: Option<String>,
    pub(super) code: Option<i32>,
    logs: Rate,
    logs_left_out: u64,
    notices: Rate,
    status: Option<Vec<u8>>,
    /// When the next report may go out.
    report_at: Instant,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(
        manifest: Arc<Manifest>,
        limits: Limits,
        privacy: bool,
        mailbox: &'a Mailbox,
        attendant: &'a mut dyn Attendant,
    ) -> Self {
        let now = Instant::now();
        Self {
            alerts: Alerts::new(&manifest, privacy, now),
            manifest,
            limits,
            privacy,
            mailbox,
            attendant,
            reader: Reader::new(limits.output),
            sandbox: None,
            attending: false,
            echoed: 0,
            last_alert: None,
            stored: 0,
            record: None,
            refused: None,
            code: None,
            logs: Rate::new(LOGS.0, LOGS.1, now),
            logs_left_out: 0,
            notices: Rate::new(NOTICES.0, NOTICES.1, now),
            status: None,
            report_at: now,
        }
    }

    /// Takes what was read.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut reader = std::mem::replace(&mut self.reader, Reader::new(0));
        reader.push(bytes);
        let taken = self.take_frames(&mut reader);
        self.reader = reader;
        taken
    }

    fn take_frames(&mut self, reader: &mut Reader) -> Result<(), Fault> {
        let now = Instant::now();
        loop {
            match reader.next() {
                Ok(Some(frame)) => self.accept(&frame, now)?,
                Ok(None) => return Ok(()),
                Err(error) if self.sandbox.is_some() => return Err(error.to_string()),
                Err(_) => return Err(crate::supervise::watch::NO_WORKER.to_owned()),
            }
        }
    }

    /// Says whether the stream may end here.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        self.reader.finish().map_err(|error| error.to_string())
    }

    /// Whether the guards around it stood.
    pub(super) fn started(&self) -> bool {
        self.sandbox.is_some()
    }

    /// Whether it is ready for the alerts of other modules.
    pub(super) fn takes_alerts(&self) -> bool {
        self.attending && self.manifest.needs(&Capability::Alerts)
    }

    /// Nothing has come for a while: gives memory back.
    pub(super) fn rest(&mut self) {
        self.reader.shrink();
    }

    fn accept(&mut self, frame: &Frame<'_>, now: Instant) -> Result<(), Fault> {
        if self.sandbox.is_some() == (frame.kind == Kind::Ready) {
            return Err("sent its notices out of order".to_owned());
        }
        match frame.kind {
            // By far the most frequent, and limited by their credit.
            Kind::Alert => return self.alerts.accept(frame.payload),
            Kind::Pong => {
                self.echoed = number_of(frame)?;
            }
            Kind::Stored => {
                if self.store(number_of(frame)?) {
                    return Ok(());
                }
            }
            Kind::Answer => {
                if self.reply(frame, Reply::Answer)? {
                    return Ok(());
                }
            }
            Kind::Failure => {
                if self.reply(frame, Reply::Failure)? {
                    return Ok(());
                }
            }
            Kind::Attending => self.attend(),
            Kind::Ready => self.guards(frame.payload)?,
            Kind::Status => self.status = Some(frame.payload.to_vec()),
            Kind::Log => self.log(frame.payload, now)?,
            Kind::LogsLeftOut => self.leave_out(number_of(frame)?),
            Kind::Error => {
                let record = error_record(frame.payload)?;
                self.record.get_or_insert(record);
            }
            Kind::Refused => {
                let why = one_line(&String::from_utf8_lossy(frame.payload), 1000);
                self.refused.get_or_insert(why);
            }
            Kind::End => self.code = Some(code_of(frame)?),
            Kind::Element
            | Kind::Result
            | Kind::Progress
            | Kind::Full
            | Kind::Next
            | Kind::Diagnosis => {
                return Err("sent what persistent modules do not send".to_owned());
            }
        }
        self.notice(now)
    }

    /// Counts what nobody asked for.
    fn notice(&mut self, now: Instant) -> Result<(), Fault> {
        if self.notices.take(1.0, now) {
            return Ok(());
        }
        Err(format!("sends more than {} notices each second", NOTICES.0))
    }

    fn guards(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let report: SandboxReport = serde_json::from_slice(payload)
            .map_err(|_| "has a worker of another version; restart the program")?;
        self.attendant.event(ServiceEvent::Sandbox(report.clone()));
        self.sandbox = Some(report);
        Ok(())
    }

    fn attend(&mut self) {
        if self.attending {
            return;
        }
        self.attending = true;
        self.mailbox.open_for(Ready {
            manifest: Arc::clone(&self.manifest),
            limits: self.limits,
            privacy: self.privacy,
            sandbox: self.sandbox.clone().unwrap_or_default(),
        });
        self.attendant.event(ServiceEvent::Ready);
    }

    /// True when it is news.
    fn store(&mut self, number: u64) -> bool {
        // It cannot store what it did not get.
        let number = number.min(self.last_alert.unwrap_or(0));
        let news = number > self.stored;
        if news {
            self.stored = number;
            self.attendant.event(ServiceEvent::Stored(number));
        }
        news
    }

    /// True when somebody waits for it. Who has given up waiting is not the
    /// module's fault.
    fn reply(
        &mut self,
        frame: &Frame<'_>,
        reply: impl FnOnce(Vec<u8>) -> Reply,
    ) -> Result<bool, Fault> {
        let number = number_of(frame)?;
        Ok(self.mailbox.reply(number, || reply(frame.payload.to_vec())))
    }

    fn log(&mut self, payload: &[u8], now: Instant) -> Result<(), Fault> {
        if payload.is_empty() || self.logs.take(1.0, now) {
            let (level, message) = log_line(payload)?;
            self.attendant.event(ServiceEvent::Log { level, message });
        } else {
            self.leave_out(1);
        }
        Ok(())
    }

    fn leave_out(&mut self, lines: u64) {
        self.logs_left_out = self.logs_left_out.saturating_add(lines);
    }

    /// When the next report is due, if there is something to report.
    pub(super) fn next_report(&self) -> Option<Instant> {
        (self.status.is_some() || self.logs_left_out > 0).then_some(self.report_at)
    }

    /// Passes on what is passed on from time to time, and at the end.
    pub(super) fn report(&mut self, now: Instant, at_the_end: bool) {
        for (why, count) in self.alerts.take_dropped() {
            self.attendant.event(ServiceEvent::AlertsDropped {
                count,
                reason: why.to_owned(),
            });
        }
        if self.next_report().is_none() || (now < self.report_at && !at_the_end) {
            return;
        }
        self.report_at = now + REPORT;
        if let Some(payload) = self.status.take() {
            self.attendant.event(match flat(&payload) {
                Some(status) => ServiceEvent::Status(Value::Object(status)),
                None => ServiceEvent::Log {
                    level: mig_plugin_abi::level::WARNING,
                    message: "its status is no flat object of numbers, booleans and short texts"
                        .to_owned(),
                },
            });
        }
        if self.logs_left_out > 0 {
            let count = std::mem::take(&mut self.logs_left_out);
            self.attendant.event(ServiceEvent::LogsLeftOut(count));
        }
    }
}

/// The number that stands at a frame's place.
fn number_of(frame: &Frame<'_>) -> Result<u64, Fault> {
    let number = frame.place.try_into().map(u64::from_le_bytes);
    number.map_err(|_| "sent a notice without its number".to_owned())
}

/// A status, when it is one.
fn flat(payload: &[u8]) -> Option<Map<String, Value>> {
    let Ok(Value::Object(members)) = decode(payload, payload.len()) else {
        return None;
    };
    let (most, key, text) = STATUS;
    if members.len() > most {
        return None;
    }
    members
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Array(_) | Value::Object(_) => return None,
                Value::String(long) => Value::String(one_line(&long, text)),
                short => short,
            };
            Some((one_line(&name, key), value))
        })
        .collect()
}
