//! The options of `mig scribe`.

use crate::document;
use crate::module::{Parameters, document_schema};
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Defaults, Failure, Files, Options};

/// What `mig scribe help` prints.
pub const HELP: &str = "\
Evaluates a policy document on the endpoint: true or false for each test,
never the content of a file.

-path <file>  the document, JSON or YAML; read here and sent with the action
-onlytrue     return only tests that are true, and whose dependencies are
-human        print results as a text of several lines
-json         print each result as a JSON document

ex: -path vulnerabilities.json -onlytrue
";

/// Turns words, and the document that they name, into parameters.
///
/// # Errors
/// When a word is no option, an option is unknown, the document is missing or
/// is none.
pub fn parse(
    words: &[String],
    _defaults: Defaults,
    files: &Files,
) -> Result<Options<Parameters>, Failure> {
    if Words::ask_for_help(words) {
        return Ok(Options::Help(HELP.to_owned()));
    }
    let mut parameters = Parameters::default();
    let mut path = None;
    let mut words = Words::new(words);
    while let Some(name) = words.next_option()? {
        match name {
            "path" => path = Some(words.value()?),
            "onlytrue" => parameters.onlytrue = words.switch()?,
            "human" => parameters.humanoutput = words.switch()?,
            "json" => parameters.jsonoutput = words.switch()?,
            "h" | "help" => return Ok(Options::Help(HELP.to_owned())),
            _ => return Err(words.unknown()),
        }
    }
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        return Err(Failure::bad_parameters(
            "-path",
            "option -path is required: the file with the document",
        ));
    };
    let Some(text) = files.get(&path) else {
        return Ok(Options::Files(vec![path]));
    };
    parameters.scribedoc = document::read(text, document_schema().as_ref())
        .map_err(|reason| Failure::bad_parameters("-path", format!("{path}: {reason}")))?;
    Ok(Options::Parameters(parameters))
}
