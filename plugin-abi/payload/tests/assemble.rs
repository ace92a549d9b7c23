//! Streamed elements become one document.

use mig_plugin_payload::assemble::{Assembler, PlaceError, place};
use mig_plugin_payload::rawpath;
use serde_json::{Value, json};

#[test]
fn elements_land_where_they_belong_and_the_result_sets_the_order() {
    let mut assembler = Assembler::new();
    for (at, element) in [
        ("/elements/s2", json!(1)),
        ("/elements/a~1b", json!({"file": "x"})),
        ("/elements/s2", json!(2)),
        ("/elements/late", json!(3)),
    ] {
        assembler.add(at, &element).expect("place");
    }
    let last = json!({"statistics": {"n": 3}, "success": true, "foundanything": true,
        "elements": {"a/b": [], "s1": null, "s2": null}, "errors": null});
    assert_eq!(
        assembler.finish(last).into_value().to_string(),
        r#"{"foundanything":true,"success":true,"elements":{"a/b":[{"file":"x"}],"s1":null,"s2":[1,2],"late":[3]},"statistics":{"n":3},"errors":null}"#
    );
}

/// What is there without a final result.
fn whole(assembler: Assembler) -> Value {
    assembler.finish(Value::Null).into_value()
}

#[test]
fn a_list_of_elements_and_deeper_places_work_too() {
    let mut list = Assembler::new();
    list.add("/elements", &json!(1)).expect("place");
    assert_eq!(whole(list)["elements"], json!([1]));
    let mut deep = Assembler::new();
    deep.add(&place(&["a", "b~/c"]), &json!(1)).expect("place");
    assert_eq!(whole(deep)["elements"], json!({"a": {"b~/c": [1]}}));
    assert_eq!(whole(Assembler::new())["elements"], json!({}));
}

#[test]
fn places_that_make_no_sense_are_refused() {
    let mut assembler = Assembler::new();
    for at in ["", "elements", "/errors", "/elementsx", "/elements\u{1b}"] {
        let result = assembler.add(at, &Value::Null);
        assert!(matches!(result, Err(PlaceError::NotElements(_))), "{at}");
    }
    let deep = "/elements".to_owned() + &"/x".repeat(1000);
    assert!(matches!(
        assembler.add(&deep, &Value::Null),
        Err(PlaceError::TooDeep(_))
    ));
    assembler.add("/elements/s", &json!(1)).expect("place");
    for at in ["/elements", "/elements/s/t"] {
        assert!(
            matches!(
                assembler.add(at, &Value::Null),
                Err(PlaceError::Conflict(_))
            ),
            "{at}"
        );
    }
}

#[test]
fn an_element_that_is_no_payload_is_refused_and_leaves_the_others() {
    let mut assembler = Assembler::new();
    assembler.add("/elements/s", &json!("kept")).expect("place");
    for payload in [&b""[..], b"\xff", b"\x01\x02", b"\x61"] {
        let result = assembler.add_payload("/elements/s", payload);
        assert!(matches!(result, Err(PlaceError::Element(_))), "{payload:?}");
    }
    assembler
        .add_payload("/elements/s", b"\x07")
        .expect("a payload");
    assert_eq!(whole(assembler)["elements"]["s"], json!(["kept", 7]));
}

#[test]
fn paths_that_are_not_utf8_keep_their_bytes() {
    assert_eq!(rawpath::describe(b"/tmp/a"), ("/tmp/a".to_owned(), None));
    let (text, raw) = rawpath::describe(b"/tmp/\xff");
    assert_eq!(
        (text.as_str(), raw.as_deref()),
        ("/tmp/\u{fffd}", Some("L3RtcC//"))
    );
    assert_eq!(
        rawpath::restore(&text, raw.as_deref()),
        Some(b"/tmp/\xff".to_vec())
    );
    assert_eq!(rawpath::restore("x", Some("***")), None);
}
