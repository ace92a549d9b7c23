//! The examples of the README: each is understood by the module it shows.

use std::path::{Path, PathBuf};

use mig_acceptance::PLUGINS;
use mig_host::{Cancel, Ending, Job, Operation, Outcome};
use serde_json::{Value, json};

use crate::setup::plugin_files;

/// The root of the checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Module and example of each row of the README's table, the example as a shell
/// splits it.
fn examples() -> Vec<(String, Vec<String>)> {
    let readme = text("README.md");
    let table = readme.split("\n## Modules\n").nth(1).expect("the section");
    let table = table.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let module = row.split('`').nth(1).expect("a name").to_owned();
        let example = row.rsplit('`').nth(1).expect("an example");
        (module, split(example))
    })
    .collect()
}

/// Words as a shell makes them of plain and single-quoted parts.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            letter => word.push(letter),
        }
    }
    assert!(!quoted, "{line}");
    words.push(word);
    words
}

#[test]
fn every_example_of_the_readme_is_understood_by_its_module() {
    let (store, _directory) = plugin_files(&PLUGINS);
    let ask = |module: &str, operation: Operation, input: Value| -> Outcome {
        store.run(
            &Job::new(module, operation, input),
            &Cancel::new(),
            &mut |_| {},
        )
    };
    let mut shown: Vec<String> = Vec::new();
    for (module, words) in examples() {
        assert_eq!(words[0], "mig", "{words:?}");
        let parameters = if words[1] == "-i" {
            // A module without a command line is used through an action.
            let action: Value = serde_json::from_str(&text(&words[2])).expect("JSON");
            assert_eq!(action["operations"][0]["module"], module.as_str());
            action["operations"][0]["parameters"].clone()
        } else {
            assert_eq!(words[1], module);
            let mut input = json!({"words": words[2..], "defaults": "mig"});
            let mut outcome = ask(&module, Operation::Options, input.clone());
            // The client reads the files that a module asks for.
            if let Some(names) = outcome.answer["files"].as_array() {
                let read = |name: &Value| {
                    let name = name.as_str().expect("a path").to_owned();
                    let content = text(&name);
                    (name, Value::from(content))
                };
                input["files"] = Value::Object(names.iter().map(read).collect());
                outcome = ask(&module, Operation::Options, input);
            }
            assert_eq!(
                outcome.ending,
                Ending::Done,
                "{words:?}: {:?}",
                outcome.reason
            );
            outcome.answer["parameters"].clone()
        };
        assert!(parameters.is_object(), "{words:?}: {parameters}");
        let outcome = ask(&module, Operation::Validate, parameters);
        assert_eq!(outcome.answer["errors"], json!([]), "{words:?}");
        shown.push(module);
    }
    shown.sort();
    assert_eq!(shown, PLUGINS);
}
