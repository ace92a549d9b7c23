//! The module's options.

use crate::Parameters;
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Failure, Options};

const HELP: &str = "\
example: host name, addresses and name look-ups of the machine
  -gethostname         return the host name
  -getaddresses        return the addresses of all interfaces but loopback
  -lookuphost <name>   return the addresses of a name; may be repeated
at least one of them, for example:
  mig example -gethostname -lookuphost www.example.net
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
            "gethostname" => parameters.gethostname = words.switch()?,
            "getaddresses" => parameters.getaddresses = words.switch()?,
            "lookuphost" => {
                let names = parameters.lookuphost.get_or_insert_default();
                names.push(words.value()?);
            }
            _ => return Err(words.unknown()),
        }
    }
    Ok(Options::Parameters(parameters))
}
