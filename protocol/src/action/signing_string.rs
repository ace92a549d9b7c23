//! The text that signatures cover.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::documents::{Action, Operation};
use crate::json::format_double;

/// The separators that end a field of the signing string. Within a name or a
/// target they would let text move from one field to another under the same
/// signature.
const SEPARATORS: [&str; 4] = [";target=", ";validfrom=", ";expireafter=", ";operations="];

/// Whole numbers from here on cannot all be told apart as doubles.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;

/// Why an action cannot be signed unambiguously.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningRefusal {
    /// Name or target contains a separator of the signing string.
    #[error(
        "the action's {field} contains `{separator}`, which would make its signature ambiguous; reword it"
    )]
    Ambiguous {
        /// `name` or `target`.
        field: &'static str,
        /// What it contains.
        separator: &'static str,
    },
    /// A number in the parameters would be rounded.
    #[error(
        "operation {operation}: the number {value} at {place} is beyond 2^53 and would be rounded; pass it as a text"
    )]
    InexactNumber {
        /// Index of the operation.
        operation: usize,
        /// Where in the parameters, as in `searches.s1.options.size`.
        place: String,
        /// The number.
        value: String,
    },
}

/// The text that every signature of the action covers.
///
/// ```text
/// name=<name>;target=<target>;validfrom=<s>;expireafter=%!s(int64=<s>);operations=<canonical JSON>;
/// ```
///
/// The wrapper around the expiry is a formatting accident of the original,
/// frozen for compatibility.
pub fn signing_string(action: &Action) -> String {
    format!(
        "name={};target={};validfrom={};expireafter=%!s(int64={});operations={};",
        action.name,
        action.target,
        action.validfrom.unix_seconds(),
        action.expireafter.unix_seconds(),
        canonical_operations(action.operations.as_deref()),
    )
}

/// The canonical JSON of an action's operations: `null` when absent, operation
/// members in their fixed order, parameters as in
/// [`canonical_json`](crate::json::canonical_json).
pub fn canonical_operations(operations: Option<&[Operation]>) -> String {
    let Some(operations) = operations else {
        return "null".to_owned();
    };
    let mut out = String::from("[");
    for (index, operation) in operations.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str("{\"module\":");
        crate::json::write_text(&mut out, &operation.module);
        out.push_str(",\"parameters\":");
        crate::json::write_canonical(&mut out, &operation.parameters);
        if operation.is_compressed {
            out.push_str(",\"is_compressed\":true");
        }
        if operation.want_compressed {
            out.push_str(",\"want_compressed\":true");
        }
        out.push('}');
    }
    out.push(']');
    out
}

/// What identifies an action for replay protection: the SHA-256 of its signing
/// string. Two actions with the same key are the same action, whatever their
/// ids.
pub fn replay_key(action: &Action) -> [u8; 32] {
    Sha256::digest(signing_string(action).as_bytes()).into()
}

/// Checks that name and target cannot be mistaken for other fields. Signers and
/// verifiers both do.
///
/// # Errors
/// [`SigningRefusal::Ambiguous`].
pub fn check_unambiguous(action: &Action) -> Result<(), SigningRefusal> {
    for (field, text) in [("name", &action.name), ("target", &action.target)] {
        if let Some(separator) = SEPARATORS
            .into_iter()
            .find(|separator| text.contains(separator))
        {
            return Err(SigningRefusal::Ambiguous { field, separator });
        }
    }
    Ok(())
}

/// Checks that signing would say exactly what the author wrote.
///
/// # Errors
/// An ambiguous name or target, or a whole number of 2^53 or more.
pub fn check_signable(action: &Action) -> Result<(), SigningRefusal> {
    check_unambiguous(action)?;
    for (index, operation) in action.operations().iter().enumerate() {
        if let Some((place, value)) = inexact_number(&operation.parameters) {
            let place = if place.is_empty() {
                "its parameters".to_owned()
            } else {
                place
            };
            return Err(SigningRefusal::InexactNumber {
                operation: index,
                place,
                value,
            });
        }
    }
    Ok(())
}

/// Place and text of the first number that a double may not hold exactly.
fn inexact_number(value: &Value) -> Option<(String, String)> {
    match value {
        Value::Number(number) => {
            let double = number.as_f64()?;
            let text = if number.is_f64() {
                format_double(double)
            } else {
                number.to_string()
            };
            (double.abs() >= FIRST_INEXACT).then_some((String::new(), text))
        }
        Value::Array(elements) => elements.iter().enumerate().find_map(|(index, element)| {
            let (place, text) = inexact_number(element)?;
            Some((join(&index.to_string(), &place), text))
        }),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let (place, text) = inexact_number(member)?;
            Some((join(&name.escape_debug().to_string(), &place), text))
        }),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

fn join(outer: &str, inner: &str) -> String {
    if inner.is_empty() {
        outer.to_owned()
    } else {
        format!("{outer}.{inner}")
    }
}
