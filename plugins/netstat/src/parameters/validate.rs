//! What parameters must satisfy beyond their types. Every complaint names the
//! field and the value.

use super::Parameters;
use crate::questions::Network;
use mig_plugin_patterns::goregex;
use mig_plugin_sdk::FieldError;
use mig_plugin_sdk::payload::assemble::place;

/// Longest place that a host takes findings for, in bytes. The values asked for
/// are part of it.
const LONGEST_PLACE: usize = 4096;
/// Bytes of a value that fit there under every name, and with every byte
/// escaped.
const LONGEST_VALUE: usize = 2000;

/// Longest value repeated in a complaint, in characters.
const MAX_SHOWN: usize = 80;

/// Checks all questions; the complaints come in the order of the fields.
pub fn validate(parameters: &Parameters) -> Vec<FieldError> {
    let mut complaints = Vec::new();
    for (field, values) in [
        ("localmac", &parameters.localmac),
        ("neighbormac", &parameters.neighbormac),
    ] {
        for value in values {
            if let Err(error) = goregex::parse(value) {
                let reason = shown(&error.to_string());
                let message = format!("'{}' is not a regex: {reason}", shown(value));
                complaints.push(FieldError::new(field, message));
            }
        }
    }
    for (field, values) in [
        ("localip", &parameters.localip),
        ("neighborip", &parameters.neighborip),
        ("connectedip", &parameters.connectedip),
    ] {
        for value in values {
            if let Err(reason) = Network::parse(value) {
                let message = format!("'{}' is {reason}", shown(value));
                complaints.push(FieldError::new(field, message));
            }
        }
    }
    for (field, values) in [
        ("localmac", &parameters.localmac),
        ("neighbormac", &parameters.neighbormac),
        ("listeningport", &parameters.listeningport),
    ] {
        for value in values {
            if place(&[field, value]).len() > LONGEST_PLACE {
                let message = format!(
                    "'{}' is too long; ask with several values of at most {LONGEST_VALUE} bytes",
                    shown(value)
                );
                complaints.push(FieldError::new(field, message));
            }
        }
    }
    for value in &parameters.listeningport {
        if port(value).is_none() {
            let message = format!(
                "'{}' is not a port: it must be a number between 1 and 65535",
                shown(value)
            );
            complaints.push(FieldError::new("listeningport", message));
        }
    }
    complaints
}

/// The number of a port as the original reads it: decimal, a sign and leading
/// zeros do no harm, and 0 is let through.
pub fn port(value: &str) -> Option<u16> {
    let number: i64 = value.parse().ok()?;
    u16::try_from(number).ok()
}

/// A value on one line, not too long.
fn shown(value: &str) -> String {
    let mut shown: String = value
        .chars()
        .take(MAX_SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if value.chars().nth(MAX_SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}
