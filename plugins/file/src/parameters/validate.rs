//! What parameters must satisfy beyond their types. Every complaint names the
//! search, the field and the value.

use super::{Mtime, Parameters, Search, Size};
use mig_plugin_patterns::goregex;
use mig_plugin_sdk::FieldError;
use mig_plugin_sdk::texts::shown;

/// Longest reason of a refused pattern, in characters.
const MAX_REASON: usize = 160;

/// The kinds of checks that `mismatch` can invert.
const KINDS: &[&str] = &[
    "name", "size", "mode", "mtime", "content", "md5", "sha1", "sha2", "sha3",
];
/// Longest label, in characters.
const MAX_LABEL: usize = 64;

/// Splits off the `!` that inverts a content or name pattern. A lone `!` is the
/// pattern `!`.
pub fn pattern_of(value: &str) -> (bool, &str) {
    match value.strip_prefix('!') {
        Some(pattern) if !pattern.is_empty() => (true, pattern),
        _ => (false, value),
    }
}

/// Checks all searches; the complaints come in the order of the labels.
pub fn validate(parameters: &Parameters) -> Vec<FieldError> {
    let mut complaints = Vec::new();
    for (label, search) in &parameters.searches {
        let mut check = Check {
            label,
            complaints: &mut complaints,
        };
        check.search(search);
    }
    complaints
}

struct Check<'a> {
    label: &'a str,
    complaints: &'a mut Vec<FieldError>,
}

impl Check<'_> {
    fn complain(&mut self, field: &str, message: String) {
        let field = format!("searches.{}.{field}", shown(self.label));
        self.complaints.push(FieldError::new(field, message));
    }

    fn search(&mut self, search: &Search) {
        self.label();
        if search.paths.is_empty() {
            self.complain("paths", "needs at least one path".to_owned());
        }
        for (field, values, inverts) in [
            ("contents", &search.contents, true),
            ("names", &search.names, true),
            ("modes", &search.modes, false),
        ] {
            for value in values {
                self.pattern(field, value, inverts);
            }
        }
        for value in &search.sizes {
            if let Err(reason) = Size::parse(value) {
                self.complain(
                    "sizes",
                    format!("'{}' is not a size: {reason}", shown(value)),
                );
            }
        }
        for value in &search.mtimes {
            if let Err(reason) = Mtime::parse(value) {
                self.complain(
                    "mtimes",
                    format!("'{}' is not a period: {reason}", shown(value)),
                );
            }
        }
        self.hashes("md5", &search.md5, &[32]);
        self.hashes("sha1", &search.sha1, &[40]);
        self.hashes("sha2", &search.sha2, &[64, 96, 128]);
        self.hashes("sha3", &search.sha3, &[56, 64, 96, 128]);
        for kind in search.options.mismatch.iter().flatten() {
            if !KINDS.contains(&kind.as_str()) {
                let kinds = KINDS.join(", ");
                self.complain(
                    "options.mismatch",
                    format!("'{}' is not one of {kinds}", shown(kind)),
                );
            }
        }
    }

    fn label(&mut self) {
        let length = self.label.chars().count();
        if length == 0 {
            self.complain("label", "must not be empty".to_owned());
        } else if length > MAX_LABEL || self.label.contains('\n') {
            let message = format!("must have 1 to {MAX_LABEL} characters and no line feed");
            self.complain("label", message);
        }
    }

    fn pattern(&mut self, field: &str, value: &str, inverts: bool) {
        if value.is_empty() {
            return self.complain(field, "an empty regex is not permitted".to_owned());
        }
        // Stored actions may carry `!` in modes: it has always been tolerated
        // there and is part of the pattern.
        let (_, stripped) = pattern_of(value);
        let pattern = if inverts { stripped } else { value };
        if let Err(error) = goregex::parse(pattern) {
            let value = shown(value);
            // The fragment may repeat a pattern of any length.
            let reason: String = error.to_string().escape_debug().take(MAX_REASON).collect();
            self.complain(field, format!("'{value}' is not a regex: {reason}"));
        }
    }

    fn hashes(&mut self, field: &str, values: &[String], lengths: &[usize]) {
        for value in values {
            if lengths.contains(&value.len()) && value.bytes().all(|b| b.is_ascii_hexdigit()) {
                continue;
            }
            let lengths: Vec<String> = lengths.iter().map(usize::to_string).collect();
            self.complain(
                field,
                format!(
                    "'{}' is not a checksum: it must have {} hexadecimal digits",
                    shown(value),
                    lengths.join(", ")
                ),
            );
        }
    }
}
