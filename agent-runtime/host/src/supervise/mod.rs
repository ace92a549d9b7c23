//! The host's side of a running job: start a worker, feed it, read its answer
//! within the limits, end it, and make one outcome of whatever it did.

mod answer;
mod document;
mod place;
mod print;
pub(crate) mod service;
mod verdict;
mod watch;

use std::borrow::Cow;

use mig_plugin_payload::{Document, FieldError, Manifest, Strictness, encode};
use serde_json::{Map, Value};

use crate::cancel::Cancel;
use crate::job::{Diagnosis, Ending, Job, Operation, Outcome, Progress};
use crate::request::Request;
use crate::sandbox::{Profile, readable};
use crate::store::{Entry, ModuleStore};
use crate::sys::spawn::Worker;
use crate::text::one_line;
use answer::Answer;
pub use print::Printed;
use verdict::Answered;
use watch::{End, Watch};

impl ModuleStore {
    /// Runs one job to its end, in a worker process of its own. Blocks the
    /// calling thread, which must live on until it returns: the worker dies
    /// with it. Several threads may run jobs at once.
    pub fn run(
        &self,
        job: &Job<'_>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Outcome {
        self.outcome(job, cancel, progress)
            .map(Answered::into_value)
    }

    /// As [`ModuleStore::run`], for the operation `run` alone, with findings that
    /// stay bytes until they are looked at: as values, as many as the output
    /// limit admits take hundreds of megabytes.
    pub fn run_to_document(
        &self,
        job: &Job<'_>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Outcome<Document> {
        self.outcome(job, cancel, progress)
            .map(Answered::into_document)
    }

    /// As [`ModuleStore::run`], with a report on what the module left behind in
    /// its worker when it returned. For checking modules, not for using them:
    /// refused system calls go through a signal handler.
    pub fn diagnose(&self, job: &Job<'_>, cancel: &Cancel) -> (Outcome, Option<Diagnosis>) {
        let (outcome, diagnosis) = match self.attempt(job, cancel, &mut |_| {}, true) {
            Ok(done) => done,
            Err(reason) => (not_run(job, Ending::Failed, reason), None),
        };
        (outcome.map(Answered::into_value), diagnosis)
    }

    fn outcome(
        &self,
        job: &Job<'_>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Outcome<Answered> {
        match self.attempt(job, cancel, progress, false) {
            Ok((outcome, _)) => outcome,
            Err(reason) => not_run(job, Ending::Failed, reason),
        }
    }

    /// An error is why no worker ran.
    fn attempt(
        &self,
        job: &Job<'_>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
        diagnose: bool,
    ) -> Result<(Outcome<Answered>, Option<Diagnosis>), String> {
        let name = one_line(job.module, 64);
        let entry = self
            .entry(job.module)
            .ok_or_else(|| format!("module '{name}' is not available"))?;
        let operation = job.operation.as_str();
        if !entry.info.manifest.has_operation(operation) {
            return Err(format!("module `{name}` has no operation `{operation}`"));
        }
        if job.operation == Operation::Serve
            || (job.operation == Operation::Run && entry.info.manifest.persistent)
        {
            return Err(format!(
                "module `{name}` is persistent: it answers while it runs; ask the program that runs it"
            ));
        }
        let input = match parameters(job, &entry.info.manifest) {
            Ok(input) => input,
            Err(complaint) => {
                let outcome = Outcome {
                    field: Some(complaint.field.clone()),
                    ..not_run(job, Ending::Failed, complaint.to_string())
                };
                return Ok((outcome, None));
            }
        };
        let input = encode(&input)
            .map_err(|error| format!("input for module `{name}` cannot be sent: {error}"))?;
        if cancel.is_cancelled() {
            let reason = format!("module `{name}` was cancelled before it started");
            return Ok((not_run(job, Ending::Cancelled, reason), None));
        }
        let manifest = &entry.info.manifest;
        let mut answer = Answer::new(job, manifest, progress);
        let request = Request {
            diagnose,
            ..request(job, entry, std::slice::from_ref(&input))
        };
        let end = self.follow(job, entry, &request, &[input], cancel, &mut answer)?;
        let diagnosis = answer.diagnosis.take();
        Ok((verdict::judge(job, manifest, answer, &end), diagnosis))
    }

    /// Has one worker answer all inputs, one after the other.
    fn follow(
        &self,
        job: &Job<'_>,
        entry: &Entry,
        request: &Request,
        inputs: &[Vec<u8>],
        cancel: &Cancel,
        answer: &mut Answer<'_>,
    ) -> Result<End, String> {
        let name = &entry.info.manifest.name;
        let module = entry
            .source
            .descriptor()
            .map_err(|error| format!("module `{name}` cannot be run: {error}"))?;
        let worker = Worker::start(self.worker_program())
            .map_err(|error| format!("module `{name}`: cannot start a worker: {error}"))?;
        Watch::new(worker, job, cancel)
            .until_the_end(&request.encode(inputs), module, answer)
            .map_err(|error| format!("module `{name}`: cannot follow its worker: {error}"))
    }
}

/// The input of a job. Parameters of `run` are brought to the spelling of the
/// manifest and held against its schema, so that a module in any language gets
/// only what it has declared; the SDK does the same for tests without a host.
fn parameters<'a>(job: &'a Job<'_>, manifest: &Manifest) -> Result<Cow<'a, Value>, FieldError> {
    let schema = match job.operation {
        Operation::Run => manifest.parameters(),
        _ => None,
    };
    let Some(schema) = schema else {
        return Ok(Cow::Borrowed(&job.input));
    };
    let mut input = match &job.input {
        // No parameters at all: all defaults.
        Value::Null => Value::Object(Map::new()),
        given => given.clone(),
    };
    schema.normalise(&mut input);
    schema.validate(&input, Strictness::Parameters)?;
    Ok(Cow::Owned(input))
}

fn request(job: &Job<'_>, entry: &Entry, inputs: &[Vec<u8>]) -> Request {
    let manifest = &entry.info.manifest;
    let profile = Profile::of(manifest, job.operation);
    Request {
        module: job.module.to_owned(),
        operation: job.operation,
        manifest: entry.manifest_digest.clone(),
        dynamic: !matches!(entry.info.origin, crate::store::Origin::Static),
        libraries: entry.libraries.clone(),
        limits: job.limits,
        profile,
        readable: readable::paths(&profile, manifest.reads.clone()),
        directory: None,
        diagnose: false,
        inputs: inputs.iter().map(|input| input.len() as u64).collect(),
    }
}

/// The outcome of a job for which no worker ran.
fn not_run(job: &Job<'_>, ending: Ending, reason: String) -> Outcome<Answered> {
    let answer = match job.operation {
        Operation::Run => mig_plugin_payload::ResultDocument::failed(reason.as_str()).to_value(),
        _ => serde_json::Value::Null,
    };
    Outcome {
        ending,
        answer: Answered::Value(answer),
        reason: Some(reason),
        field: None,
        sandbox: None,
    }
}

/// Treats arbitrary bytes as the answer of a worker, for fuzzing: nothing a
/// worker sends may do more than give an outcome.
#[doc(hidden)]
pub fn fuzz_frames(stream: &[u8]) {
    const MANIFEST: &[u8] = br#"{"name":"fuzz","version":"1",
        "abi":{"major":1,"fingerprint":"-"},
        "operations":{"run":{"result":{"properties":{
            "elements":{"type":"object","additionalProperties":{"type":"array"}},
            "statistics":{"type":"object"}}}}}}"#;
    let Ok(manifest) = mig_plugin_payload::Manifest::parse(MANIFEST) else {
        return;
    };
    let mut job = Job::new("fuzz", Operation::Run, serde_json::Value::Null);
    job.limits.output = 1 << 16;
    job.privacy = stream.first().is_some_and(|byte| byte & 1 == 1);
    let mut ignore = |_| {};
    let mut answer = Answer::new(&job, &manifest, &mut ignore).with_inputs(3);
    // Start inside the interesting part.
    let ready = crate::frame::Frame {
        kind: crate::frame::Kind::Ready,
        place: b"",
        payload: br#"{"guards":[]}"#,
    };
    let fault = match answer.accept(&ready) {
        Ok(()) => watch::feed(stream, job.limits.output, &mut answer).err(),
        Err(fault) => Some(fault),
    };
    let end = watch::End {
        stop: None,
        killed: false,
        fault,
        reaped: None,
        stray: String::new(),
    };
    let outcome = verdict::judge(&job, &manifest, answer, &end);
    assert!(outcome.answer.into_value().is_object());
}
