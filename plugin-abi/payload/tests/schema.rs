//! Schemas: reading, validation, normalisation and masking.

use mig_plugin_payload::{FieldError, ResultSchema, Schema, Strictness};
use proptest::prelude::*;
use serde_json::{Value, json};

fn schema(value: Value) -> Schema {
    Schema::parse(&value).unwrap_or_else(|error| panic!("{error}"))
}

fn searches() -> Schema {
    schema(json!({
        "type": "object",
        "properties": {"searches": {"type": "object", "additionalProperties": {
            "type": "object",
            "properties": {
                "paths": {"type": "array", "items": {"type": "string"}},
                "sizes": {"type": ["array", "null"], "items": {"type": "string", "pattern": "^[<>]?[0-9]+[kmgt]?$"}},
                "options": {"type": "object", "properties": {
                    "matchall": {"type": "boolean", "default": false},
                    "maxdepth": {"type": "number"},
                    "kind": {"type": "string", "enum": ["a", "b"]},
                    "count": {"type": "integer"}
                }}
            }
        }}}
    }))
}

#[test]
fn violations_name_the_path_and_what_is_expected() {
    for (value, field, message) in [
        (json!([]), "", "must be object, not array"),
        (
            json!({"searches": {"s": null}}),
            "searches.s",
            "must be object, not null",
        ),
        (
            json!({"searches": {"s": {"paths": "x"}}}),
            "searches.s.paths",
            "must be array, not string",
        ),
        (
            json!({"searches": {"s": {"paths": ["x", 1]}}}),
            "searches.s.paths[1]",
            "must be string, not number",
        ),
        (
            json!({"searches": {"s": {"sizes": ["k"]}}}),
            "searches.s.sizes[0]",
            "\"k\" does not match ^[<>]?[0-9]+[kmgt]?$",
        ),
        (
            json!({"searches": {"s": {"options": {"kind": "c"}}}}),
            "searches.s.options.kind",
            "\"c\" is not one of \"a\", \"b\"",
        ),
        (
            json!({"searches": {"s": {"options": {"count": 1.5}}}}),
            "searches.s.options.count",
            "must be integer, not number",
        ),
        (
            json!({"searches": {"a\nb": 1}}),
            "searches.a\\nb",
            "must be object, not number",
        ),
    ] {
        assert_eq!(
            searches().validate(&value, Strictness::Parameters),
            Err(FieldError::new(field, message)),
            "{value}"
        );
    }
}

#[test]
fn parameters_may_carry_keys_the_module_does_not_know() {
    let value = json!({"searches": {"s": {"regexes": ["x"], "sizes": null, "options": {"maxdepth": 2.5, "count": 3.0}}}, "old": 1});
    assert_eq!(searches().validate(&value, Strictness::Parameters), Ok(()));
    let strict = schema(json!({"type": "object", "properties": {}, "additionalProperties": false}));
    assert!(
        strict
            .validate(&json!({"x": 1}), Strictness::Parameters)
            .is_err()
    );
}

#[test]
fn all_violations_are_listed_up_to_a_number() {
    let value = json!({"searches": {"a": 1, "b": 2, "c": 3}});
    assert_eq!(
        searches()
            .violations(&value, Strictness::Parameters, 100)
            .len(),
        3
    );
    assert_eq!(
        searches()
            .violations(&value, Strictness::Parameters, 2)
            .len(),
        2
    );
}

#[test]
fn keys_are_matched_in_any_case_and_null_means_default() {
    let mut value = json!({"SEARCHES": {"Label": {"Paths": ["/etc"], "options": {"MatchAll": true, "count": null}, "sizes": null}}});
    searches().normalise(&mut value);
    assert_eq!(
        value,
        json!({"searches": {"Label": {"paths": ["/etc"], "options": {"matchall": true}, "sizes": null}}})
    );
    // Labels of searches are no properties: their nulls stay and are an error.
    let mut value = json!({"searches": {"s": null}});
    searches().normalise(&mut value);
    assert_eq!(value, json!({"searches": {"s": null}}));
}

#[test]
fn schemas_that_say_what_nobody_enforces_are_refused() {
    for (value, message) in [
        (json!({"oneOf": []}), "schema at /: unknown keyword `oneOf`"),
        (
            json!({"properties": {"a": {"type": "text"}}}),
            "schema at /a: `type` must name null, boolean, integer, number, string, array or object",
        ),
        (
            json!({"items": {"x-mig-privacy": "secret"}}),
            "schema at /items: `x-mig-privacy` must be open, name, address, text or hidden, not `secret`",
        ),
        (
            json!({"type": "integer", "x-mig-privacy": "name"}),
            "schema at /: only texts can be masked; use the class open or hidden",
        ),
        (json!(false), "schema at /: must be an object"),
        (json!({"enum": 1}), "schema at /: `enum` must be a list"),
    ] {
        let error = Schema::parse(&value).expect_err("must be refused");
        assert_eq!(error.to_string(), message);
    }
    let error = Schema::parse(&json!({"pattern": "("})).expect_err("must be refused");
    assert!(
        error
            .to_string()
            .starts_with("schema at /: `pattern` does not compile"),
        "{error}"
    );
    assert!(!error.to_string().contains('\n'));
    let mut deep = json!({});
    for _ in 0..40 {
        deep = json!({"items": deep});
    }
    let error = Schema::parse(&deep).expect_err("must be refused");
    assert!(error.to_string().contains("nested deeper"), "{error}");
}

#[test]
fn a_schema_survives_being_written_and_read() {
    let before = searches();
    assert_eq!(schema(before.to_value()), before);
    assert_eq!(
        before
            .property("searches")
            .and_then(|s| s.additional())
            .map(Schema::type_names),
        Some(vec!["object"])
    );
}

fn result_schema() -> ResultSchema {
    ResultSchema::new(Some(&schema(json!({"properties": {
        "elements": {"type": "object", "x-mig-privacy-keys": "open", "additionalProperties": {
            "type": ["array", "null"], "items": {"type": "object", "properties": {
                "file": {"type": "string", "x-mig-privacy": "name"},
                "search": {"type": "object", "x-mig-privacy": "open"},
                "remote": {"type": ["string", "null"], "x-mig-privacy": "address"},
                "note": {"type": "string", "x-mig-privacy": "text"},
                "pid": {"type": "integer", "x-mig-privacy": "hidden"},
                "unclassed": {"type": "string"},
                "names": {"type": "array", "items": {"type": "string", "x-mig-privacy": "name"}},
                "owners": {"type": "object", "x-mig-privacy-keys": "name",
                    "additionalProperties": {"type": "integer", "x-mig-privacy": "open"}}
            }}}},
        "statistics": {"type": "object", "x-mig-privacy": "open",
            "properties": {"count": {"type": "integer"}, "exectime": {"type": "string"}}}
    }}))))
}

#[test]
fn masking_keeps_shape_and_drops_what_has_no_class() {
    let document = json!({
        "foundanything": true, "success": true,
        "elements": {"s1": [
            {"file": "/etc/passwd", "search": {"paths": ["/etc"], "n": 1}, "remote": "1.2.3.4",
             "note": "saw /etc", "pid": 7, "unclassed": "x", "names": ["a", "", "b"],
             "owners": {"root": 1, "bin": 2}, "unknown": 5},
            {"file": "", "remote": null}
        ], "s2": null},
        "statistics": {"count": 3, "exectime": "1s"},
        "errors": ["cannot open /root/x", ""]
    });
    let masked = result_schema().mask(document);
    assert_eq!(
        masked.to_string(),
        json!({
            "foundanything": true, "success": true,
            "elements": {"s1": [
                {"file": "masked", "search": {"paths": ["/etc"], "n": 1}, "remote": "masked",
                 "note": "masked", "names": ["masked", "", "masked"],
                 "owners": {"masked": 1, "masked-2": 2}},
                {"file": "", "remote": null}
            ], "s2": null},
            "statistics": {"count": 3, "exectime": "1s"},
            "errors": ["masked", "masked"]
        })
        .to_string()
    );
}

#[test]
fn an_undeclared_member_is_an_error_unless_privacy_drops_it() {
    let document = json!({"foundanything": false, "success": true, "elements": {"s": [{"file": "x", "more": 1}]},
        "statistics": null, "errors": null});
    let error = result_schema()
        .validate(&document, false)
        .expect_err("undeclared");
    assert_eq!(
        error.to_string(),
        "elements.s[0].more: is not in the schema"
    );
}

#[test]
fn a_module_that_declares_nothing_may_say_nothing() {
    let schema = ResultSchema::new(None);
    let empty = json!({"foundanything": false, "success": true, "elements": {}, "statistics": null, "errors": ["x"]});
    assert_eq!(schema.validate(&empty, false), Ok(()));
    let found = json!({"foundanything": true, "success": true, "elements": {"a": 1}, "statistics": null, "errors": null});
    assert!(schema.validate(&found, false).is_err());
    assert_eq!(schema.mask(found)["elements"], json!({}));
}

#[test]
fn a_run_that_ended_early_may_leave_everything_empty() {
    let declared = json!({"properties": {"elements": {"type": "string", "x-mig-privacy": "text"},
        "statistics": {"type": "object", "x-mig-privacy": "open"}}});
    let schema = ResultSchema::new(Some(&schema(declared)));
    let mut document = json!({"foundanything": false, "success": false, "elements": {}, "statistics": null, "errors": ["x"]});
    assert_eq!(schema.validate(&document, false), Ok(()));
    assert_eq!(schema.mask(document.clone())["elements"], json!({}));
    document["elements"] = json!({"a": 1});
    assert!(schema.validate(&document, false).is_err());
}

proptest! {
    #[test]
    fn masked_documents_keep_no_unclassed_text(secret in "[a-z]{12}", deep in 0usize..40) {
        let mut value = json!(secret);
        for level in 0..deep {
            value = if level % 2 == 0 { json!([value]) } else { json!({"k": value}) };
        }
        let document = json!({"foundanything": true, "success": true,
            "elements": {"s": [{"file": value.clone(), "unclassed": value.clone(), "names": value.clone(),
                "unknown": value.clone(), "note": value.clone(), "pid": value}]},
            "statistics": null, "errors": [secret.clone()]});
        let masked = result_schema().mask(document).to_string();
        prop_assert!(!masked.contains(&secret), "{masked}");
    }

    #[test]
    fn schema_reading_never_panics(text in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let parsed = Schema::parse(&value);
            if let Ok(schema) = parsed {
                prop_assert_eq!(Schema::parse(&schema.to_value()), Ok(schema));
            }
        }
    }
}
