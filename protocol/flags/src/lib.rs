//! Command-line flags as the programs of a MIG site have always spelt them.
//!
//! One or two dashes, `-x=value` or `-x value`, booleans alone or as
//! `-x=false`; parsing stops at the first word that is not a flag. Scripts of
//! existing sites depend on single-dash long names, which the usual libraries
//! read as bundled short ones.

use thiserror::Error;

/// One flag a program knows.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Name without dashes.
    pub name: &'static str,
    /// Whether a value follows; otherwise it is a boolean.
    pub takes_value: bool,
}

/// A flag followed by a value.
pub const fn value(name: &'static str) -> Flag {
    Flag {
        name,
        takes_value: true,
    }
}

/// A boolean flag.
pub const fn switch(name: &'static str) -> Flag {
    Flag {
        name,
        takes_value: false,
    }
}

/// Why a command line is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FlagError {
    /// The flag is none of the program's.
    #[error("unknown option -{0}; see help for the options")]
    Unknown(String),
    /// The command line ends where a value should stand.
    #[error("option -{0} needs a value")]
    MissingValue(&'static str),
    /// A boolean flag with a value that is none.
    #[error("option -{name} takes true or false, not `{value}`")]
    NotBoolean {
        /// The flag.
        name: &'static str,
        /// What was given.
        value: String,
    },
}

/// What to do with a flag the program does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Refuse the command line.
    Refuse,
    /// Stop: it and everything after it belongs to somebody else.
    Stop,
}

/// A command line taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    values: Vec<(&'static str, String)>,
    /// The words that were not consumed.
    pub rest: Vec<String>,
}

impl Parsed {
    /// The last value given for a flag.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .rev()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a boolean flag was given and not set to false.
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name) == Some("true")
    }

    /// Whether the flag was given at all.
    pub fn given(&self, name: &str) -> bool {
        self.value(name).is_some()
    }
}

/// Takes `words` apart.
///
/// # Errors
/// A value that is missing, a boolean that is none and, with
/// [`Unknown::Refuse`], a flag that is not in `flags`.
pub fn parse(words: &[String], flags: &[Flag], unknown: Unknown) -> Result<Parsed, FlagError> {
    let mut parsed = Parsed::default();
    let mut position = 0;
    while let Some(word) = words.get(position) {
        let Some(body) = word.strip_prefix('-').filter(|body| !body.is_empty()) else {
            break;
        };
        if body == "-" {
            position += 1;
            break;
        }
        let body = body.strip_prefix('-').unwrap_or(body);
        let (name, inline) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (body, None),
        };
        let Some(flag) = flags.iter().find(|flag| flag.name == name) else {
            match unknown {
                Unknown::Refuse => return Err(FlagError::Unknown(name.to_owned())),
                Unknown::Stop => break,
            }
        };
        position += 1;
        let value = if flag.takes_value {
            match inline {
                Some(value) => value.to_owned(),
                None => {
                    let value = words
                        .get(position)
                        .ok_or(FlagError::MissingValue(flag.name))?;
                    position += 1;
                    value.clone()
                }
            }
        } else {
            boolean(flag.name, inline.unwrap_or("true"))?.to_string()
        };
        parsed.values.push((flag.name, value));
    }
    parsed.rest = words[position..].to_vec();
    Ok(parsed)
}

/// The spellings of a boolean that the original's programs accept.
fn boolean(name: &'static str, value: &str) -> Result<bool, FlagError> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(FlagError::NotBoolean {
            name,
            value: value.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &[Flag] = &[value("t"), value("show"), switch("p")];

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn both_spellings_and_both_dashes_are_understood() {
        for line in [
            "-t local -p",
            "-t=local --p",
            "--t local -p=true",
            "--t=local -p=1",
        ] {
            let parsed = parse(&words(line), FLAGS, Unknown::Refuse).unwrap();
            assert_eq!(parsed.value("t"), Some("local"), "{line}");
            assert!(parsed.is_set("p"), "{line}");
            assert!(parsed.rest.is_empty(), "{line}");
        }
    }

    #[test]
    fn parsing_stops_at_the_first_foreign_word() {
        for (line, rest) in [
            ("-t local -path /etc -p", "-path /etc -p"),
            ("-t local -path=/etc", "-path=/etc"),
            ("-p help", "help"),
            ("-p -- -t", "-t"),
        ] {
            let parsed = parse(&words(line), FLAGS, Unknown::Stop).unwrap();
            assert_eq!(parsed.rest, words(rest), "{line}");
        }
    }

    #[test]
    fn the_last_value_counts_and_may_begin_with_a_dash() {
        let parsed = parse(&words("-t a -t -b -p=false"), FLAGS, Unknown::Refuse).unwrap();
        assert_eq!(parsed.value("t"), Some("-b"));
        assert!(!parsed.is_set("p"));
        assert!(parsed.given("p"));
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("-t", FlagError::MissingValue("t")),
            ("-x", FlagError::Unknown("x".into())),
            (
                "-p=maybe",
                FlagError::NotBoolean {
                    name: "p",
                    value: "maybe".into(),
                },
            ),
        ];
        for (line, error) in cases {
            assert_eq!(
                parse(&words(line), FLAGS, Unknown::Refuse),
                Err(error),
                "{line}"
            );
        }
    }
}
