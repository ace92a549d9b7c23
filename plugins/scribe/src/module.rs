//! The module as the host sees it.

use crate::document::{self, Document};
use crate::sources::Packages;
use crate::{command_line, evaluation, results};
use mig_plugin_sdk::payload::Schema;
use mig_plugin_sdk::{
    Defaults, Failure, FieldError, Files, Module, Options, ResultDocument, Session, times,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// What a run is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// The document; an empty one is valid and has no results.
    pub scribedoc: Document,
    /// Leave out tests whose master result is false, errors included.
    pub onlytrue: bool,
    /// Print as text of several lines.
    pub humanoutput: bool,
    /// Print as JSON, unless as text.
    pub jsonoutput: bool,
}

/// The declared form of a document.
pub fn document_schema() -> Option<Schema> {
    let manifest: Value = serde_json::from_slice(ScribeModule::MANIFEST).ok()?;
    let schema = manifest.pointer("/operations/run/parameters/properties/scribedoc")?;
    Schema::parse(schema).ok()
}

/// The `scribe` module.
pub struct ScribeModule;

impl Module for ScribeModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        run_below(Path::new("/"), &parameters, session)
    }

    fn validate(parameters: &Parameters) -> Vec<FieldError> {
        document::validate(&parameters.scribedoc)
    }

    fn options_with_files(
        words: &[String],
        defaults: Defaults,
        files: &Files,
    ) -> Result<Options<Parameters>, Failure> {
        command_line::parse(words, defaults, files)
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        Ok(results::lines(result, found_only))
    }
}

/// Runs with the package databases below a root directory.
pub(crate) fn run_below(
    root: &Path,
    parameters: &Parameters,
    session: &Session<'_>,
) -> Result<ResultDocument, Failure> {
    let started = Instant::now();
    let outcome = evaluation::evaluate(
        &parameters.scribedoc,
        parameters.onlytrue,
        session,
        || Packages::read(root, session),
        |entry| session.element("/elements/results", entry),
    );
    let counts = outcome.counts;
    let document = ResultDocument {
        // True as soon as there is any entry, also a false one: clients have
        // always been told so.
        foundanything: outcome.entries > 0,
        success: outcome.failure.is_none(),
        elements: json!({
            "results": [],
            "humanoutput": parameters.humanoutput,
            "jsonoutput": parameters.jsonoutput,
        }),
        statistics: json!({
            "execruntime": times::duration(started.elapsed()),
            "walks": counts.walks,
            "fileslocated": counts.located,
            "filesread": counts.read,
            "filesunreadable": counts.unreadable,
        }),
        errors: (!outcome.errors.is_empty()).then_some(outcome.errors),
    };
    match outcome.failure {
        None => Ok(document),
        Some(failure) => Err(failure.with_partial(document)),
    }
}
