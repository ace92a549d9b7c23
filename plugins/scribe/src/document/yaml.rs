//! Documents in YAML. Only clients read them: agents receive JSON.

use super::Document;

/// Reads a document. What a field expects decides what a plain scalar is:
/// `value: 1.10` is the text `1.10`.
///
/// # Errors
/// What is wrong with the text, with line and column, on one line.
pub fn read(text: &str) -> Result<Document, String> {
    let options = serde_saphyr::options! {
        // A document of the largest size has that many; aliases could make more
        // of a small one.
        budget: serde_saphyr::budget! {
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_depth: 64,
            max_anchors: 10_000,
            max_aliases: 100_000,
        },
        with_snippet: false,
    };
    let document: Option<Document> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let line: String = error.to_string().replace(['\n', '\r'], " ");
            format!("it is not YAML of a document: {line}")
        })?;
    Ok(document.unwrap_or_default())
}
