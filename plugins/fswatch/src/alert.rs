//! What an alert looks like: a severity, and a sentence with a path.

use crate::known::Signature;
use mig_plugin_sdk::payload::rawpath;
use serde::Serialize;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Its content is not what it was.
    Changed(Signature, Signature),
    /// It is neither file nor directory nor link, or what is watched is
    /// unreachable.
    Unhandled,
    /// It was new, and is gone already or cannot be looked at.
    Unseen,
    /// It is new.
    Created,
    /// It went away.
    Removed,
}

#[derive(Serialize)]
struct Document<'a> {
    severity: &'a str,
    alert: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rawpath: Option<String>,
}

/// The alert's text, a JSON object.
pub fn text(path: &Path, happening: Happening) -> String {
    let (shown, raw) = rawpath::describe(path.as_os_str().as_bytes());
    let (severity, alert) = match happening {
        Happening::Changed(old, new) => (
            "critical",
            format!("{shown} signature changed {old} -> {new}"),
        ),
        Happening::Unhandled => ("high", format!("unhandled notification for {shown}")),
        Happening::Unseen => ("medium", format!("unable to stat new path {shown}")),
        Happening::Created => ("low", format!("path {shown} created")),
        Happening::Removed => ("low", format!("path {shown} removed")),
    };
    let document = Document {
        severity,
        alert: &alert,
        rawpath: raw,
    };
    // Three texts always serialize.
    serde_json::to_string(&document).unwrap_or_default()
}
