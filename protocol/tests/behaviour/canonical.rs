//! The canonical form of operations.

use mig_protocol::action::{canonical_operations, replay_key, signing_string};
use mig_protocol::json::format_double;
use mig_protocol::{canonical_json, parse_action};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn canonical(operations: &[u8]) -> String {
    let mut document = b"{\"operations\":".to_vec();
    document.extend_from_slice(operations);
    document.push(b'}');
    canonical_operations(
        parse_action(&document)
            .expect("an action")
            .operations
            .as_deref(),
    )
}

/// The canonical form of one value as parameters.
fn parameters(value: &[u8]) -> String {
    let mut operation = br#"[{"module":"m","parameters":"#.to_vec();
    operation.extend_from_slice(value);
    operation.extend_from_slice(b"}]");
    let text = canonical(&operation);
    text.strip_prefix(r#"[{"module":"m","parameters":"#)
        .and_then(|rest| rest.strip_suffix("}]"))
        .expect("one operation")
        .to_owned()
}

#[test]
fn operations_have_their_members_in_fixed_order_and_no_others() {
    assert_eq!(canonical(b"null"), "null");
    assert_eq!(canonical(b"[]"), "[]");
    assert_eq!(
        canonical(br#"[{"want_compressed":true,"x":1,"parameters":"t","is_compressed":true,"module":"m"},{"module":"n","is_compressed":false}]"#),
        r#"[{"module":"m","parameters":"t","is_compressed":true,"want_compressed":true},{"module":"n","parameters":null}]"#
    );
}

#[test]
fn numbers_are_the_shortest_digits_of_their_double() {
    let cases = [
        ("2.0", "2"),
        ("1e3", "1000"),
        ("-0", "-0"),
        ("-0.0", "-0"),
        ("0", "0"),
        ("0.1", "0.1"),
        ("100", "100"),
        ("-12.50", "-12.5"),
        ("1e21", "1e+21"),
        ("-1e21", "-1e+21"),
        ("999999999999999999999", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("123456789012345678901", "123456789012345680000"),
        ("12345678901234567890", "12345678901234567000"),
        ("9007199254740993", "9007199254740992"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("1.5e-7", "1.5e-7"),
        ("0.00000123", "0.00000123"),
        ("1e-10", "1e-10"),
        ("5e-324", "5e-324"),
        ("1e-400", "0"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("3.141592653589793238", "3.141592653589793"),
        ("18446744073709551615", "18446744073709552000"),
        ("-9223372036854775808", "-9223372036854776000"),
    ];
    for (input, output) in cases {
        assert_eq!(parameters(input.as_bytes()), output, "{input}");
    }
    assert_eq!(format_double(1e21), "1e+21");
}

#[test]
fn strings_are_escaped_as_go_does() {
    let cases: [(&[u8], &str); 14] = [
        (br#""\u0001</&\u2028""#, r#""\u0001\u003c/\u0026\u2028""#),
        (br#""\b\f\n\r\t\"\\\/""#, r#""\u0008\u000c\n\r\t\"\\/""#),
        (b"\"\x7f\xc3\xa9\"", "\"\u{7f}é\""),
        (br#""\u00e9\ud83d\ude00""#, "\"é😀\""),
        (br#""a\ud800b""#, "\"a\u{fffd}b\""),
        (br#""\udc00\ud800""#, "\"\u{fffd}\u{fffd}\""),
        (br#""\ud800\ud83d\ude00""#, "\"\u{fffd}😀\""),
        (br#""\ud83d\u0041""#, "\"\u{fffd}A\""),
        (br#""\\ud800""#, r#""\\ud800""#),
        (br#""\uD83D\uDE00""#, "\"😀\""),
        (b"\"a\xe2\x82z\"", "\"a\u{fffd}\u{fffd}z\""),
        (b"\"\xff\xfe\"", "\"\u{fffd}\u{fffd}\""),
        (b"\"\xed\xa0\x80\"", "\"\u{fffd}\u{fffd}\u{fffd}\""),
        (b"\"\xf0\x9f\x98\"", "\"\u{fffd}\u{fffd}\u{fffd}\""),
    ];
    for (input, output) in cases {
        assert_eq!(
            parameters(input),
            output,
            "{}",
            String::from_utf8_lossy(input)
        );
    }
}

#[test]
fn keys_are_sorted_by_their_bytes_and_equal_ones_collapse() {
    assert_eq!(
        parameters(br#"{"b":1,"a":2,"B":3,"":4,"\u00e9":5,"~":6,"<":7}"#),
        r#"{"":4,"\u003c":7,"B":3,"a":2,"b":1,"~":6,"é":5}"#
    );
    assert_eq!(parameters(br#"{"a":1,"a":2}"#), r#"{"a":2}"#);
    // In UTF-16 order U+FFFD would come after the surrogates of U+1F600.
    assert_eq!(
        parameters("{\"😀\":1,\"\u{fffd}\":2}".as_bytes()),
        "{\"\u{fffd}\":2,\"😀\":1}"
    );
    assert_eq!(
        parameters(b"{\"\xff\":1,\"\\ud800\":2}"),
        "{\"\u{fffd}\":2}"
    );
    assert_eq!(
        parameters(br#"{"z":[1.0,1e21,1e-7],"a":"\u0001</&\u2028"}"#),
        r#"{"a":"\u0001\u003c/\u0026\u2028","z":[1,1e+21,1e-7]}"#
    );
}

#[test]
fn the_signing_string_is_the_described_one() {
    let action = crate::action();
    assert_eq!(
        signing_string(&action),
        crate::text("action.signing-string")
    );
    let mut other = action.clone();
    other.id = 7.into();
    other.description.author = "somebody else".into();
    assert_eq!(
        replay_key(&other),
        replay_key(&action),
        "what is unsigned does not make another action"
    );
    other.expireafter = other.expireafter + std::time::Duration::from_secs(1);
    assert_ne!(replay_key(&other), replay_key(&action));
}

#[test]
fn times_before_1970_are_rounded_down() {
    let action = parse_action(
        br#"{"validfrom":"1969-12-31T23:59:59.5Z","expireafter":"0001-01-01T00:00:00Z"}"#,
    )
    .expect("an action");
    assert_eq!(
        signing_string(&action),
        "name=;target=;validfrom=-1;expireafter=%!s(int64=-62135596800);operations=null;"
    );
}

/// Any JSON value, with texts that need escapes and numbers of all sizes.
fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        prop::num::f64::SUBNORMAL.prop_map(Value::from),
        (-1e7..1e7_f64).prop_map(Value::from),
    ];
    let text = prop_oneof!["\\PC{0,8}", "[\\x00-\\x7f<>&\u{2028}\u{2029}\"\\\\]{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        text.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The same rules, told again by other means: sort, then print piece by piece.
fn told_again(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: std::collections::BTreeMap<&[u8], (&String, &Value)> = members
                .iter()
                .map(|(name, member)| (name.as_bytes(), (name, member)))
                .collect();
            let told: Vec<String> = sorted
                .values()
                .map(|(name, member)| {
                    format!("{}:{}", told_again(&json!(name)), told_again(member))
                })
                .collect();
            format!("{{{}}}", told.join(","))
        }
        Value::Array(elements) => format!(
            "[{}]",
            elements
                .iter()
                .map(told_again)
                .collect::<Vec<_>>()
                .join(",")
        ),
        Value::Number(number) => {
            let double = number.as_f64().expect("a double");
            let scientific = format!("{double:e}");
            let (digits, exponent) = scientific.split_once('e').expect("an exponent");
            let exponent: i32 = exponent.parse().expect("a number");
            if double == 0.0 || (-6..21).contains(&exponent) {
                double.to_string()
            } else {
                format!("{digits}e{exponent:+}")
            }
        }
        Value::String(text) => {
            let one = |letter: char| match letter {
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{8}' | '\u{c}' => {
                    format!("\\u{:04x}", u32::from(letter))
                }
                other => serde_json::to_string(&other)
                    .expect("json")
                    .trim_matches('"')
                    .to_owned(),
            };
            let told: String = text
                .chars()
                .map(|letter| {
                    if letter == '"' {
                        "\\\"".to_owned()
                    } else {
                        one(letter)
                    }
                })
                .collect();
            format!("\"{told}\"")
        }
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn canonical_json_is_the_sorted_and_formatted_value(value in any_value()) {
        prop_assert_eq!(canonical_json(&value), told_again(&value));
    }

    #[test]
    fn canonical_json_of_canonical_json_is_itself(value in any_value()) {
        let once = canonical_json(&value);
        let read: Value = serde_json::from_str(&once).expect("json");
        prop_assert_eq!(canonical_json(&read), once.clone());
        prop_assert_eq!(parameters(once.as_bytes()), once, "also through an action");
    }

    #[test]
    fn an_action_written_and_read_again_signs_the_same(value in any_value(), name in "\\PC{0,20}") {
        let json = serde_json::to_vec(&json!({"name": name, "operations": [{"module": "m", "parameters": value}]})).expect("json");
        let action = parse_action(&json).expect("an action");
        let again = parse_action(&mig_protocol::to_go_json(&action).expect("json")).expect("an action");
        prop_assert_eq!(signing_string(&again), signing_string(&action));
    }
}
