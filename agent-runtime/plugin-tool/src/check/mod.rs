//! Conformance: what a host relies on, tried on a real plugin in real workers.

mod calls;
mod cases;
mod invent;
mod serving;

use crate::arguments::Check;
use crate::error::Error;
use crate::files;
use mig_host::inspect::{MAX_PLUGIN_BYTES, inspect};
use mig_host::{
    Cancel, Diagnosis, Ending, Job, ModuleStore, Operation, Outcome, Progress, StoreOptions,
};
use mig_plugin_payload::Manifest;
use serde_json::Value;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// What came of one promise.
pub enum Verdict {
    /// Kept, with a remark.
    Kept(String),
    /// Broken, with the evidence.
    Broken(String),
    /// Not tried, with the reason.
    Skipped(String),
}

/// Tries everything and reports, one line for each promise.
pub fn run(options: &Check) -> Result<String, Error> {
    let bytes = files::read(&options.file, MAX_PLUGIN_BYTES)?;
    let refused = |source| Error::Refused {
        path: options.file.clone(),
        source,
    };
    let manifest = inspect(&bytes).map_err(refused)?.manifest;
    let subject = Subject::load(&bytes, manifest, options)?;
    let mut report = String::new();
    let (mut total, mut broken) = (0, 0);
    for (promise, attempt) in promises(&subject.manifest) {
        let verdict = attempt(&subject);
        let (word, detail) = match &verdict {
            Verdict::Kept(detail) => ("ok", detail),
            Verdict::Broken(detail) => ("BROKEN", detail),
            Verdict::Skipped(detail) => ("skipped", detail),
        };
        total += usize::from(!matches!(verdict, Verdict::Skipped(_)));
        broken += usize::from(matches!(verdict, Verdict::Broken(_)));
        let separator = if detail.is_empty() { "" } else { ": " };
        report.push_str(&format!("{word:8}{promise}{separator}{detail}\n"));
    }
    if broken == 0 {
        report.push_str(&format!("{total} promises kept\n"));
        Ok(report)
    } else {
        Err(Error::Broken {
            report,
            broken,
            total,
        })
    }
}

/// What is promised, and how it is tried.
type Promise = (&'static str, fn(&Subject) -> Verdict);

/// The promises of a module of its kind, in the order they are tried.
fn promises(manifest: &Manifest) -> Vec<Promise> {
    let of_its_kind = match manifest.persistent {
        true => &serving::PERSISTENT[..],
        false => &cases::ONE_SHOT[..],
    };
    [&cases::ALL[..], of_its_kind, &cases::LAST[..]].concat()
}

/// The plugin under test.
pub struct Subject {
    pub manifest: Manifest,
    /// Parameters of a run that is expected to end well.
    pub parameters: Vec<Value>,
    /// What a persistent module is started with.
    configuration: Value,
    store: ModuleStore,
    /// Wall time of every operation.
    wall: Duration,
    /// The store loads from a copy, so that any file can be checked, wherever
    /// it lies and whoever may write there.
    copy: tempfile::TempDir,
}

/// An outcome and how long it took.
pub struct Tried {
    pub outcome: Outcome,
    pub cancelled_for: Option<Duration>,
}

impl Subject {
    fn load(bytes: &[u8], manifest: Manifest, options: &Check) -> Result<Self, Error> {
        let failed = |source| Error::Write {
            path: std::env::temp_dir(),
            source,
        };
        let copy = tempfile::tempdir().map_err(failed)?;
        let path = copy.path().join(format!("lib{}.so", manifest.name));
        files::create(&path, bytes, 0o600)?;
        let store = ModuleStore::open(
            &[],
            &StoreOptions {
                directories: vec![copy.path().to_owned()],
                allow_unsigned: true,
                ..StoreOptions::default()
            },
        );
        if store.get(&manifest.name).is_none() {
            let reason = store.refused().first().map(ToString::to_string);
            return Err(Error::NotLoaded(reason.unwrap_or_default()));
        }
        let parameters = match &options.parameters {
            Some(text) => vec![serde_json::from_str(text).map_err(Error::Parameters)?],
            None => examples(&manifest),
        };
        let configuration = match &options.configuration {
            Some(text) => serde_json::from_str(text).map_err(Error::Configuration)?,
            None => serde_json::json!({}),
        };
        Ok(Self {
            manifest,
            parameters,
            configuration,
            store,
            wall: Duration::from_secs(options.wall.max(1)),
            copy,
        })
    }

    /// Where a persistent module may keep files.
    pub fn directory(&self) -> std::path::PathBuf {
        self.copy.path().join("state")
    }

    /// Runs one operation to its end.
    pub fn call(&self, operation: Operation, input: Value) -> Outcome {
        let job = self.described(operation, input);
        self.store.run(&job, &Cancel::new(), &mut |_| {})
    }

    /// Runs with room for so many bytes of output.
    pub fn run_with_output(&self, input: Value, output: u64) -> Outcome {
        let mut job = self.described(Operation::Run, input);
        job.limits.output = output;
        self.store.run(&job, &Cancel::new(), &mut |_| {})
    }

    /// Runs, and says what was left behind.
    pub fn diagnose(&self, input: Value) -> (Outcome, Option<Diagnosis>) {
        let job = self.described(Operation::Run, input);
        self.store.diagnose(&job, &Cancel::new())
    }

    /// Starts a run and cancels it when its worker has been at work for `delay`.
    pub fn cancelled(&self, input: Value, delay: Duration) -> Tried {
        let cancel = Cancel::new();
        let switch = cancel.clone();
        let (tell, heard) = channel();
        let thread = std::thread::spawn(move || {
            // It says that its guards stand, and then loads the module.
            if heard.recv().is_ok() {
                let _over_sooner = heard.recv_timeout(delay);
            }
            let at = Instant::now();
            switch.cancel();
            at
        });
        let job = self.described(Operation::Run, input);
        let outcome = self.store.run(&job, &cancel, &mut |progress| {
            if let Progress::Sandbox(_) = progress {
                let _waiting = tell.send(());
            }
        });
        let end = Instant::now();
        drop(tell);
        let cancelled_for = thread
            .join()
            .ok()
            .and_then(|at| end.checked_duration_since(at));
        Tried {
            outcome,
            cancelled_for,
        }
    }

    fn described(&self, operation: Operation, input: Value) -> Job<'_> {
        let mut job = Job::new(&self.manifest.name, operation, input);
        job.limits.wall = self.wall;
        job
    }

    /// The evidence, when an operation did not end as a well-behaved module
    /// ends it: with an answer or with a failure in its own words.
    pub fn fault(&self, outcome: &Outcome) -> Option<String> {
        let reason = outcome.reason.clone().unwrap_or_default();
        let by_host = reason.starts_with(&format!("module `{}` ", self.manifest.name));
        let panicked = reason.starts_with("module panicked");
        match outcome.ending {
            Ending::Done => None,
            Ending::Failed if !by_host && !panicked => None,
            _ => Some(reason),
        }
    }
}

/// Parameters from the manifest's examples; without any, the empty ones.
fn examples(manifest: &Manifest) -> Vec<Value> {
    let given: Vec<Value> = manifest
        .examples
        .iter()
        .filter_map(|example| example.get("parameters").cloned())
        .collect();
    if given.is_empty() {
        vec![serde_json::json!({})]
    } else {
        given
    }
}
