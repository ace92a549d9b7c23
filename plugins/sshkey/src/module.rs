//! The module as the host sees it.

use crate::candidates;
use crate::examine::{Examined, Kind, examine};
use crate::parameters::{self, Parameters};
use crate::results::{self, PLACE, Place};
use mig_plugin_sdk::{Defaults, Failure, FieldError, Module, Options, ResultDocument, Session};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The `sshkey` module.
pub struct SshkeyModule;

/// What a run has to say so far.
#[derive(Default)]
struct Run {
    found: bool,
    errors: Vec<String>,
}

impl Run {
    fn document(self, success: bool) -> ResultDocument {
        ResultDocument {
            foundanything: self.found,
            success,
            elements: json!({"keys": null}),
            statistics: Value::Null,
            errors: (!self.errors.is_empty()).then_some(self.errors),
        }
    }

    /// Reads the candidates one by one and streams what they hold.
    fn look_into(&mut self, files: &[PathBuf], session: &Session<'_>) -> Result<(), Failure> {
        for file in files {
            session.check()?;
            let place = Place::of(file);
            let bytes = match candidates::read(file) {
                Ok(bytes) => bytes,
                Err(error) => {
                    let reason = error.to_string();
                    let reason = reason.split(" (os error").next().unwrap_or_default();
                    self.errors
                        .push(format!("{} was not read: {reason}", place.text));
                    continue;
                }
            };
            let cancelled = || session.cancelled();
            let examined = examine(&bytes, candidates::purpose(file), &cancelled);
            drop(bytes);
            self.report(&place, &examined, session)?;
        }
        // The last file may have been left in the middle.
        session.check()
    }

    fn report(
        &mut self,
        place: &Place,
        examined: &Examined,
        session: &Session<'_>,
    ) -> Result<(), Failure> {
        for entry in &examined.entries {
            session.element(PLACE, &place.element(entry))?;
            self.found = true;
            if entry.kind == Kind::Private && !entry.encrypted && entry.key.is_none() {
                self.errors.push(format!(
                    "{}: the file does not hold the public half of the key, so its fingerprints are unknown",
                    place.text
                ));
            }
        }
        if examined.has_unparsable_lines {
            self.errors
                .push(format!("{} contained unparsable data", place.text));
        }
        Ok(())
    }
}

impl Module for SshkeyModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let mut run = Run::default();
        let outcome = candidates::find(parameters.places(), parameters.depth(), session);
        let (files, cut) = match outcome {
            Ok(found) => found,
            Err(failure) => return Err(failure.with_partial(run.document(false))),
        };
        let outcome = run.look_into(&files, session);
        if cut {
            run.errors.push(format!(
                "there are more than {} files that may hold keys; the others were not looked at, give narrower paths",
                candidates::MOST
            ));
        }
        match outcome {
            Ok(()) => Ok(run.document(true)),
            Err(failure) => Err(failure.with_partial(run.document(false))),
        }
    }

    fn validate(parameters: &Parameters) -> Vec<FieldError> {
        parameters::validate(parameters)
    }

    fn options(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        parameters::parse(words)
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        Ok(results::lines(result, found_only))
    }
}
