//! What the author of a module implements.

use crate::{Failure, FieldError, ResultDocument, Session};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// A module. There is no instance: every operation runs in a process of its own;
/// only `print` may be called there several times, once for each result.
///
/// All operations but `run` must be pure: same input, same output, no file and
/// no network access. Their sandbox has neither.
pub trait Module: 'static {
    /// Parameters of `run`. The SDK has brought keys to the manifest's
    /// spelling, removed nulls that mean "default" and checked the schema
    /// before it deserialises them.
    type Parameters: DeserializeOwned + Serialize;

    /// The manifest, usually `include_bytes!("../manifest.json")`.
    const MANIFEST: &'static [u8];

    /// Does the work. Findings may be streamed through the session or stand in
    /// the result; `success: true` belongs to a run that came to its end.
    ///
    /// # Errors
    /// What stopped the run. Elements streamed before are kept.
    fn run(parameters: Self::Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure>;

    /// Checks parameters beyond the schema. It runs before `run` and after
    /// `options`, and by itself.
    fn validate(_parameters: &Self::Parameters) -> Vec<FieldError> {
        Vec::new()
    }

    /// Turns the words of a command line into parameters. See
    /// [`crate::words::Words`] for the syntax.
    ///
    /// # Errors
    /// A failure that names the flag.
    fn options(
        _words: &[String],
        _defaults: Defaults,
    ) -> Result<Options<Self::Parameters>, Failure> {
        Err(Failure::unsupported("the module has no command line"))
    }

    /// As [`Module::options`], for command lines that name files of the person
    /// who asks, as in `-path tests.yaml`. The operation has no access to
    /// files: it answers [`Options::Files`] with the paths as they were
    /// written, and is asked again with what stands in them. Implement this one
    /// instead of the other.
    ///
    /// # Errors
    /// A failure that names the flag.
    fn options_with_files(
        words: &[String],
        defaults: Defaults,
        _files: &Files,
    ) -> Result<Options<Self::Parameters>, Failure> {
        Self::options(words, defaults)
    }

    /// Turns a result into lines. The result may be masked or come from another
    /// version of the module: take what is there.
    ///
    /// # Errors
    /// When the result cannot be printed at all.
    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        match &result.elements {
            Value::Object(elements) => {
                lines.extend(
                    elements
                        .iter()
                        .map(|(key, value)| format!("{key}: {value}")),
                );
            }
            Value::Null => {}
            other => lines.push(other.to_string()),
        }
        if !found_only {
            let errors = result.errors.iter().flatten();
            lines.extend(errors.map(|error| format!("error: {error}")));
        }
        Ok(lines)
    }

    /// May add to what `describe` answers: the manifest.
    fn describe(_manifest: &mut Value) {}
}

/// Whose defaults a command line gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Defaults {
    /// Those of the program `mig`.
    #[default]
    Mig,
    /// Those of parameters written as JSON.
    Json,
    /// Those of the interactive console.
    Console,
}

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Options<P> {
    /// A run with these parameters.
    Parameters(P),
    /// The module's help text.
    Help(String),
    /// The texts of these files, which stand among the words exactly so, or
    /// behind the `=` of one. A client reads no other file.
    Files(Vec<String>),
}

/// Texts of files that the words of a command line name.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct Files(BTreeMap<String, String>);

impl Files {
    /// What stands in the file that was named like this; `None` when it has to
    /// be asked for first.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }
}
