//! Entries for fuzzing, not part of the interface.

use crate::document;
use crate::module::document_schema;

/// Reads bytes as a document file and checks what comes out; what is valid must
/// survive being sent.
///
/// # Panics
/// When a document changes on its way to the agent.
pub fn document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(document) = document::read(text, document_schema().as_ref()) else {
        return;
    };
    let _ = document::validate(&document);
    let sent = serde_json::to_string(&document).expect("documents are JSON");
    let again = serde_json::from_str(&sent).expect("own output is readable");
    assert_eq!(document, again);
}
