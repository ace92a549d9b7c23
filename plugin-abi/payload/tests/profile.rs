//! The payload profile: what passes, what does not and where.

use mig_plugin_payload::profile::{MAX_DEPTH, MAX_INTEGER};
use mig_plugin_payload::{EncodeError, Rule, decode, encode, walk};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NO_LIMIT: usize = usize::MAX;

fn rule(bytes: &[u8]) -> (usize, Rule) {
    let error = walk(bytes, NO_LIMIT).expect_err("must be refused");
    (error.position, error.rule)
}

#[test]
fn what_the_profile_allows_passes() {
    for (bytes, value) in [
        (&b"\x00"[..], json!(0)),
        (b"\x20", json!(-1)),
        (b"\x18\x05", json!(5)), // not the shortest form
        (
            b"\x1b\x00\x1f\xff\xff\xff\xff\xff\xff",
            json!(9007199254740991i64),
        ),
        (
            b"\x3b\x00\x1f\xff\xff\xff\xff\xff\xfe",
            json!(-9007199254740991i64),
        ),
        (b"\xf4", json!(false)),
        (b"\xf5", json!(true)),
        (b"\xf6", json!(null)),
        (b"\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00", json!(1.5)),
        (b"\xfb\x40\x08\x00\x00\x00\x00\x00\x00", json!(3)), // a whole float
        (b"\x62\xc3\xa9", json!("é")),
        (b"\x80", json!([])),
        (b"\xa0", json!({})),
        (b"\x82\x01\x81\x02", json!([1, [2]])),
        (
            b"\xa2\x61a\xa1\x61a\x01\x61b\x80",
            json!({"a": {"a": 1}, "b": []}),
        ),
    ] {
        walk(bytes, NO_LIMIT).unwrap_or_else(|error| panic!("{bytes:x?}: {error}"));
        assert_eq!(
            decode(bytes, NO_LIMIT).expect("decodes"),
            value,
            "{bytes:x?}"
        );
    }
}

#[test]
fn every_rule_is_named_with_its_position() {
    for (bytes, expected) in [
        (&b""[..], (0, Rule::Truncated)),
        (b"\x19\x01", (0, Rule::Truncated)),
        (b"\x82\x01", (0, Rule::Truncated)),
        (b"\x82\x61a", (3, Rule::Truncated)),
        (b"\x63ab", (0, Rule::Truncated)),
        (b"\x9a\xff\xff\xff\xff\x01", (0, Rule::Truncated)),
        (
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            (0, Rule::Truncated),
        ),
        (b"\x01\x01", (1, Rule::TrailingBytes)),
        (b"\x80\xf6", (1, Rule::TrailingBytes)),
        (b"\x9f\xff", (0, Rule::IndefiniteLength)),
        (b"\xbf\xff", (0, Rule::IndefiniteLength)),
        (b"\x7f\x61a\xff", (0, Rule::IndefiniteLength)),
        (b"\x81\xff", (1, Rule::IndefiniteLength)),
        (b"\x1c", (0, Rule::ReservedHeader)),
        (b"\x1f", (0, Rule::ReservedHeader)),
        (b"\xfc", (0, Rule::ReservedHeader)),
        (b"\xc0\x01", (0, Rule::Tag)),
        (b"\x41a", (0, Rule::ByteString)),
        (b"\x5f\xff", (0, Rule::ByteString)),
        (b"\xf7", (0, Rule::SimpleValue)),
        (b"\xe0", (0, Rule::SimpleValue)),
        (b"\xf8\xff", (0, Rule::SimpleValue)),
        (b"\xf9\x3c\x00", (0, Rule::HalfFloat)),
        (b"\xfa\x3f\x80\x00\x00", (0, Rule::SingleFloat)),
        (
            b"\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00",
            (0, Rule::NotFinite),
        ),
        (
            b"\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00",
            (0, Rule::NotFinite),
        ),
        (
            b"\x1b\x00\x20\x00\x00\x00\x00\x00\x00",
            (0, Rule::IntegerTooLarge),
        ),
        (
            b"\x3b\x00\x1f\xff\xff\xff\xff\xff\xff",
            (0, Rule::IntegerTooLarge),
        ),
        (b"\xa1\x01\x01", (1, Rule::KeyNotText)),
        (b"\xa1\x80\x01", (1, Rule::KeyNotText)),
        (b"\xa2\x61a\x01\x61a\x02", (5, Rule::DuplicateKey)),
        (
            b"\x81\xa2\x61a\xa1\x61a\x01\x61a\x02",
            (9, Rule::DuplicateKey),
        ),
        (b"\x62a\xff", (2, Rule::InvalidUtf8)),
        (b"\xa1\x61\xff\x01", (2, Rule::InvalidUtf8)),
    ] {
        assert_eq!(rule(bytes), expected, "{bytes:x?}");
    }
    assert_eq!(
        walk(b"\x82\x01\x02", 2).expect_err("limit").rule,
        Rule::TooLarge
    );
    assert_eq!(
        walk(b"\xf7", NO_LIMIT).expect_err("undefined").to_string(),
        "payload byte 0: simple value other than true, false and null"
    );
}

#[test]
fn a_duplicate_among_many_keys_is_found() {
    let mut bytes = vec![0xb8, 101];
    for index in 0..100u8 {
        bytes.extend([0x62, b'a' + index / 10, b'0' + index % 10, 0]);
    }
    let duplicate = bytes.len() + 1;
    bytes.extend([0x62, b'a' + 4, b'2', 0]);
    assert_eq!(rule(&bytes), (duplicate, Rule::DuplicateKey));
}

#[test]
fn nesting_ends_at_the_limit_whatever_the_stack() {
    let nested = |levels: usize| {
        let mut bytes = vec![0x81; levels];
        bytes.push(0xf6);
        bytes
    };
    assert_eq!(walk(&nested(MAX_DEPTH), NO_LIMIT), Ok(()));
    assert_eq!(rule(&nested(MAX_DEPTH + 1)), (MAX_DEPTH, Rule::TooDeep));
    assert_eq!(rule(&nested(200_000)).1, Rule::TooDeep);
}

#[test]
fn what_json_cannot_hold_exactly_is_not_encoded() {
    for value in [json!(u64::MAX), json!(MAX_INTEGER + 1), json!(i64::MIN)] {
        let error = encode(&value).expect_err("too large");
        assert!(matches!(error, EncodeError::IntegerTooLarge(_)), "{error}");
    }
    let mut deep = Value::Null;
    for _ in 0..=MAX_DEPTH {
        deep = json!([deep]);
    }
    assert!(matches!(encode(&deep), Err(EncodeError::TooDeep)));
}

/// JSON values within the profile. Floats that are whole come back as integers,
/// so they are made with a fraction.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(MAX_INTEGER as i64)..=MAX_INTEGER as i64).prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) + 0.5)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..12)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(value in values()) {
        let bytes = encode(&value).expect("within the profile");
        prop_assert_eq!(decode(&bytes, bytes.len()).expect("decodes"), value);
    }

    #[test]
    fn every_proper_prefix_is_truncated(value in values(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&value).expect("within the profile");
        let prefix = &bytes[..cut.index(bytes.len())];
        prop_assert_eq!(walk(prefix, NO_LIMIT).expect_err("cut").rule, Rule::Truncated);
    }

    #[test]
    fn one_more_byte_is_refused(value in values(), byte in any::<u8>()) {
        let mut bytes = encode(&value).expect("within the profile");
        let end = bytes.len();
        bytes.push(byte);
        let error = walk(&bytes, NO_LIMIT).expect_err("one byte more");
        prop_assert_eq!((error.position, error.rule), (end, Rule::TrailingBytes));
    }

    #[test]
    fn any_bytes_either_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        // What the walk lets through, the decoder must understand.
        if walk(&bytes, NO_LIMIT).is_ok() {
            let value = decode(&bytes, NO_LIMIT).expect("the walk allowed it");
            let again = encode(&value).expect("decoded values are within the profile");
            prop_assert_eq!(decode(&again, NO_LIMIT).expect("own bytes"), value);
        }
    }

    #[test]
    fn a_changed_byte_never_panics(value in values(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = encode(&value).expect("within the profile");
        let index = at.index(bytes.len());
        bytes[index] = byte;
        let walked = walk(&bytes, NO_LIMIT).is_ok();
        prop_assert_eq!(decode(&bytes, NO_LIMIT).is_ok(), walked);
    }
}
