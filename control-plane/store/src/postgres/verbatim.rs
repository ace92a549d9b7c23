//! U+0000, which neither PostgreSQL's text nor what it reads out of JSON can
//! hold. A column gets a replacement, so that conditions over it always work; a
//! document that must come back to the byte is kept beside it as it was.

use std::borrow::Cow;

/// Stands in for U+0000.
const REPLACEMENT: char = '\u{fffd}';

/// Text that a column can hold.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', REPLACEMENT.encode_utf8(&mut [0; 4])))
    } else {
        Cow::Borrowed(text)
    }
}

/// A JSON text whose strings a column's operators can read: the escape of
/// U+0000 is replaced by another of the same length. `None` when there was none.
pub(super) fn json(text: &str) -> Option<String> {
    const ESCAPE: &str = "\\u0000";
    if !text.contains(ESCAPE) {
        return None;
    }
    let mut readable = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('\\') {
        readable.push_str(&rest[..place]);
        rest = &rest[place..];
        // Every escape begins with a backslash and one more character, which
        // may be a backslash itself.
        if let Some(after) = rest.strip_prefix(ESCAPE) {
            readable.push_str("\\ufffd");
            rest = after;
        } else {
            let end = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
            readable.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    readable.push_str(rest);
    (readable != text).then_some(readable)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_document_keeps_everything_but_that_character(texts in vec("[\\\\\\x00u0é\"]{0,8}", 0..4)) {
            let whole = serde_json::to_string(&texts).unwrap();
            let readable: Vec<String> = match json(&whole) {
                Some(readable) => serde_json::from_str(&readable).unwrap(),
                None => texts.clone(),
            };
            let expected: Vec<_> = texts.iter().map(|one| text(one)).collect();
            prop_assert_eq!(readable, expected);
        }
    }

    #[test]
    fn only_the_escape_itself_is_replaced() {
        let cases = [
            (r#"["a"]"#, None),
            (r#"["\\u0000"]"#, None),
            (r#"["\u0000"]"#, Some(r#"["\ufffd"]"#)),
            (r#"["\\\u0000\u0000"]"#, Some(r#"["\\\ufffd\ufffd"]"#)),
            (
                r#"["\\\\u0000 \"\u0000é"]"#,
                Some(r#"["\\\\u0000 \"\ufffdé"]"#),
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(json(given).as_deref(), expected, "{given}");
        }
        assert_eq!(text("a\0b\0"), "a\u{fffd}b\u{fffd}");
        assert!(matches!(text("ab"), Cow::Borrowed("ab")));
    }
}
