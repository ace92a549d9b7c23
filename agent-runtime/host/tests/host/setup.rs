//! Stores and jobs for the tests.

use std::time::{Duration, Instant};

use mig_host::{
    Cancel, Ending, Job, Limits, ModuleStore, Operation, Outcome, Progress, StaticModule,
    StoreOptions,
};
use serde_json::Value;

/// The modules linked into this test program.
pub const STATICS: &[StaticModule] = &[
    StaticModule(mig_module_example::plugin),
    StaticModule(crate::probe::plugin),
];

/// Long enough for a loaded machine, short enough to notice.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn store() -> ModuleStore {
    let store = ModuleStore::open(STATICS, &StoreOptions::default());
    assert_eq!(store.refused(), &[], "linked modules are acceptable");
    store
}

/// A job for `run` with limits that let a hanging test fail.
pub fn job<'a>(module: &'a str, input: Value) -> Job<'a> {
    Job {
        limits: Limits {
            wall: PATIENCE,
            ..Limits::default()
        },
        ..Job::new(module, Operation::Run, input)
    }
}

pub fn run(store: &ModuleStore, job: &Job<'_>) -> Outcome {
    store.run(job, &Cancel::new(), &mut |_| {})
}

/// Runs a job that does not end by itself until its time is over. On a busy machine
/// that may be before the module was heard of: then it gets ten times as much.
pub fn run_out_of_time(
    store: &ModuleStore,
    job: &mut Job<'_>,
    heard: impl Fn(&Outcome) -> bool,
) -> Outcome {
    loop {
        let started = Instant::now();
        let outcome = run(store, job);
        assert_eq!(outcome.ending, Ending::Timeout);
        assert!(started.elapsed() < job.limits.wall + PATIENCE / 2);
        if heard(&outcome) || job.limits.wall > PATIENCE / 4 {
            return outcome;
        }
        job.limits.wall *= 10;
    }
}

/// Runs a job and collects what it said on the way.
pub fn run_listening(store: &ModuleStore, job: &Job<'_>) -> (Outcome, Vec<Progress>) {
    let mut heard = Vec::new();
    let outcome = store.run(job, &Cancel::new(), &mut |progress| heard.push(progress));
    (outcome, heard)
}

/// The reason of an outcome that must have one, checked to be one line.
pub fn reason(outcome: &Outcome) -> &str {
    let reason = outcome.reason.as_deref().expect("a reason");
    assert!(!reason.contains('\n'), "one line: {reason}");
    assert!(!reason.is_empty());
    reason
}
