//! A query to a running module: its parameters checked on the way in, its answer
//! on the way out, both on the thread that asks.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mig_plugin_abi::code;
use mig_plugin_payload::{Document, ResultDocument, decode, encode};
use nix::poll::{PollFd, PollFlags, poll};
use serde_json::Value;

use super::life::it;
use super::mailbox::{Mailbox, Ready};
use crate::cancel::Cancel;
use crate::frame::{Frame, Kind};
use crate::job::{Ending, Job, Limits, Operation, Outcome};
use crate::supervise::answer::Answer;
use crate::supervise::verdict::{Answered, judge};
use crate::supervise::watch::{End, LOOK, Stop, timeout};
use crate::supervise::{not_run, parameters as checked_parameters};
use crate::sys::event::Event;

/// Longest parameters as they are sent, in bytes.
const MAX_PARAMETERS: usize = 4 << 20;

/// What came of a query, unchecked.
#[derive(Debug)]
pub(super) enum Reply {
    /// Payload of a result document.
    Answer(Vec<u8>),
    /// Payload of an error record.
    Failure(Vec<u8>),
    /// The worker has ended; why, in a line that names the module.
    Ended(String),
}

/// Where a reply is put down for the thread that waits.
#[derive(Debug)]
pub(super) struct Slot {
    reply: Mutex<Option<Reply>>,
    filled: Event,
}

impl Slot {
    pub(super) fn fill(&self, reply: Reply) {
        *self.reply.lock().unwrap_or_else(PoisonError::into_inner) = Some(reply);
        self.filled.raise();
    }

    fn take(&self) -> Option<Reply> {
        self.reply
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Waits for the reply.
    fn wait(&self, deadline: Instant, cancel: &Cancel) -> Result<Reply, Stop> {
        loop {
            if let Some(reply) = self.take() {
                return Ok(reply);
            }
            if cancel.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let mut left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Stop::Timeout);
            }
            let mut fds = vec![PollFd::new(self.filled.as_fd(), PollFlags::POLLIN)];
            match cancel.event() {
                Some(event) => fds.push(PollFd::new(event, PollFlags::POLLIN)),
                None => left = left.min(LOOK),
            }
            // An interruption is one reason more to look again.
            let _interrupted = poll(&mut fds, timeout(left));
        }
    }
}

impl Mailbox {
    /// Asks the running module, and blocks the calling thread for the answer, at
    /// most `wall` or until `cancel`. Up to sixteen queries may be open at once.
    /// Parameters and answer are checked, and in privacy mode masked, exactly as
    /// those of `run` are. A module that does not run, or is not ready, is a
    /// failure with the reason.
    pub fn query(&self, parameters: &Value, wall: Duration, cancel: &Cancel) -> Outcome<Document> {
        let ready = match self.ready() {
            Ok(ready) => ready,
            Err(why) => return failed(Ending::Failed, why),
        };
        let job = Job {
            module: &ready.manifest.name,
            operation: Operation::Run,
            input: parameters.clone(),
            limits: Limits {
                wall,
                ..ready.limits
            },
            privacy: ready.privacy,
        };
        self.outcome(&job, &ready, cancel)
            .map(Answered::into_document)
    }

    fn outcome(&self, job: &Job<'_>, ready: &Ready, cancel: &Cancel) -> Outcome<Answered> {
        let asked = Instant::now();
        let failure = |reason| not_run(job, Ending::Failed, reason);
        let name = job.module;
        let input = match checked_parameters(job, &ready.manifest) {
            Ok(input) => input,
            Err(complaint) => {
                return Outcome {
                    field: Some(complaint.field.clone()),
                    ..failure(complaint.to_string())
                };
            }
        };
        let payload = match encode(&input) {
            Ok(payload) if payload.len() <= MAX_PARAMETERS => payload,
            Ok(_) => {
                return failure(format!("query of module `{name}` is longer than 4 MiB"));
            }
            Err(error) => {
                return failure(format!("query of module `{name}` cannot be sent: {error}"));
            }
        };
        let slot = match Event::new() {
            Ok(filled) => Arc::new(Slot {
                reply: Mutex::new(None),
                filled,
            }),
            Err(error) => {
                return failure(format!("module `{name}` cannot be asked: {error}"));
            }
        };
        let number = match self.ask(&payload, &slot) {
            Ok(number) => number,
            Err(why) => return failure(why),
        };
        let far = Duration::from_secs(1 << 30);
        let deadline = asked.checked_add(job.limits.wall).unwrap_or(asked + far);
        let reply = slot.wait(deadline, cancel);
        self.forget(number);
        match reply {
            Ok(Reply::Ended(reason)) => failure(format!(
                "module `{name}` ended before it answered: {}",
                it(name, &reason)
            )),
            Ok(reply) => conclude(job, ready, Ok(reply)),
            Err(stop) => conclude(job, ready, Err(stop)),
        }
    }
}

/// Treats a reply as what a worker of its own had sent.
fn conclude(job: &Job<'_>, ready: &Ready, reply: Result<Reply, Stop>) -> Outcome<Answered> {
    let mut ignore = |_| {};
    let mut answer =
        Answer::new(job, &ready.manifest, &mut ignore).with_guards(ready.sandbox.clone());
    let mut end = End {
        stop: None,
        killed: false,
        fault: None,
        reaped: None,
        stray: String::new(),
    };
    match reply {
        Err(stop) => end.stop = Some(stop),
        Ok(Reply::Answer(payload)) => {
            end.fault = accept(&mut answer, Kind::Result, &payload);
            answer.code = Some(code::OK);
        }
        Ok(Reply::Failure(payload)) => {
            end.fault = accept(&mut answer, Kind::Error, &payload);
            answer.code = Some(code_of(&payload));
        }
        Ok(Reply::Ended(reason)) => end.fault = Some(reason),
    }
    judge(job, &ready.manifest, answer, &end)
}

fn accept(answer: &mut Answer<'_>, kind: Kind, payload: &[u8]) -> Option<String> {
    let frame = Frame {
        kind,
        place: b"",
        payload,
    };
    answer.accept(&frame).err()
}

/// The code of an error record; never that of success.
fn code_of(record: &[u8]) -> i32 {
    decode(record, record.len())
        .ok()
        .and_then(|record| i32::try_from(record.get("code")?.as_i64()?).ok())
        .filter(|code| *code != code::OK)
        .unwrap_or(-1)
}

/// The outcome of a query to a module of which nothing is known.
fn failed(ending: Ending, reason: String) -> Outcome<Document> {
    Outcome {
        ending,
        answer: ResultDocument::failed(reason.as_str()).to_value().into(),
        reason: Some(reason),
        field: None,
        sandbox: None,
    }
}
