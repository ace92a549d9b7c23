//! The module as the host sees it.

use crate::parameters::{self, Parameters};
use crate::plan::Plan;
use crate::results::{self, Losses};
use crate::scan::{self, Outcome};
use mig_plugin_sdk::times::duration;
use mig_plugin_sdk::{Defaults, Failure, FieldError, Module, Options, ResultDocument, Session};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// The `memory` module.
pub struct MemoryModule;

/// The original's members first, then what is new.
fn statistics(outcome: &Outcome, losses: &Losses, hits: u64, started: Instant) -> Value {
    let mut statistics = json!({
        "processcount": outcome.processes,
        "memoryread": outcome.read,
        "totalhits": hits,
    });
    let failures = losses.lines();
    if !failures.is_empty() {
        statistics["failures"] = json!(failures);
    }
    statistics["exectime"] = json!(duration(started.elapsed()));
    statistics["excluded"] = json!(outcome.excluded);
    let unread = losses.unread();
    if !unread.is_empty() {
        statistics["unread"] = json!(unread);
    }
    statistics
}

impl Module for MemoryModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let started = Instant::now();
        let plan = Plan::new(&parameters)
            .map_err(|(field, message)| Failure::bad_parameters(field, message))?;
        let losses = Losses::default();
        let cancelled = || session.cancelled();
        let progress = |done, total| session.progress(done, total);
        let outcome = scan::run(&plan, &losses, &cancelled, &progress)
            .map_err(|error| Failure::io(Path::new("/proc"), &error))?;
        // What was found until then is worth having, also when time ran out.
        let document = |elements: Value, hits: u64, success: bool| ResultDocument {
            foundanything: hits > 0,
            success,
            elements,
            statistics: statistics(&outcome, &losses, hits, started),
            errors: None,
        };
        let interrupted = session.cancelled();
        match results::emit(&plan, &outcome.finds, session) {
            Ok((elements, hits)) if !interrupted => Ok(document(elements, hits, true)),
            Ok((elements, hits)) => {
                Err(Failure::cancelled().with_partial(document(elements, hits, false)))
            }
            Err(failure) => {
                let hits = outcome
                    .finds
                    .iter()
                    .map(|find| find.hits.len() as u64)
                    .sum();
                Err(failure.with_partial(document(Value::Null, hits, false)))
            }
        }
    }

    fn validate(parameters: &Parameters) -> Vec<FieldError> {
        parameters::validate(parameters)
    }

    fn options(words: &[String], defaults: Defaults) -> Result<Options<Parameters>, Failure> {
        parameters::parse(words, defaults)
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        Ok(results::lines(result, found_only))
    }
}
