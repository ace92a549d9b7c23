//! What was found, as JSON and as printed lines.

use crate::examine::{Entry, Kind};
use mig_plugin_sdk::ResultDocument;
use mig_plugin_sdk::payload::rawpath;
use serde::Serialize;
use serde_json::Value;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where elements are streamed to.
pub const PLACE: &str = "/elements/keys";
/// What stands for a fingerprint that is not known.
const UNKNOWN: &str = "unknown";
const PRIVATE: &str = "private";

/// A key in the result, in the original's order of fields.
#[derive(Debug, Serialize)]
pub struct Element<'a> {
    fingerprint_md5: String,
    fingerprint_sha256: String,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rawpath: Option<&'a str>,
    encrypted: bool,
    r#type: &'static str,
}

/// A path as results carry it: as text, and in base64 when it is none.
pub struct Place {
    /// The text.
    pub text: String,
    raw: Option<String>,
}

impl Place {
    /// Describes a path.
    pub fn of(path: &Path) -> Self {
        let (text, raw) = rawpath::describe(path.as_os_str().as_bytes());
        Self { text, raw }
    }

    /// The result's element of a key in this file.
    pub fn element(&self, entry: &Entry) -> Element<'_> {
        let fingerprint = |form: fn(&crate::key::PublicKey) -> String| {
            entry.key.as_ref().map(form).unwrap_or_default()
        };
        Element {
            fingerprint_md5: fingerprint(|key| key.md5()),
            fingerprint_sha256: fingerprint(|key| key.sha256()),
            path: &self.text,
            rawpath: self.raw.as_deref(),
            encrypted: entry.encrypted,
            r#type: match entry.kind {
                Kind::Private => PRIVATE,
                Kind::Public => "public",
                Kind::AuthorizedKeys => "authorizedkeys",
            },
        }
    }
}

/// The lines of a result, one per key; errors unless `found_only`. The result
/// may be masked or come from another version: what is missing prints as empty.
pub fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    let keys = result.elements["keys"].as_array();
    let mut lines: Vec<String> = keys.into_iter().flatten().map(line).collect();
    if !found_only {
        lines.extend(result.errors.iter().flatten().cloned());
    }
    lines
}

fn line(key: &Value) -> String {
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    let kind = text("type");
    let mut line = format!("{} [{kind}]", text("path"));
    if kind == PRIVATE {
        let encrypted = key["encrypted"].as_bool().unwrap_or_default();
        line.push_str(&format!(" encrypted={encrypted}"));
    }
    for (label, name) in [
        ("md5fp", "fingerprint_md5"),
        ("sha256fp", "fingerprint_sha256"),
    ] {
        let value = match text(name) {
            "" => UNKNOWN,
            value => value,
        };
        line.push_str(&format!(" {label}={value}"));
    }
    line
}
