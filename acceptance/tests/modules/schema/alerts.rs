//! The same for alerts: they leave the machine without anybody asking.

use std::collections::BTreeSet;

use mig_acceptance::PLUGINS;
use mig_plugin_payload::{Manifest, Strictness};
use serde_json::{Value, json};

use super::fields::fields;
use super::hostile::{Vice, document, markers};
use super::{for_each_module, hostile_documents, manifest};

/// By module: the texts of its alerts that leave the machine as they are in extra
/// privacy mode, and why each of them may. Keys of maps are `{}`.
const OPEN_TEXTS: [(&str, &[(&str, &str)]); 1] = [(
    "audit",
    &[
        ("Serial", KERNELS),
        ("Timestamp", KERNELS),
        ("Type", KERNELS),
        ("Data.syscall", KERNELS),
        ("Data.success", KERNELS),
        ("Data.key", OWNERS),
        ("Data.arch", KERNELS),
        ("Data.exit", KERNELS),
        ("Data.pid", KERNELS),
        ("Data.ppid", KERNELS),
        ("Data.ses", KERNELS),
        ("Data.items", KERNELS),
        ("Data.mode", KERNELS),
        ("Data.nametype", KERNELS),
        ("Data.perm", KERNELS),
        ("Data.list", KERNELS),
        ("Data.sig", KERNELS),
        ("Data.family", KERNELS),
        ("Data.seresult", KERNELS),
        ("Data.seperms", KERNELS),
        ("Data.capability", KERNELS),
        ("Data.code", KERNELS),
    ],
)];

const KERNELS: &str = "a number, or a word of the kernel's";
const OWNERS: &str = "a label that the owner of the machine gave a rule";

/// Modules that run for as long as the agent, with the schema of their alerts.
fn persistent() -> Vec<(&'static str, Value)> {
    let declared = PLUGINS.into_iter().filter_map(|module| {
        let manifest: Value = serde_json::from_slice(&manifest(module)).expect("JSON");
        let schema = manifest["operations"]["serve"]["result"].clone();
        (manifest["persistent"] == true).then_some((module, schema))
    });
    declared.collect()
}

/// Places whose texts leave unmasked, but for choices among words of the manifest.
fn open_texts(schema: &Value) -> BTreeSet<String> {
    fields(schema)
        .into_iter()
        .filter(|field| field.may_be_text && field.class.as_deref() == Some("open"))
        .filter(|field| !field.schema["enum"].is_array())
        .map(|field| field.path)
        .collect()
}

/// A record inside of an event is like the event.
fn as_listed(place: &str) -> String {
    let place = place.strip_prefix("Records[].").unwrap_or(place);
    place.to_owned()
}

#[test]
fn the_modules_that_keep_running_are_known() {
    let names: Vec<&str> = persistent().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["audit", "dispatch", "examplepersist", "fswatch"]);
}

#[test]
fn every_open_text_of_an_alert_was_reviewed() {
    for (module, schema) in persistent() {
        let listed = OPEN_TEXTS.iter().find(|(name, _)| *name == module);
        let listed = listed.map_or(&[][..], |(_, list)| list);
        let listed: BTreeSet<String> = listed.iter().map(|(place, _)| as_listed(place)).collect();
        let open: BTreeSet<String> = open_texts(&schema)
            .iter()
            .map(|place| as_listed(place))
            .collect();
        assert_eq!(open, listed, "{module}: open texts, and the reviewed ones");
    }
}

#[test]
fn no_alert_tells_what_was_not_declared_open() {
    let schemas = persistent();
    for_each_module(|module| {
        let Some((_, declared)) = schemas.iter().find(|(name, _)| *name == module) else {
            return;
        };
        for field in fields(declared)
            .iter()
            .filter(|field| !field.path.is_empty())
        {
            let path = &field.path;
            assert!(
                field.class.is_some(),
                "{module}: `{path}` has no privacy class"
            );
        }
        let manifest = Manifest::parse(&manifest(module)).expect("a manifest");
        let schema = manifest.alert().expect("a schema of alerts");
        let open = open_texts(declared);
        let mut left = 0;
        // What an agent in privacy mode lets through, and of that what is left.
        for (what, document) in hostile_documents(declared) {
            let fits = schema.validate(&document.value, Strictness::PrivateResult);
            if fits.is_err() || !document.value.is_object() {
                continue;
            }
            left += 1;
            let masked = schema.mask(document.value.clone());
            let masked = masked.unwrap_or_else(|| json!({})).to_string();
            for marker in markers(&masked) {
                let place = document.places.get(&marker).map_or("", String::as_str);
                // Members that stand where a map should.
                let as_key = format!("{place}.{{}}");
                assert!(
                    open.contains(place) || open.contains(&as_key),
                    "{module}: {what}: {marker} of `{place}` survives: {masked}"
                );
            }
        }
        assert!(left >= 1, "{module}: honest alerts get through");
        if declared["properties"]
            .as_object()
            .is_none_or(serde_json::Map::is_empty)
        {
            // It raises none.
            return;
        }
        // Without privacy mode an honest alert is one of the module.
        let honest = document(declared, Vice::None).value;
        if let Err(violation) = schema.validate(&honest, Strictness::Result) {
            panic!("{module}: {violation}");
        }
    });
}
