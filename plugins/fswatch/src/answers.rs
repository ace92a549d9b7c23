//! Queries: their command line, their answer, and the lines of it.

use crate::Parameters;
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Failure, Options, ResultDocument};
use serde_json::json;

const HELP: &str = "\
fswatch: asks whether the module that watches files runs; it has no options
What is watched stands in fswatch.cfg on each endpoint.
ex: mig fswatch -t allonline
";

/// There are no options; no word at all is the usual query.
///
/// # Errors
/// A word that is no request for help.
pub fn options(words: &[String]) -> Result<Options<Parameters>, Failure> {
    if !words.is_empty() && Words::ask_for_help(words) {
        return Ok(Options::Help(HELP.to_owned()));
    }
    let mut words = Words::new(words);
    match words.next_option()? {
        None => Ok(Options::Parameters(Parameters {})),
        Some(_) => Err(words.unknown()),
    }
}

/// The answer: it runs.
pub fn ok() -> ResultDocument {
    ResultDocument {
        foundanything: true,
        success: true,
        elements: json!({"ok": true}),
        ..ResultDocument::default()
    }
}

/// `ok:true`, then errors unless only finds are wanted.
pub fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    let ok = result.elements["ok"].as_bool();
    let mut lines: Vec<_> = ok.map(|ok| format!("ok:{ok}")).into_iter().collect();
    if !found_only {
        let errors = result.errors.iter().flatten();
        lines.extend(errors.map(|error| format!("error: {error}")));
    }
    lines
}
