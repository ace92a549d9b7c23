//! From what a worker did to one outcome with one reason.

use mig_plugin_abi::code;
use mig_plugin_payload::{Document, Manifest};
use serde_json::Value;

use super::answer::{Answer, ErrorRecord};
use super::document;
use super::watch::{End, Stop};
use crate::job::{Ending, Job, Operation, Outcome};
use crate::sys::process::{self, Exit, Reaped};
use crate::text::{one_line, seconds, size};

/// How much of what a module printed goes into the reason of a crash.
const STRAY_SHOWN: usize = 200;

/// What stands in place of a text that must not leave the machine, as in masked
/// results.
pub(super) const MASKED: &str = "masked";

/// An answer by what was asked.
#[derive(Debug)]
pub(super) enum Answered {
    /// Of `run`.
    Document(Document),
    /// Of any other operation.
    Value(Value),
}

impl Answered {
    pub(super) fn into_value(self) -> Value {
        match self {
            Answered::Document(document) => document.into_value(),
            Answered::Value(value) => value,
        }
    }

    pub(super) fn into_document(self) -> Document {
        match self {
            Answered::Document(document) => document,
            Answered::Value(value) => value.into(),
        }
    }
}

/// Makes the outcome.
pub(super) fn judge(
    job: &Job<'_>,
    manifest: &Manifest,
    mut answer: Answer<'_>,
    end: &End,
) -> Outcome<Answered> {
    let name = &manifest.name;
    let (mut ending, mut reason) = conclude(job, name, &answer, end);
    let field = answer
        .record
        .as_ref()
        .and_then(|record| record.field.clone());
    let sandbox = answer.sandbox.take();
    let finished = match job.operation {
        Operation::Run => document::of_run(job, &mut answer, ending, reason.as_deref())
            .map(Answered::Document)
            .map_err(|(why, document)| (why, Answered::Document(document))),
        operation if ending == Ending::Done => {
            let result = answer.result.take().unwrap_or(Value::Null);
            document::of_helper(operation, result)
                .map(Answered::Value)
                .map_err(|why| (why, Answered::Value(Value::Null)))
        }
        _ => Ok(Answered::Value(Value::Null)),
    };
    let answer = match finished {
        Ok(answer) => answer,
        Err((why, answer)) => {
            ending = Ending::Failed;
            reason = Some(format!("module `{name}` {why}"));
            match answer {
                Answered::Document(document) => {
                    Answered::Document(document::with_reason(document, reason.as_deref()))
                }
                answer => answer,
            }
        }
    };
    Outcome {
        ending,
        answer,
        reason,
        field: field.filter(|_| !job.privacy),
        sandbox,
    }
}

/// How it ended and why, in one line.
fn conclude(job: &Job<'_>, name: &str, answer: &Answer<'_>, end: &End) -> (Ending, Option<String>) {
    let said = |text: String| Some(format!("module `{name}` {text}"));
    // Both may quote the module, which can put into a place what must not leave
    // the machine.
    if let Some(fault) = &end.fault {
        let broke = || format!("broke the rules for answers ({MASKED})");
        return (Ending::Failed, said(quoting(job, fault, broke)));
    }
    if let Some(refused) = &answer.refused {
        let broke = || format!("was refused by its worker ({MASKED})");
        return (Ending::Failed, said(quoting(job, refused, broke)));
    }
    let left_out = || {
        let limit = size(job.limits.output);
        said(format!(
            "found more than its output limit of {limit} holds; the rest was left out"
        ))
    };
    if answer.code == Some(code::OK) && answer.result.is_some() {
        return (Ending::Done, answer.full.then(left_out).flatten());
    }
    let partial = match (job.operation, answer.has_elements()) {
        (Operation::Run, true) => "; what it had found by then is kept, the rest is missing",
        _ => "",
    };
    match end.stop {
        Some(Stop::Timeout) => {
            let limit = seconds(job.limits.wall);
            return (
                Ending::Timeout,
                said(format!("ran into its time limit of {limit}{partial}")),
            );
        }
        Some(Stop::Cancelled) => {
            return (Ending::Cancelled, said(format!("was cancelled{partial}")));
        }
        Some(Stop::Full) if answer.code.is_none() => {
            let limit = size(job.limits.output);
            return (
                Ending::Failed,
                said(format!(
                    "did not stop at its output limit of {limit} and was killed{partial}"
                )),
            );
        }
        _ => {}
    }
    if answer.full && answer.code.is_some() {
        return match job.operation {
            Operation::Run => (Ending::Done, left_out()),
            operation => (Ending::Failed, said(too_much(job, operation))),
        };
    }
    match (answer.code, &answer.record) {
        (Some(code::OK), _) => (Ending::Failed, said("ended without a result".to_owned())),
        (Some(code), Some(record)) => (Ending::Failed, Some(module_words(job, name, code, record))),
        (Some(code), None) => (Ending::Failed, said(format!("failed: {}", meaning(code)))),
        // An abort build reports its panic and then dies.
        (None, Some(record)) => (
            Ending::Failed,
            Some(module_words(job, name, code::PANIC, record)),
        ),
        (None, None) => (Ending::Failed, said(crash(job, end))),
    }
}

/// What is said of a helper operation that answers too much.
pub(super) fn too_much(job: &Job<'_>, operation: Operation) -> String {
    let (name, limit) = (operation.as_str(), size(job.limits.output));
    format!("answers `{name}` with more than its output limit of {limit}")
}

/// A text that may quote the module, or what stands for it in privacy mode.
pub(super) fn quoting(job: &Job<'_>, text: &str, otherwise: impl FnOnce() -> String) -> String {
    if job.privacy {
        otherwise()
    } else {
        text.to_owned()
    }
}

/// The module's own words, unless they must not leave the machine.
pub(super) fn module_words(job: &Job<'_>, name: &str, code: i32, record: &ErrorRecord) -> String {
    if job.privacy {
        format!("module `{name}` failed: {} ({MASKED})", meaning(code))
    } else {
        record.message.clone()
    }
}

pub(super) fn meaning(code: i32) -> String {
    match code {
        code::CANCELLED => "it stopped although nobody cancelled it".to_owned(),
        code::BAD_PARAMETERS => "its parameters are not acceptable".to_owned(),
        code::IO => "reading or writing failed".to_owned(),
        code::LIMIT => "a budget ran out".to_owned(),
        code::PERMISSION => "the system refused access".to_owned(),
        code::UNSUPPORTED => "it cannot do this here".to_owned(),
        code::PANIC => "it panicked".to_owned(),
        other => format!("unknown code {other}"),
    }
}

/// Why a worker ended without an answer.
pub(super) fn crash(job: &Job<'_>, end: &End) -> String {
    let printed = one_line(&end.stray, STRAY_SHOWN);
    let printed = if printed.is_empty() || job.privacy {
        String::new()
    } else {
        format!(" ({printed})")
    };
    let (answer, result) = match job.operation {
        Operation::Serve => ("stream", "unexpectedly"),
        _ => ("answer without a result", "without a result"),
    };
    let Some(reaped) = end.reaped else {
        return "hangs in the kernel and could not be ended yet".to_owned();
    };
    match reaped.exit {
        // What ended by itself had begun to before the host lost patience.
        Exit::Signal(libc::SIGKILL) if end.killed => {
            format!("closed its {answer} and was killed")
        }
        Exit::Status(status) => {
            format!("ended {result} (exit status {status}){printed}")
        }
        Exit::Signal(libc::SIGXCPU) => cpu_ran_out(job),
        Exit::Signal(libc::SIGKILL) if job.limits.cpu.is_some_and(|limit| reaped.cpu >= limit) => {
            cpu_ran_out(job)
        }
        Exit::Signal(libc::SIGKILL) => {
            "was killed from outside, perhaps because the machine ran out of memory".to_owned()
        }
        Exit::Signal(signal) => {
            let name = process::signal_name(signal);
            if out_of_memory(job, reaped, &end.stray) {
                let limit = size(job.limits.memory);
                format!("ran out of its memory limit of {limit} ({name})")
            } else {
                format!("crashed ({name}){printed}")
            }
        }
    }
}

fn cpu_ran_out(job: &Job<'_>) -> String {
    let limit = job.limits.cpu.unwrap_or_default();
    format!("used up its processor time of {}", seconds(limit))
}

/// Whether a crash looks like a failed allocation: Rust says so before it
/// aborts, others just come close to the limit.
fn out_of_memory(job: &Job<'_>, reaped: Reaped, stray: &str) -> bool {
    stray.contains("memory allocation of") || reaped.peak_memory >= job.limits.memory / 10 * 9
}
