//! Extra privacy mode.

use serde_json::Value;

use crate::setup::Whole;
use crate::setup::database::Database;

/// Every text in a JSON document, keys included.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(members) => {
            for (key, value) in members {
                into.push(key.clone());
                texts(value, into);
            }
        }
        _ => {}
    }
}

#[test]
fn an_agent_in_privacy_mode_says_that_but_not_what_it_found() {
    let mut file = None;
    let whole = Whole::start_with(
        |site| file = Some(site.write("secret-name.txt", "the needle\n").unwrap()),
        |agent| agent.set("agent", "extraprivacymode", "on"),
    );
    let file = file.expect("a file");
    let directory = whole.site.directory().to_str().unwrap();
    let said = whole.mig(&[
        "file", "-path", directory, "-name", "^secret", "-content", "needle",
    ]);
    assert_eq!(said.code, 0, "{said:?}");
    said.line_with("1 agent has found results");
    let line = said.line_with("in search 's1'");
    assert!(
        line.starts_with(&format!("{} masked [", whole.host)),
        "{line}"
    );
    assert!(line.contains("size:11]"), "{line}");
    assert!(!said.stdout.contains("secret-name"), "{said:?}");

    // Nothing else left the machine either.
    let commands = Database::of(whole.site.directory()).commands();
    let mut sent = Vec::new();
    texts(&commands[0].results, &mut sent);
    for text in &sent {
        assert!(!text.contains("secret-name"), "{sent:?}");
        assert!(!text.contains(file.to_str().unwrap()), "{sent:?}");
    }
    assert_eq!(commands[0].results[0]["foundanything"], true);

    // What goes wrong is a sentence, and sentences are masked.
    let said = whole.mig(&["file", "-show", "all", "-path", "/nonexistent/secret-name"]);
    assert!(!said.stdout.contains("nonexistent"), "{said:?}");
}
