//! The module as the host sees it.

use crate::look::{Look, System};
use crate::parameters::{self, Parameters};
use crate::questions::Questions;
use crate::results::{self, ErrorLog, Finds};
use mig_plugin_sdk::times::duration;
use mig_plugin_sdk::{Defaults, Failure, FieldError, Module, Options, ResultDocument, Session};
use serde_json::json;
use std::time::Instant;

/// The `netstat` module.
pub struct NetstatModule;

/// Runs parameters against a system.
///
/// # Errors
/// When parameters are not acceptable, or the run must end before it is done;
/// the partial result says what was found until then.
pub fn run(
    parameters: &Parameters,
    session: Session<'_>,
    system: &System<'_>,
) -> Result<ResultDocument, Failure> {
    let started = Instant::now();
    let questions = Questions::new(parameters)
        .map_err(|error| Failure::bad_parameters(error.field, error.message))?;
    let mut errors = ErrorLog::default();
    let mut finds = Finds::new(&questions, session, system.proc);
    let mut look = Look::new(system, &questions, &mut finds, &mut errors);
    let mut namespaces = 1;
    let looked = if parameters.namespaces {
        look.everywhere().map(|count| namespaces = count)
    } else {
        look.here()
    };
    // What was found until then is worth having, also when time ran out.
    let sent = finds.send();
    let mut statistics = json!({
        "examined": finds.examined(),
        "exectime": duration(started.elapsed()),
        "totalhits": finds.hits(),
    });
    let ended = looked.and(sent);
    if parameters.namespaces && ended.is_ok() {
        statistics["namespaces"] = json!(namespaces);
    }
    if finds.owners_unknown() > 0 {
        statistics["ownersunknown"] = json!(finds.owners_unknown());
    }
    let document = ResultDocument {
        foundanything: finds.hits() > 0,
        success: ended.is_ok(),
        elements: Finds::empty_elements(&questions),
        statistics,
        errors: errors.finish(),
    };
    match ended {
        Ok(()) => Ok(document),
        Err(failure) => Err(failure.with_partial(document)),
    }
}

impl Module for NetstatModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        run(&parameters, *session, &System::real())
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
