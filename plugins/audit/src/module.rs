//! The module's operations.

use crate::{Configuration, watching};
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{
    Defaults, Failure, Module, Options, PersistentModule, ResultDocument, Service, Session, Start,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The module.
#[derive(Debug)]
pub struct AuditModule;

/// Parameters of a query: there are none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Parameters {}

const HELP: &str = "audit: alerts of the kernel's audit trail
The module runs all the time on agents that have an audit.cfg. Asked, it only
answers that it does. There are no options.
ex: mig audit -t allonline
";

impl Module for AuditModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(_: Parameters, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Err(Failure::unsupported("it answers while it runs"))
    }

    fn options(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        // No word at all is the usual query.
        if !words.is_empty() && Words::ask_for_help(words) {
            return Ok(Options::Help(HELP.into()));
        }
        let mut words = Words::new(words);
        match words.next_option()? {
            None => Ok(Options::Parameters(Parameters {})),
            Some(_) => Err(words.unknown()),
        }
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        if let Some(ok) = result.elements.get("ok").and_then(Value::as_bool) {
            lines.push(format!("ok:{ok}"));
        }
        if !found_only {
            lines.extend(result.errors.iter().flatten().cloned());
        }
        Ok(lines)
    }
}

impl PersistentModule for AuditModule {
    type Configuration = Configuration;

    fn serve(start: Start<Configuration>, service: &Service<'_>) -> Result<(), Failure> {
        watching::serve(start, service)
    }
}

/// The answer to every query.
pub(crate) fn alive() -> ResultDocument {
    ResultDocument {
        foundanything: true,
        success: true,
        elements: json!({"ok": true}),
        statistics: Value::Null,
        errors: None,
    }
}
