//! The module as the host sees it.

use crate::checks::Plan;
use crate::parameters::{self, Parameters};
use crate::results::{self, ErrorLog};
use crate::walk;
use mig_plugin_sdk::{
    Defaults, Failure, FieldError, Module, Options, ResultDocument, Session, times,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

/// The word in `options.debug` that switches debug text on.
const DEBUG: &str = "print";

/// The `file` module.
pub struct FileModule;

/// What searches that ask for debug text made of their checks.
fn debug(plan: &Plan, session: &Session<'_>) {
    for search in &plan.searches {
        if search.search.options.debug != DEBUG {
            continue;
        }
        let label = &search.label;
        for check in &search.checks {
            session.debug(&format!(
                "search '{label}': {} check '{}', inverted {}, mismatch {}",
                check.kind.word(),
                check.value,
                check.inverted,
                check.mismatch
            ));
        }
        session.debug(&format!("search '{label}': {} hits", search.hits()));
    }
}

impl Module for FileModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let started = Instant::now();
        // A clock before 1970 counts as 1970.
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let now = i128::try_from(now.as_nanos()).unwrap_or(i128::MAX);
        let plan = Plan::new(&parameters, now)
            .map_err(|(field, error)| Failure::bad_parameters(field, error.to_string()))?;
        let errors = ErrorLog::new(plan.max_errors());
        let cancelled = || session.cancelled();
        // The total is not known before the end.
        let progress = |files| session.progress(files, 0);
        let (finds, counts) = walk::run(&plan, &errors, &cancelled, &progress);
        debug(&plan, session);

        let hits: u64 = plan.searches.iter().map(|search| search.hits()).sum();
        let statistics = |hits: u64| {
            json!({
                "filescount": counts.files,
                "openfailed": counts.failed,
                "totalhits": hits,
                "exectime": times::duration(started.elapsed()),
            })
        };
        // What was found until then is worth having, also when time ran out.
        let document = |elements: Value, hits: u64, success: bool| ResultDocument {
            foundanything: hits > 0,
            success,
            elements,
            statistics: statistics(hits),
            errors: errors.finish(),
        };
        let interrupted = session.cancelled();
        match results::emit(&plan, &finds, session) {
            Ok(outcome) if !interrupted => Ok(document(outcome.elements, outcome.hits, true)),
            Ok(outcome) => {
                let partial = document(outcome.elements, outcome.hits, false);
                Err(Failure::cancelled().with_partial(partial))
            }
            Err(failure) => {
                let partial = document(Value::Null, hits, false);
                Err(failure.with_partial(partial))
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
