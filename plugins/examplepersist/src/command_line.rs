//! The options of a query.

use crate::Parameters;
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Failure, Options};

const HELP: &str = "\
examplepersist: asks the running example of a persistent module for an echo
  -echo <text>   the text to echo; required
ex: mig examplepersist -t allonline -echo hello
";

/// Turns words into parameters.
///
/// # Errors
/// A failure that names the option.
pub fn parse(words: &[String]) -> Result<Options<Parameters>, Failure> {
    if Words::ask_for_help(words) {
        return Ok(Options::Help(HELP.to_owned()));
    }
    let mut parameters = Parameters::default();
    let mut words = Words::new(words);
    while let Some(name) = words.next_option()? {
        match name {
            "echo" => parameters.string = words.value()?,
            _ => return Err(words.unknown()),
        }
    }
    if parameters.string.is_empty() {
        // `validate` would refuse it too, but by the name of the parameter.
        return Err(Failure::bad_parameters(
            "echo",
            "is required: write `-echo TEXT`",
        ));
    }
    Ok(Options::Parameters(parameters))
}
