//! The `example` module: a template for authors, useful enough to try things
//! with. It reports the host name, the addresses of the interfaces and what
//! names resolve to.

mod command_line;
mod elements;
mod printing;
mod system;
#[cfg(test)]
mod tests;

use elements::{Elements, Statistics};
use mig_plugin_sdk::{
    Defaults, Failure, FieldError, Module, Options, ResultDocument, Session, declare_plugin, hosts,
};
use serde::{Deserialize, Serialize};

/// What a run is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// Return the host name.
    pub gethostname: bool,
    /// Return the addresses of all interfaces but loopback, with prefix length.
    pub getaddresses: bool,
    /// Names to look up.
    pub lookuphost: Option<Vec<String>>,
}

/// The module.
pub struct Example;

impl Module for Example {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        run_with(&parameters, session, &system::look_up)
    }

    fn validate(parameters: &Parameters) -> Vec<FieldError> {
        let names = parameters.lookuphost.iter().flatten().enumerate();
        names
            .filter_map(|(index, name)| {
                let reason = hosts::name_objection(name)?;
                let field = format!("lookuphost[{index}]");
                Some(FieldError::new(
                    field,
                    format!("`{}` {reason}", name.escape_debug()),
                ))
            })
            .collect()
    }

    fn options(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        command_line::parse(words)
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        printing::lines(result, found_only)
    }
}

declare_plugin!(Example);

/// Looks a name up; tests give their own.
type LookUp<'a> = &'a dyn Fn(&str) -> std::io::Result<Vec<String>>;

/// One thing after the other; what cannot be found out is an error in the
/// result and keeps nothing else from being found.
fn run_with(
    parameters: &Parameters,
    session: &Session<'_>,
    look_up: LookUp<'_>,
) -> Result<ResultDocument, Failure> {
    let mut elements = Elements::default();
    let mut statistics = Statistics::default();
    let mut errors = Vec::new();
    let names = parameters.lookuphost.as_deref().unwrap_or_default();
    let mut steps = 0..names.len() as u64 + 2;
    let total = steps.end;
    let mut step = |elements: &Elements, statistics: &Statistics, errors: &[String]| {
        if let Some(done) = steps.next() {
            session.progress(done, total);
        }
        session.check().map_err(|failure| {
            failure.with_partial(elements::document(elements, statistics, errors, false))
        })
    };

    step(&elements, &statistics, &errors)?;
    if parameters.gethostname {
        match system::host_name() {
            Ok(name) => {
                elements.hostname = name;
                statistics.stufffound += 1;
            }
            Err(error) => errors.push(format!("host name: {error}")),
        }
    }
    step(&elements, &statistics, &errors)?;
    if parameters.getaddresses {
        match system::addresses() {
            Ok(addresses) => {
                statistics.stufffound += addresses.len() as u64;
                elements.addresses = addresses;
            }
            Err(error) => errors.push(format!("addresses: {error}")),
        }
    }
    for name in names {
        step(&elements, &statistics, &errors)?;
        match look_up(name) {
            Ok(addresses) => {
                elements.lookeduphost.insert(name.clone(), addresses);
            }
            Err(error) => errors.push(format!("look-up of {name}: {error}")),
        }
    }
    let success = errors.is_empty();
    Ok(elements::document(&elements, &statistics, &errors, success))
}
