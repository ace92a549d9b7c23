//! Documents in files: JSON, or YAML with the same keys.

use super::Document;
use mig_plugin_sdk::payload::Schema;
use serde_json::Value;

/// Shorter files hold no document.
const LEAST: usize = 10;

/// Reads the text of a file. Leading blanks do not count; what begins with `{`
/// or `[` is JSON, everything else YAML. `schema` declares the JSON form; keys
/// count in any case there.
///
/// # Errors
/// What is wrong with the text, with the place in it.
pub fn read(text: &str, schema: Option<&Schema>) -> Result<Document, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    if text.len() < LEAST {
        return Err(format!(
            "the file holds no document: it has fewer than {LEAST} bytes"
        ));
    }
    if text.starts_with(['{', '[']) {
        json(text, schema)
    } else {
        yaml(text)
    }
}

fn json(text: &str, schema: Option<&Schema>) -> Result<Document, String> {
    let mut value: Value =
        serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    if let Some(schema) = schema {
        schema.normalise(&mut value);
    }
    if !value.is_object() {
        return Err("a document is an object with variables, objects and tests".to_owned());
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[cfg(feature = "yaml")]
fn yaml(text: &str) -> Result<Document, String> {
    super::yaml::read(text)
}

#[cfg(not(feature = "yaml"))]
fn yaml(_: &str) -> Result<Document, String> {
    Err("this program reads JSON documents only; clients read YAML as well".to_owned())
}
