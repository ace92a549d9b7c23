//! Paths that are not UTF-8. They travel with U+FFFD in place of the bad bytes
//! and, only then, with the exact bytes in base64 in a sibling field `rawpath`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Name of the sibling field.
pub const FIELD: &str = "rawpath";

/// The text of a path, and its exact bytes in base64 when they are not UTF-8.
pub fn describe(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (
            String::from_utf8_lossy(bytes).into_owned(),
            Some(STANDARD.encode(bytes)),
        ),
    }
}

/// The exact bytes of a described path; `None` when `raw` is not base64.
pub fn restore(text: &str, raw: Option<&str>) -> Option<Vec<u8>> {
    match raw {
        None => Some(text.as_bytes().to_vec()),
        Some(raw) => STANDARD.decode(raw).ok(),
    }
}
