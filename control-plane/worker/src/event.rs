//! What is posted for an event.

use serde::de::IgnoredAny;

/// Why an event is not posted at all.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Its body.
    #[error("its body is not a JSON document: {0}")]
    NotJson(String),
}

/// The document that the webhook gets: what happened, an identifier that is the
/// same when it comes again, when the scheduler told of it (seconds since 1970,
/// 0 if unknown), and the agent's record or command as the scheduler sent it.
///
/// # Errors
/// The body is no JSON: nobody could make anything of the whole.
pub(crate) fn document(
    key: &str,
    id: Option<&str>,
    seconds: u64,
    body: &[u8],
) -> Result<Vec<u8>, Malformed> {
    // Read to the end, but kept as it came: numbers and order may matter.
    let text = str::from_utf8(body).map_err(|error| Malformed::NotJson(error.to_string()))?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| Malformed::NotJson(error.to_string()))?;
    let head = serde_json::json!({ "event": key, "id": id, "time": seconds }).to_string();
    let mut document = Vec::with_capacity(head.len() + body.len() + 9);
    document.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
    document.extend_from_slice(b",\"data\":");
    document.extend_from_slice(body);
    document.push(b'}');
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_stays_as_it_is_and_what_is_no_json_is_refused() {
        let body = br#" {"b":1.0,"a":12345678901234567890123} "#;
        let document = document("agent.new", Some("a\"-1"), 7, body).expect("a document");
        let text = String::from_utf8(document).expect("text");
        assert_eq!(
            text,
            r#"{"event":"agent.new","id":"a\"-1","time":7,"data": {"b":1.0,"a":12345678901234567890123} }"#
        );
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["data"]["b"], 1.0);
        for body in [&b""[..], b"{", b"{}x", b"{\"a\":1}, \"evil\": 2", b"\xff"] {
            assert!(super::document("agent.new", None, 0, body).is_err());
        }
    }
}
