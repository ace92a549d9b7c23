//! What can be asked of the module, as parameters and as options.

use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Failure, FieldError, Options};
use serde::{Deserialize, Serialize};

/// Where people keep their keys.
const USUAL: [&str; 2] = ["/root", "/home"];
const USUAL_DEPTH: u32 = 8;
const DEEPEST: i64 = 1000;

/// What `mig sshkey help` prints.
pub const HELP: &str = "\
Options
-------
-path <path>      directory to search, or file to look at; repeat it to give
                  several (/root and /home)
-maxdepth <n>     directory levels, the path itself being the first (8)

Finds private keys, public keys and authorized_keys of every format that OpenSSH
and PuTTY write, and returns their fingerprints.

ex: -path /home -path /etc/ssh -maxdepth 4
";

/// Where to look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// Directories and files; none for the usual ones.
    pub paths: Option<Vec<String>>,
    /// Directory levels, the path itself being the first; 0 for 8.
    pub maxdepth: i64,
}

impl Parameters {
    /// Where to search.
    pub fn places(&self) -> Vec<String> {
        match &self.paths {
            Some(paths) if !paths.is_empty() => paths.clone(),
            _ => USUAL.map(str::to_owned).to_vec(),
        }
    }

    /// How deep.
    pub fn depth(&self) -> u32 {
        match u32::try_from(self.maxdepth) {
            Ok(depth) if depth > 0 => depth,
            _ => USUAL_DEPTH,
        }
    }
}

/// Checks the depth.
pub fn validate(parameters: &Parameters) -> Vec<FieldError> {
    let depth = parameters.maxdepth;
    if (0..=DEEPEST).contains(&depth) {
        return Vec::new();
    }
    let message = format!("must be from 0 to {DEEPEST}, not {depth}");
    vec![FieldError::new("maxdepth", message)]
}

/// Turns words into parameters. No word at all is a question like any other.
///
/// # Errors
/// When a word is no option, an option is unknown, or a value is missing or of
/// the wrong kind.
pub fn parse(words: &[String]) -> Result<Options<Parameters>, Failure> {
    if !words.is_empty() && Words::ask_for_help(words) {
        return Ok(Options::Help(HELP.to_owned()));
    }
    let mut parameters = Parameters::default();
    let mut words = Words::new(words);
    while let Some(name) = words.next_option()? {
        match name {
            "path" => parameters
                .paths
                .get_or_insert_default()
                .push(words.value()?),
            "maxdepth" => parameters.maxdepth = words.parsed("a whole number")?,
            "h" | "help" => return Ok(Options::Help(HELP.to_owned())),
            _ => return Err(words.unknown()),
        }
    }
    Ok(Options::Parameters(parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_means_the_usual_places_and_depth() {
        for paths in [None, Some(vec![])] {
            let parameters = Parameters { paths, maxdepth: 0 };
            assert_eq!(parameters.places(), ["/root", "/home"]);
            assert_eq!(parameters.depth(), 8);
        }
        let parameters = Parameters {
            paths: Some(vec!["/etc".into()]),
            maxdepth: 1000,
        };
        assert_eq!(
            (parameters.places(), parameters.depth()),
            (vec!["/etc".into()], 1000)
        );
    }
}
