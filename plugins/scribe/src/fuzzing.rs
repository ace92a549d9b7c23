//! Entries for fuzzing, not part of the interface.

use crate::document::{self, Source};
use crate::evaluation::evr;
use crate::module::{ScribeModule, document_schema};
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::json;

/// Reads bytes as a document file and checks what comes out: what is read must
/// survive being sent, and what is valid and needs nothing of the host must
/// come to an end with an entry for each test.
///
/// # Panics
/// When one of that does not hold.
pub fn document(data: &[u8]) {
    versions(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(document) = document::read(text, document_schema().as_ref()) else {
        return;
    };
    let sent = serde_json::to_value(&document).expect("documents are JSON");
    let again = serde_json::from_value(sent.clone()).expect("own output is readable");
    assert_eq!(document, again);
    let valid = document::validate(&document).is_empty();
    let fixed = |object: &document::Object| matches!(object.source(), Some(Source::Raw(_)));
    if valid && document.objects.iter().all(fixed) {
        let answer = FakeHost::new().run::<ScribeModule>(json!({"scribedoc": sent}));
        assert_eq!(answer.code, code::OK, "{}", answer.message());
        assert_eq!(answer.elements.len(), document.tests.len());
    }
}

/// Either way round, two versions have one order.
fn versions(data: &[u8]) {
    let (a, b) = data.split_at(data.len() / 2);
    match (evr::compare(a, b), evr::compare(b, a)) {
        (Ok(one), Ok(other)) => assert_eq!(one, other.reverse()),
        (one, other) => assert!(one.is_err() && other.is_err()),
    }
}
