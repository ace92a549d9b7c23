//! What holds for the declared result of every module in extra privacy mode:
//! filled with secrets in every field, nothing but what was reviewed survives.

mod alerts;
mod fields;
mod hostile;
mod parrot;
mod printing;
mod reviewed;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use mig_acceptance::PLUGINS;
use mig_plugin_payload::{Manifest, ResultSchema};
use serde_json::Value;

use fields::{Field, fields, result_schema};
use hostile::{Document, Vice, document, markers};
use reviewed::OPEN_TEXTS;

/// Checks every module before it says which of them failed.
fn for_each_module(check: impl Fn(&str)) {
    let failed: Vec<&str> = PLUGINS
        .into_iter()
        .filter(|module| catch_unwind(AssertUnwindSafe(|| check(module))).is_err())
        .collect();
    assert!(failed.is_empty(), "see above for {}", failed.join(", "));
}

/// A module's manifest as it is in its folder.
fn manifest(module: &str) -> Vec<u8> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = own.join("../plugins").join(module).join("manifest.json");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a module declares of its results.
struct Declared {
    /// The whole result, as JSON.
    json: Value,
    /// The same as the host understands it.
    schema: ResultSchema,
    /// Places where a text may leave the machine: open, and able to hold one.
    open_texts: BTreeSet<String>,
}

impl Declared {
    fn by(module: &str) -> Self {
        let bytes = manifest(module);
        let json = result_schema(&serde_json::from_slice(&bytes).expect("JSON"));
        let open_texts = fields(&json)
            .into_iter()
            .filter(|field| field.may_be_text && field.class.as_deref() == Some("open"))
            // A choice among words of the manifest tells nothing else.
            .filter(|field| !field.schema["enum"].is_array())
            .map(|field| field.path)
            .collect();
        Self {
            json,
            schema: Manifest::parse(&bytes).expect("a manifest").result(),
            open_texts,
        }
    }

    /// What the host does in privacy mode: `None` when nothing of the document
    /// leaves the machine.
    fn masked(&self, document: &Value) -> Option<Value> {
        self.schema.validate(document, true).ok()?;
        Some(self.schema.mask(document.clone()))
    }

    /// Checks that what left the machine holds markers of open places only.
    #[track_caller]
    fn assert_nothing_survives(&self, what: &str, document: &Document, left: &str) {
        for marker in markers(left) {
            let place = document.places.get(&marker);
            let place = place.map_or("nowhere", String::as_str);
            assert!(
                self.open_texts.contains(place),
                "{what}: {marker} of `{place}` survives: {left}"
            );
        }
    }
}

/// Every document that a dishonest module could send instead of a result.
fn hostile_documents(schema: &Value) -> Vec<(String, Document)> {
    let mut documents = vec![
        ("as declared".to_owned(), document(schema, Vice::None)),
        ("undeclared".to_owned(), document(schema, Vice::Undeclared)),
    ];
    // The fields themselves and what they stand in.
    let mut places = BTreeSet::new();
    for Field { path, .. } in fields(schema) {
        let ends = path.match_indices(['.', '[']).map(|(end, _)| end);
        places.extend(ends.map(|end| path[..end].to_owned()));
        places.insert(path);
    }
    for place in places {
        for how in 0..4 {
            let made = document(schema, Vice::Wrong(&place, how));
            documents.push((format!("{place}, wrong type {how}"), made));
        }
    }
    documents
}

#[test]
fn nothing_survives_that_was_not_declared_open() {
    for_each_module(|module| {
        let declared = Declared::by(module);
        let documents = hostile_documents(&declared.json);
        assert!(
            !documents[0].1.places.is_empty(),
            "{module}: nothing to hide"
        );
        let mut left = 0;
        for (what, document) in &documents {
            if let Some(masked) = declared.masked(&document.value) {
                left += 1;
                declared.assert_nothing_survives(
                    &format!("{module}: {what}"),
                    document,
                    &masked.to_string(),
                );
            }
        }
        assert!(left >= 2, "{module}: at least the honest ones get through");
    });
}

#[test]
fn every_open_text_was_reviewed() {
    let reviewed: Vec<&str> = OPEN_TEXTS.iter().map(|(module, _)| *module).collect();
    assert_eq!(reviewed, PLUGINS, "one entry for each module");
    for_each_module(|module| {
        let (_, list) = OPEN_TEXTS
            .iter()
            .find(|(name, _)| *name == module)
            .expect("an entry");
        let listed: BTreeSet<String> = list.iter().map(|(place, _)| (*place).to_owned()).collect();
        let declared = Declared::by(module).open_texts;
        let unreviewed: Vec<&String> = declared.difference(&listed).collect();
        assert!(
            unreviewed.is_empty(),
            "{module}: texts that leave the machine unmasked and were not reviewed: {unreviewed:?}"
        );
        let gone: Vec<&String> = listed.difference(&declared).collect();
        assert!(gone.is_empty(), "{module}: not open any more: {gone:?}");
    });
}

#[test]
fn every_field_has_a_class() {
    for_each_module(|module| {
        for Field { path, class, .. } in fields(&Declared::by(module).json) {
            assert!(class.is_some(), "{module}: `{path}` has no privacy class");
        }
    });
}

#[test]
fn what_is_masked_is_still_a_result_of_the_module() {
    for_each_module(|module| {
        let Declared { json, schema, .. } = Declared::by(module);
        for vice in [Vice::None, Vice::Examples] {
            let document = document(&json, vice);
            if let Err(violation) = schema.validate(&document.value, false) {
                panic!("{module}: {vice:?}: {violation}");
            }
            let masked = schema.mask(document.value.clone());
            if let Err(violation) = schema.validate(&masked, true) {
                panic!("{module}: {vice:?}: masked: {violation}");
            }
            assert_shape_is_kept(module, "", &document.value, &masked);
            let errors = masked["errors"].as_array().expect("errors");
            assert_eq!(errors.len(), 3, "{module}");
            assert!(
                errors.iter().all(|error| error == "masked"),
                "{module}: {errors:?}"
            );
            assert_eq!(masked["foundanything"], true, "{module}");
        }
    });
}

/// Lists that are left have their length, maps their number of members.
#[track_caller]
fn assert_shape_is_kept(module: &str, path: &str, before: &Value, after: &Value) {
    match (before, after) {
        (Value::Array(before), Value::Array(after)) => {
            assert_eq!(before.len(), after.len(), "{module}: {path}");
            for (before, after) in before.iter().zip(after) {
                assert_shape_is_kept(module, &format!("{path}[]"), before, after);
            }
        }
        (Value::Object(before), Value::Object(after)) => {
            // Declared members may be hidden; members of maps stay as many.
            let is_map = before.keys().all(|key| key.contains("MARK"));
            if is_map && !after.is_empty() {
                assert_eq!(before.len(), after.len(), "{module}: {path}");
            }
            for (key, before) in before {
                if let Some(after) = after.get(key) {
                    assert_shape_is_kept(module, &format!("{path}.{key}"), before, after);
                }
            }
        }
        _ => {}
    }
}
