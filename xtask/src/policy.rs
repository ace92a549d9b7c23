//! What the project promises of its own files, checked by tests.

use std::collections::HashSet;
use std::path::Path;

use mig_acceptance::PLUGINS;

use crate::building::root;
use crate::module_set::features_in;

/// Libraries that must not come in, not even through others, and why.
const BANNED: &[(&str, &str)] = &[
    ("aws-lc-rs", "rustls runs on ring: 2 MB less in the agent"),
    ("aws-lc-sys", "rustls runs on ring: 2 MB less in the agent"),
    ("openssl-sys", "TLS is rustls everywhere"),
    ("serde_cbor", "archived (RUSTSEC-2021-0127)"),
    ("rustls-pemfile", "unmaintained"),
    ("bincode", "unmaintained"),
];

#[test]
fn no_banned_library_is_locked() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let found: Vec<String> = BANNED
        .iter()
        .filter(|(name, _)| lock.contains(&format!("name = \"{name}\"\n")))
        .map(|(name, why)| format!("{name} ({why})"))
        .collect();
    assert!(found.is_empty(), "banned: {}", found.join(", "));
}

#[test]
fn every_library_of_the_workspace_is_explained() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let explained =
        std::fs::read_to_string(root().join("docs/dependencies.md")).expect("dependencies.md");
    let section = manifest
        .split("[workspace.dependencies]")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .expect("the dependencies of the workspace");
    let missing: Vec<&str> = section
        .lines()
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
        .filter(|name| !name.starts_with("mig-") && !name.starts_with('#'))
        .filter(|name| !explained.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/dependencies.md lacks: {}",
        missing.join(", ")
    );
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folders of `plugins/`.
fn modules() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("plugins")).expect("plugins");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn every_module_is_a_word_of_moduletags_in_agent_and_clients() {
    let features = |folder: &str| features_in(&read(&root().join(folder).join("Cargo.toml")));
    let list = features("agent-runtime/modules");
    let words: Vec<String> = list
        .keys()
        .filter(|word| *word != "moddefaults")
        .cloned()
        .collect();
    let wanted: Vec<String> = modules().iter().map(|name| format!("mod{name}")).collect();
    assert_eq!(words, wanted);
    for folder in ["agent-runtime/agent", "clients/mig"] {
        for (word, brings) in &list {
            let passed_on = features(folder);
            // Each passes on exactly its own word.
            assert_eq!(
                passed_on.get(word),
                Some(&vec![word.clone()]),
                "{folder}: {brings:?}"
            );
            assert_eq!(passed_on.len(), list.len(), "{folder}");
        }
    }
    let code = read(&root().join("agent-runtime/modules/src/lib.rs"));
    for name in modules() {
        let line = format!(
            "#[cfg(feature = \"mod{name}\")]\n    StaticModule(mig_module_{name}::plugin),"
        );
        assert!(code.contains(&line), "mig-modules lacks {name}");
    }
}

#[test]
fn every_module_is_a_plugin_file_and_a_folder_of_its_name() {
    assert_eq!(modules(), PLUGINS);
    let workspace = read(&root().join("Cargo.toml"));
    for name in modules() {
        let folder = root().join("plugins").join(&name);
        let manifest: serde_json::Value =
            serde_json::from_str(&read(&folder.join("manifest.json"))).expect("a manifest");
        assert_eq!(manifest["name"], name.as_str());
        let module = read(&folder.join("Cargo.toml"));
        assert!(
            module.contains(&format!("name = \"mig-module-{name}\"")),
            "{module}"
        );
        let plugin = read(&folder.join("dynamic/Cargo.toml"));
        assert!(
            plugin.contains(&format!("name = \"mig-plugin-{name}\"")),
            "{plugin}"
        );
        assert!(plugin.contains(&format!("name = \"{name}\"")), "{plugin}");
        for member in [format!("plugins/{name}"), format!("plugins/{name}/dynamic")] {
            assert!(workspace.contains(&format!("\"{member}\",")), "{member}");
        }
    }
}

#[test]
fn every_module_has_a_page_and_a_row_with_an_example() {
    let readme = read(&root().join("README.md"));
    for name in modules() {
        let page = read(&root().join("docs/modules").join(format!("{name}.md")));
        assert!(
            page.lines().count() > 10,
            "docs/modules/{name}.md is too short"
        );
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap_or_else(|| panic!("README.md has no row for {name}"));
        assert!(
            row.contains(&format!("docs/modules/{name}.md")) && row.contains(" `mig"),
            "{row}"
        );
    }
}

/// The names of all functions in the Rust sources of a folder.
fn functions(folder: &Path, into: &mut HashSet<String>) {
    // What cargo and the fuzzer make has no sources of ours.
    let made = [
        "target",
        "fuzz/target",
        "fuzz/corpus",
        "fuzz/artifacts",
        ".git",
    ];
    if made.iter().any(|place| folder == root().join(place)) {
        return;
    }
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            functions(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let code = read(&path);
            let starts = code.split("fn ").skip(1);
            into.extend(
                starts.filter_map(|rest| rest.split_once('(').map(|(name, _)| name.to_owned())),
            );
        }
    }
}

#[test]
fn every_test_that_the_compatibility_page_names_exists() {
    let page = read(&root().join("docs/compatibility.md"));
    let mut known = HashSet::new();
    functions(&root(), &mut known);
    let is_name = |text: &str| {
        let mut letters = text.chars();
        letters.all(|letter| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter)
        })
    };
    // What stands between backquotes is at the odd places.
    let named: Vec<(&str, &str)> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|text| text.split_once("::"))
        .filter(|(package, test)| is_name(package) && is_name(test) && *package != "package")
        .collect();
    assert!(named.len() > 300, "{}", named.len());
    let missing: Vec<String> = named
        .iter()
        .filter(|(_, test)| !known.contains(*test))
        .map(|(package, test)| format!("{package}::{test}"))
        .collect();
    assert!(missing.is_empty(), "no such tests: {}", missing.join(", "));
}
