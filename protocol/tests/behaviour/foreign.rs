//! Documents from strangers.

use mig_protocol::{
    Id, Limits, ReadError, command_id_hint, parse_action, parse_command, parse_value,
};
use proptest::prelude::*;

#[test]
fn deep_nesting_is_refused_before_anything_recurses() {
    for opening in ["[", "{\"a\":", "[{\"a\":"] {
        let mut json = b"{\"operations\":[{\"parameters\":".to_vec();
        json.extend(opening.repeat(200_000).bytes());
        assert!(
            matches!(parse_action(&json), Err(ReadError::TooDeep { .. })),
            "{opening}"
        );
    }
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse_value(nested(100).as_bytes(), &Limits::DOCUMENT).is_ok());
    assert!(parse_value(nested(101).as_bytes(), &Limits::DOCUMENT).is_err());
    let greedy = Limits {
        depth: usize::MAX,
        ..Limits::DOCUMENT
    };
    assert!(
        parse_value(nested(1000).as_bytes(), &greedy).is_err(),
        "no caller can ask for more than the stack takes"
    );
}

#[test]
fn size_and_number_of_values_are_limited() {
    let limits = Limits {
        bytes: 100,
        depth: 10,
        values: 10,
    };
    let error = parse_value(&[b' '; 101], &limits).unwrap_err().to_string();
    assert_eq!(error, "the document has 101 bytes, 100 are allowed");
    assert!(parse_value(b"[0,0,0,0,0,0,0,0]", &limits).is_ok());
    assert!(matches!(
        parse_value(b"[0,0,0,0,0,0,0,0,0,0]", &limits),
        Err(ReadError::TooMany { .. })
    ));
    assert!(
        parse_value(b"[\",,,,,,,,,,,,[[[[[[[[[[[[[[[[\"]", &limits).is_ok(),
        "what is within a text does not count"
    );
}

#[test]
fn bytes_that_are_not_utf8_are_allowed_in_texts_only() {
    assert!(parse_action(b"{\"name\":\"\xff\"}").is_ok_and(|action| action.name == "\u{fffd}"));
    assert!(parse_action(b"{\"name\":\"\\\xff\"}").is_err());
    assert!(parse_action(b"{\"name\":\"\\u12\xff\"}").is_err());
    assert!(parse_action(b"\xff{}").is_err());
    assert!(parse_action(b"{}\xff").is_err());
    assert!(
        parse_action(b"\xef\xbb\xbf{}").is_err(),
        "a byte order mark is no JSON"
    );
}

#[test]
fn numbers_beyond_doubles_are_refused() {
    assert!(parse_action(br#"{"operations":[{"parameters":1e400}]}"#).is_err());
}

#[test]
fn an_undecodable_command_still_gives_its_id() {
    let broken = br#"{"id":2.8044140937300e13,"action":{"name":7},"status":[]}"#;
    assert!(parse_command(broken).is_err());
    assert_eq!(command_id_hint(broken), Some(Id(28_044_140_937_300)));
    assert_eq!(command_id_hint(br#"{"action":{"name":7}}"#), None);
    assert_eq!(command_id_hint(br#"{"id":0}"#), None);
    assert_eq!(command_id_hint(br#"{"id":7"#), None);
}

#[test]
fn errors_quote_documents_on_one_line_only() {
    let error = parse_action(b"{\"status\":{},\"name\":\"\\u001b[31m\\n\"}")
        .unwrap_err()
        .to_string();
    assert!(
        !error.contains('\u{1b}') && !error.contains('\n'),
        "{error}"
    );
    let error = parse_action(b"{\"validfrom\":\"\\u001b[31m\\nx\"}")
        .unwrap_err()
        .to_string();
    assert!(
        !error.contains('\u{1b}') && !error.contains('\n'),
        "{error}"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_action(&bytes);
        let _ = parse_command(&bytes);
        let _ = command_id_hint(&bytes);
        let _ = mig_protocol::Acl::parse(&bytes);
    }

    #[test]
    fn damaged_documents_are_read_or_refused_without_a_panic(at in 0_usize..800, byte in any::<u8>()) {
        let mut bytes = crate::data("action.json");
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(action) = parse_action(&bytes) {
            let again = mig_protocol::to_go_json(&action).expect("json");
            prop_assert_eq!(parse_action(&again).expect("reads back"), action);
        }
    }

    #[test]
    fn texts_in_any_bytes_are_read_as_go_does(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'u'), Just(b'd')], 0..40)) {
        let mut json = b"{\"name\":\"".to_vec();
        json.extend_from_slice(&bytes);
        json.extend_from_slice(b"\"}");
        if let Ok(action) = parse_action(&json) {
            let plain = bytes.iter().all(|byte| *byte != b'\\' && *byte != b'"');
            if plain {
                // One replacement for each byte that belongs to no character.
                let expected: String = bytes.utf8_chunks()
                    .map(|chunk| format!("{}{}", chunk.valid(), "\u{fffd}".repeat(chunk.invalid().len())))
                    .collect();
                prop_assert_eq!(action.name, expected);
            }
        }
    }
}
