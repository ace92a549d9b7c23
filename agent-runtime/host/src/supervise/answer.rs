//! What has arrived from a worker so far, each frame checked as it comes.

use mig_plugin_payload::assemble::{Assembler, PlaceError};
use mig_plugin_payload::{Document, Manifest, ResultSchema, decode};
use serde_json::Value;

use super::place;
use crate::charge;
use crate::frame::{Frame, Kind};
use crate::job::{Diagnosis, Job, Operation, Progress};
use crate::sandbox::SandboxReport;
use crate::text::one_line;

/// Log lines of one job that are passed on, in bytes.
const MOST_LOG: usize = 1 << 20;
/// Longest message of an error record, in characters.
const MAX_MESSAGE: usize = 1000;

/// An error record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ErrorRecord {
    pub(super) message: String,
    pub(super) field: Option<String>,
}

/// Why a worker is not listened to any longer; goes behind "module `x`".
pub(super) type Fault = String;

/// The state of an answer.
pub(super) struct Answer<'a> {
    operation: Operation,
    privacy: bool,
    schema: ResultSchema,
    progress: &'a mut dyn FnMut(Progress),
    assembler: Assembler,
    /// The last place that was found in the schema.
    known_place: Option<String>,
    output: u64,
    output_left: u64,
    log_left: usize,
    pub(super) result: Option<Value>,
    pub(super) record: Option<ErrorRecord>,
    /// The worker says that the module cannot be loaded or misbehaves.
    pub(super) refused: Option<String>,
    pub(super) code: Option<i32>,
    pub(super) sandbox: Option<SandboxReport>,
    /// Output was left out.
    pub(super) full: bool,
    /// What the worker said it was left with.
    pub(super) diagnosis: Option<Diagnosis>,
    /// Answers to earlier inputs of the same worker.
    pub(super) earlier: Vec<Finished>,
    /// How many of those may come.
    more: usize,
}

/// The answer to one of several inputs.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) code: i32,
    pub(super) result: Option<Value>,
    pub(super) record: Option<ErrorRecord>,
    pub(super) full: bool,
}

impl<'a> Answer<'a> {
    pub(super) fn new(
        job: &Job<'_>,
        manifest: &Manifest,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self {
            operation: job.operation,
            privacy: job.privacy,
            schema: manifest.result(),
            progress,
            assembler: Assembler::new(),
            known_place: None,
            output: job.limits.output,
            output_left: job.limits.output,
            log_left: MOST_LOG,
            result: None,
            record: None,
            refused: None,
            code: None,
            sandbox: None,
            full: false,
            diagnosis: None,
            earlier: Vec::new(),
            more: 0,
        }
    }

    /// Expects answers to so many inputs.
    pub(super) fn with_inputs(self, count: usize) -> Self {
        Self {
            more: count.saturating_sub(1),
            ..self
        }
    }

    /// Starts where a worker has said that these guards stand.
    pub(super) fn with_guards(self, report: SandboxReport) -> Self {
        Self {
            sandbox: Some(report),
            ..self
        }
    }

    /// True once the worker has said that its guards stand.
    pub(super) fn started(&self) -> bool {
        self.sandbox.is_some()
    }

    /// True when at least one finding was streamed.
    pub(super) fn has_elements(&self) -> bool {
        !self.assembler.is_empty()
    }

    /// The schema of the whole result.
    pub(super) fn schema(&self) -> &ResultSchema {
        &self.schema
    }

    /// The whole result as far as it arrived.
    pub(super) fn take_document(&mut self) -> Document {
        let assembler = std::mem::take(&mut self.assembler);
        assembler.finish(self.result.take().unwrap_or(Value::Null))
    }

    /// Takes one frame.
    pub(super) fn accept(&mut self, frame: &Frame<'_>) -> Result<(), Fault> {
        if self.started() == (frame.kind == Kind::Ready) {
            return Err("sent its answer out of order".to_owned());
        }
        match frame.kind {
            Kind::Ready => self.ready(frame.payload),
            Kind::Element => self.element(frame),
            Kind::Result => self.result(frame),
            Kind::Error => self.error(frame.payload),
            Kind::Log => self.log(frame.payload),
            Kind::Progress => self.progress(frame.payload),
            Kind::Full => {
                self.full = true;
                Ok(())
            }
            Kind::Refused => {
                let why = String::from_utf8_lossy(frame.payload);
                self.refused.get_or_insert(one_line(&why, MAX_MESSAGE));
                Ok(())
            }
            Kind::End => {
                self.code = Some(code_of(frame)?);
                Ok(())
            }
            Kind::Diagnosis => {
                let diagnosis = serde_json::from_slice(frame.payload);
                self.diagnosis = Some(diagnosis.map_err(|_| "sent a malformed diagnosis")?);
                Ok(())
            }
            Kind::Next => self.next(code_of(frame)?),
            _ => Err("sent what only persistent modules send".to_owned()),
        }
    }

    fn ready(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let report: SandboxReport = serde_json::from_slice(payload)
            .map_err(|_| "has a worker of another version; restart the program")?;
        (self.progress)(Progress::Sandbox(report.clone()));
        self.sandbox = Some(report);
        Ok(())
    }

    fn element(&mut self, frame: &Frame<'_>) -> Result<(), Fault> {
        if self.operation != Operation::Run {
            return Err(format!(
                "streams findings in the operation `{}`, which has none",
                self.operation.as_str()
            ));
        }
        let place = std::str::from_utf8(frame.place)
            .map_err(|_| "streams findings to a place that is not UTF-8")?;
        if self.known_place.as_deref() != Some(place) {
            place::check(&self.schema, place)?;
            self.known_place = Some(place.to_owned());
        }
        if !self.afford(charge::of(frame.payload)) {
            return Ok(());
        }
        let places = self.assembler.places();
        // Walked, and kept as it is: as values, findings would take ten times
        // the memory.
        let added = self.assembler.add_payload(place, frame.payload);
        added.map_err(|error| match error {
            PlaceError::Element(error) => {
                format!("sent a finding that is not acceptable: {error}")
            }
            error => error.to_string(),
        })?;
        if self.assembler.places() > places {
            self.afford(charge::of_place(frame.place));
        }
        Ok(())
    }

    fn result(&mut self, frame: &Frame<'_>) -> Result<(), Fault> {
        if self.result.is_some() {
            return Err("sent two results".to_owned());
        }
        if self.afford(charge::of(frame.payload)) {
            self.result = Some(payload_of(frame)?);
        }
        Ok(())
    }

    /// Charges something. False when it is beyond the limit and dropped; the
    /// worker was to see to that itself, but it need not be honest.
    fn afford(&mut self, cost: u64) -> bool {
        let left = self.output_left.checked_sub(cost);
        // Nothing that comes later may slip in behind what was left out.
        self.output_left = left.unwrap_or(0);
        self.full |= left.is_none();
        left.is_some()
    }

    /// Puts an answer aside and starts the next.
    fn next(&mut self, code: i32) -> Result<(), Fault> {
        self.more = self
            .more
            .checked_sub(1)
            .ok_or("sent more answers than it was asked for")?;
        self.earlier.push(Finished {
            code,
            result: self.result.take(),
            record: self.record.take(),
            full: std::mem::take(&mut self.full),
        });
        self.output_left = self.output;
        Ok(())
    }

    fn error(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let record = error_record(payload)?;
        // The first one says what went wrong; later ones are its consequences.
        self.record.get_or_insert(record);
        Ok(())
    }

    fn log(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let Some(left) = self.log_left.checked_sub(payload.len()) else {
            return Ok(());
        };
        self.log_left = left;
        let (level, message) = log_line(payload)?;
        if !self.privacy {
            (self.progress)(Progress::Log { level, message });
        }
        Ok(())
    }

    fn progress(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let (Some(done), Some(total), 16) = (
            payload.first_chunk::<8>(),
            payload.last_chunk::<8>(),
            payload.len(),
        ) else {
            return Err("sent malformed progress".to_owned());
        };
        (self.progress)(Progress::Units {
            done: u64::from_le_bytes(*done),
            total: u64::from_le_bytes(*total),
        });
        Ok(())
    }
}

/// Reads an error record.
pub(super) fn error_record(payload: &[u8]) -> Result<ErrorRecord, Fault> {
    let record = decode(payload, payload.len())
        .map_err(|error| format!("sent an error record that is not acceptable: {error}"))?;
    let text = |name: &str| {
        record
            .get(name)
            .and_then(Value::as_str)
            .map(|text| one_line(text, MAX_MESSAGE))
    };
    let message = text("message").ok_or("sent an error record without a message")?;
    Ok(ErrorRecord {
        message,
        field: text("field"),
    })
}

/// Takes a log line apart: severity, and one harmless line.
pub(super) fn log_line(payload: &[u8]) -> Result<(u32, String), Fault> {
    let (&level, text) = payload.split_first().ok_or("sent a malformed log line")?;
    let message = one_line(&String::from_utf8_lossy(text), MAX_MESSAGE);
    Ok((u32::from(level), message))
}

pub(super) fn code_of(frame: &Frame<'_>) -> Result<i32, Fault> {
    let code = frame.payload.try_into().map(i32::from_le_bytes);
    code.map_err(|_| "sent a malformed end of its answer".to_owned())
}

/// Decodes a payload, which is walked against the profile first.
fn payload_of(frame: &Frame<'_>) -> Result<Value, Fault> {
    decode(frame.payload, frame.payload.len())
        .map_err(|error| format!("sent a result that is not acceptable: {error}"))
}
