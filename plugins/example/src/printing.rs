//! The lines that clients show.

use crate::elements::{Elements, Statistics};
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::{Failure, ResultDocument};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What was found, then errors and the count unless only finds are wanted.
///
/// # Errors
/// When the result is not one of this module.
pub fn lines(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
    let elements: Elements = part(&result.elements, "elements")?;
    let mut lines = Vec::new();
    if !elements.hostname.is_empty() {
        lines.push(format!("hostname is {}", elements.hostname));
    }
    for address in &elements.addresses {
        lines.push(format!("address is {address}"));
    }
    for (name, addresses) in &elements.lookeduphost {
        for address in addresses {
            lines.push(format!("lookedup host {name} has IP {address}"));
        }
    }
    if !found_only {
        for error in result.errors.iter().flatten() {
            lines.push(format!("error: {error}"));
        }
        if !result.statistics.is_null() {
            let statistics: Statistics = part(&result.statistics, "statistics")?;
            lines.push(format!("stat: {} stuff found", statistics.stufffound));
        }
    }
    Ok(lines)
}

/// A part of the result; absent is empty.
fn part<T: DeserializeOwned + Default>(value: &Value, name: &str) -> Result<T, Failure> {
    if value.is_null() {
        return Ok(T::default());
    }
    T::deserialize(value)
        .map_err(|error| Failure::new(code::BAD_PARAMETERS, format!("result {name}: {error}")))
}
