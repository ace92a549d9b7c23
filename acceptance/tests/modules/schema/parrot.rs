//! The same through the real agent: a dishonest module under an honest
//! manifest, in a worker of its own.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use mig_acceptance::{Configuration, PLUGINS};
use serde_json::{Value, json};

use super::hostile::{Vice, document};
use super::{Declared, fields, for_each_module, manifest};
use crate::setup::{Machine, fed};

/// Makes a plugin file that says of itself what `module` says, and gives back
/// what it gets.
fn parrot(module: &str, directory: &Path) {
    let mut manifest: Value = serde_json::from_slice(&manifest(module)).expect("JSON");
    // It needs no rights to repeat what it is told, nor may it ask for any.
    manifest["name"] = format!("parrot-{module}").into();
    manifest["capabilities"] = json!([]);
    // It answers and ends; what is declared of results is the same for queries.
    manifest["persistent"] = json!(false);
    if let Some(operations) = manifest["operations"].as_object_mut() {
        operations.remove("serve");
    }
    let bytes = serde_json::to_vec(&manifest).expect("JSON");
    let mut list = String::new();
    for byte in bytes {
        write!(list, "{byte},").expect("a text");
    }
    let header = directory.join(format!("{module}.inc"));
    std::fs::write(&header, list).expect("a file");
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Command::new("gcc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1"])
        .args([
            "-shared",
            "-fPIC",
            "-fvisibility=hidden",
            "-Wl,-z,noexecstack",
        ])
        .arg("-I")
        .arg(own.join("../plugin-abi/include"))
        .arg(format!("-DMANIFEST_FILE=\"{}\"", header.display()))
        .arg("-o")
        .arg(directory.join(format!("parrot-{module}.so")))
        .arg(own.join("tests/data/parrot.c"))
        .output()
        .unwrap_or_else(|error| panic!("gcc: {error}"));
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

#[test]
fn a_dishonest_module_gets_no_secret_past_the_agent() {
    let plugins = tempfile::Builder::new()
        .prefix("mig-parrot-")
        .tempdir()
        .expect("a directory");
    for module in PLUGINS {
        parrot(module, plugins.path());
    }
    let configuration = |privacy: &str| {
        Configuration::default()
            .set("agent", "extraprivacymode", privacy)
            .set("modules", "path", plugins.path().display())
            .set("modules", "allowunsigned", "on")
    };
    let (open, private) = (
        Machine::with(configuration("off")),
        Machine::with(configuration("on")),
    );
    for_each_module(|module| {
        let name = format!("parrot-{module}");
        let declared = Declared::by(module);
        let schema = &declared.json;
        let answer = |machine: &Machine, document: &Value| {
            let message = json!({"class": "parameters", "parameters": document}).to_string();
            fed(&mut machine.agent(&name), &message)
        };
        // Without privacy mode everything declared arrives: the bird can talk.
        let honest = document(schema, Vice::None);
        let said = answer(&open, &honest.value);
        let result: Value = serde_json::from_str(&said.stdout).expect("JSON");
        assert_eq!(
            result["elements"], honest.value["elements"],
            "{module}: {said:?}"
        );

        for vice in [Vice::None, Vice::Undeclared] {
            let document = document(schema, vice);
            let said = answer(&private, &document.value);
            let result: Value = serde_json::from_str(&said.stdout).expect("JSON");
            assert_eq!(result["success"], true, "{module}: {vice:?}: {said:?}");
            declared.assert_nothing_survives(&format!("{module}: stdout"), &document, &said.stdout);
            declared.assert_nothing_survives(&format!("{module}: stderr"), &document, &said.stderr);
        }
        // What does not fit is not even quoted.
        let broken = fields::fields(schema)
            .into_iter()
            .map(|field| document(schema, Vice::Wrong(&field.path, 3)))
            .find(|document| declared.masked(&document.value).is_none());
        if let Some(document) = broken {
            let said = answer(&private, &document.value);
            assert_ne!(said.code, 0, "{module}: {said:?}");
            assert!(
                said.stdout.contains("does not fit its own schema"),
                "{module}: {said:?}"
            );
            assert!(!(said.stdout + &said.stderr).contains("MARK"), "{module}");
        }
    });
}
