//! The `examplepersist` module: a template for authors of persistent modules. It
//! logs the time every so often, and answers a query with the text it was asked.
//!
//! A persistent module is a [`Module`], whose parameters, options and printer are
//! those of a query, and a [`PersistentModule`], which serves them as long as the
//! agent lives.

mod answers;
mod command_line;
mod configuration;
mod serving;
#[cfg(test)]
mod tests;

pub use configuration::{Configuration, Section};

use mig_plugin_sdk::{
    Defaults, Failure, FieldError, Module, Options, PersistentModule, ResultDocument, Service,
    Session, Start, declare_plugin,
};
use serde::{Deserialize, Serialize};

/// What a query asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// Text to echo. Must not be empty.
    pub string: String,
}

/// The module.
#[derive(Debug)]
pub struct ExamplePersistModule;

impl Module for ExamplePersistModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(_: Parameters, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        // Hosts turn an action into a query to the running module.
        Err(Failure::unsupported("examplepersist answers while it runs"))
    }

    fn validate(parameters: &Parameters) -> Vec<FieldError> {
        match parameters.string.is_empty() {
            true => vec![FieldError::new("string", "is required: the text to echo")],
            false => Vec::new(),
        }
    }

    fn options(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        command_line::parse(words)
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        Ok(answers::lines(result, found_only))
    }
}

impl PersistentModule for ExamplePersistModule {
    type Configuration = Configuration;

    fn serve(start: Start<Configuration>, service: &Service<'_>) -> Result<(), Failure> {
        serving::serve(&start.config, service)
    }
}

declare_plugin!(persistent ExamplePersistModule);
