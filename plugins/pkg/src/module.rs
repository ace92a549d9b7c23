//! The module as the host sees it.

use crate::parameters::{self, Parameters, Version, complaint};
use crate::{Installed, Package, installed, results};
use mig_plugin_patterns::matching::TextPattern;
use mig_plugin_sdk::{Defaults, Failure, FieldError, Module, Options, ResultDocument, Session};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// The `pkg` module.
pub struct PkgModule;

/// Sends the packages of each pattern, pattern after pattern; how many.
fn emit(
    parameters: &Parameters,
    installed: &Installed,
    session: &Session<'_>,
) -> Result<u64, (u64, Failure)> {
    let failed = |failure| (0, failure);
    // A list that was cut short is not one without the package.
    session.check().map_err(failed)?;
    let mut version = Version::new(&parameters.vermatch).map_err(failed)?;
    let wanted: Vec<&Package> = installed
        .packages
        .iter()
        .filter(|package| {
            version
                .as_mut()
                .is_none_or(|version| version.wants(&package.version))
        })
        .collect();
    let mut found = 0;
    for text in &parameters.pkgmatch.matches {
        let pattern = TextPattern::new(text).map_err(|error| {
            let message = complaint(text, &error);
            (found, Failure::bad_parameters("pkgmatch.matches", message))
        })?;
        let mut cache = pattern.cache();
        for package in &wanted {
            session.check().map_err(|failure| (found, failure))?;
            if pattern.is_match(&mut cache, package.name.as_bytes()) {
                session
                    .element("/elements/packages", package)
                    .map_err(|failure| (found, failure))?;
                found += 1;
            }
        }
    }
    Ok(found)
}

impl Module for PkgModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let started = Instant::now();
        let installed = installed(Path::new("/"), session);
        let outcome = emit(&parameters, &installed, session);
        let document = |found: u64, success: bool| ResultDocument {
            foundanything: found > 0,
            success,
            // Packages that were sent take the place of the empty list.
            elements: json!({"packages": Value::Array(Vec::new())}),
            statistics: json!({"execruntime": results::duration(started.elapsed())}),
            errors: (!installed.problems.is_empty()).then(|| installed.problems.clone()),
        };
        match outcome {
            Ok(found) => Ok(document(found, true)),
            Err((found, failure)) => Err(failure.with_partial(document(found, false))),
        }
    }

    fn validate(parameters: &Parameters) -> Vec<FieldError> {
        parameters::validate(parameters)
    }

    fn options(words: &[String], _defaults: Defaults) -> Result<Options<Parameters>, Failure> {
        parameters::parse(words)
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        Ok(results::lines(result, found_only))
    }
}
