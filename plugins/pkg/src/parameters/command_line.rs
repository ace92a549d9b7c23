//! The options of `mig pkg`.

use super::Parameters;
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Failure, Options};

/// What `mig pkg help` prints.
pub const HELP: &str = "\
Looks for installed packages in the databases of rpm, dpkg and apk
------------------------------------------------------------------
-name <regex>     pattern for the name of a package; repeat it to give
                  several, a package is listed once for each that it matches
-version <regex>  pattern for the version; !<regex> for versions that do not
                  match. ex: -version '!^1\\.1\\.1'

Patterns are Go regular expressions (RE2) and match anywhere unless anchored.
Names and versions are what the package manager prints: `libc6:amd64` for dpkg,
`1:2.3-4.el9` (epoch, version, release) for rpm.

ex: -name '^openssl' -name '^libssl' -version '^(1:)?1\\.0'
";

/// Turns words into parameters.
///
/// # Errors
/// When a word is no option, an option is unknown or its value is missing.
pub fn parse(words: &[String]) -> Result<Options<Parameters>, Failure> {
    if Words::ask_for_help(words) {
        return Ok(Options::Help(HELP.to_owned()));
    }
    let mut parameters = Parameters::default();
    let mut words = Words::new(words);
    while let Some(name) = words.next_option()? {
        match name {
            "name" => parameters.pkgmatch.matches.push(words.value()?),
            "version" => parameters.vermatch = words.value()?,
            "h" | "help" => return Ok(Options::Help(HELP.to_owned())),
            _ => return Err(words.unknown()),
        }
    }
    Ok(Options::Parameters(parameters))
}
