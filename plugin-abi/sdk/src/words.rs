//! The words of a module's command line.
//!
//! One or two dashes, `-x v` or `-x=v`; flags that are switches take a value
//! only as `-x=false`. A word that is no option is an error, and so is what
//! follows it: nothing is dropped silently.

use crate::Failure;

/// Reads options one after the other.
///
/// ```
/// use mig_plugin_sdk::{Failure, words::Words};
///
/// fn parse(words: &[String]) -> Result<(Vec<String>, bool), Failure> {
///     let (mut paths, mut deep) = (Vec::new(), false);
///     let mut words = Words::new(words);
///     while let Some(name) = words.next_option()? {
///         match name {
///             "path" => paths.push(words.value()?),
///             "deep" => deep = words.switch()?,
///             _ => return Err(words.unknown()),
///         }
///     }
///     Ok((paths, deep))
/// }
/// ```
pub struct Words<'a> {
    words: std::slice::Iter<'a, String>,
    /// The current option as it was written, without a `=value`.
    written: &'a str,
    /// The value after `=`, until it is taken.
    attached: Option<&'a str>,
}

impl<'a> Words<'a> {
    /// Starts at the first word.
    pub fn new(words: &'a [String]) -> Self {
        Self {
            words: words.iter(),
            written: "",
            attached: None,
        }
    }

    /// True when the words ask for help: no word, an empty first word, `help`,
    /// or one of the usual help flags.
    pub fn ask_for_help(words: &[String]) -> bool {
        matches!(
            words.first().map(String::as_str),
            None | Some("" | "help" | "-h" | "-help" | "--help")
        )
    }

    /// The next option's name without dashes, or `None` at the end.
    ///
    /// # Errors
    /// When the word is not an option, or the last switch had a value it
    /// cannot take.
    pub fn next_option(&mut self) -> Result<Option<&'a str>, Failure> {
        if let Some(value) = self.attached.take() {
            return Err(Failure::bad_parameters(
                self.written,
                format!("option {} takes no value, but has `{value}`", self.written),
            ));
        }
        let Some(word) = self.words.next() else {
            return Ok(None);
        };
        let name = word
            .strip_prefix("--")
            .or_else(|| word.strip_prefix('-'))
            .filter(|name| !name.is_empty() && !name.starts_with(['-', '=']));
        let Some(name) = name else {
            return Err(Failure::bad_parameters(
                word.as_str(),
                format!("`{word}` is not an option; options start with a dash"),
            ));
        };
        let dashes = word.len() - name.len();
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, None),
        };
        self.written = &word[..dashes + name.len()];
        self.attached = value;
        Ok(Some(name))
    }

    /// The value of the current option: what follows `=`, or the next word.
    ///
    /// # Errors
    /// When there is none.
    pub fn value(&mut self) -> Result<String, Failure> {
        if let Some(value) = self.attached.take() {
            return Ok(value.to_owned());
        }
        self.words.next().cloned().ok_or_else(|| {
            Failure::bad_parameters(
                self.written,
                format!("option {} needs a value", self.written),
            )
        })
    }

    /// The value of the current option as a number or whatever else parses.
    ///
    /// # Errors
    /// When it is missing or does not parse; `kind` says what was expected.
    pub fn parsed<T: std::str::FromStr>(&mut self, kind: &str) -> Result<T, Failure> {
        let value = self.value()?;
        value.parse().map_err(|_| {
            Failure::bad_parameters(
                self.written,
                format!("option {}: `{value}` is not {kind}", self.written),
            )
        })
    }

    /// The value of the current option as a number that JSON can carry.
    ///
    /// # Errors
    /// When it is missing, no number, or not finite.
    pub fn number(&mut self) -> Result<f64, Failure> {
        let value: f64 = self.parsed("a number")?;
        if value.is_finite() {
            return Ok(value);
        }
        Err(Failure::bad_parameters(
            self.written,
            format!("option {}: the number must be finite", self.written),
        ))
    }

    /// The current option as a switch: on, unless it says `=false`.
    ///
    /// # Errors
    /// When what follows `=` is not a truth value.
    pub fn switch(&mut self) -> Result<bool, Failure> {
        match self.attached.take() {
            None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(value) => Err(Failure::bad_parameters(
                self.written,
                format!(
                    "option {}: `{value}` is neither true nor false",
                    self.written
                ),
            )),
        }
    }

    /// The failure for an option the module does not know.
    pub fn unknown(&self) -> Failure {
        Failure::bad_parameters(
            self.written,
            format!("unknown option {}; `help` lists all", self.written),
        )
    }

    /// The current option as it was written.
    pub fn written(&self) -> &'a str {
        self.written
    }
}
