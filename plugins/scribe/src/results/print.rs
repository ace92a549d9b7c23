//! The lines people see.

use mig_plugin_sdk::ResultDocument;
use serde_json::{Map, Value};

/// Members of an entry, in the order in which they are printed as JSON.
const ENTRY: [&str; 9] = [
    "testid",
    "name",
    "description",
    "tags",
    "iserror",
    "error",
    "masterresult",
    "hastrueresults",
    "results",
];

/// Turns a result into lines, in the form that it asks for itself.
/// `found_only` leaves out errors and statistics, not the tests that are false.
/// The result may be masked or come from another version: what is missing
/// prints as empty.
pub fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    let elements = &result.elements;
    let asks = |form: &str| elements[form] == Value::Bool(true);
    let mut lines = Vec::new();
    for entry in elements["results"].as_array().into_iter().flatten() {
        if asks("humanoutput") {
            human(entry, &mut lines);
        } else if asks("jsonoutput") {
            lines.push(json(entry));
        } else {
            plain(entry, &mut lines);
        }
    }
    if !found_only {
        lines.extend(result.errors.iter().flatten().cloned());
        let runtime = text(&result.statistics["execruntime"]);
        lines.push(format!("Statistics: runtime {runtime}"));
    }
    lines
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is(value: &Value) -> bool {
    value.as_bool().unwrap_or_default()
}

fn subs(entry: &Value) -> impl Iterator<Item = &Value> {
    entry["results"].as_array().into_iter().flatten()
}

/// One line for the test and one for each criterion.
fn plain(entry: &Value, lines: &mut Vec<String>) {
    let id = text(&entry["testid"]);
    let name = match text(&entry["name"]) {
        "" => id,
        name => name,
    };
    let master = match (is(&entry["iserror"]), is(&entry["masterresult"])) {
        (true, _) => "error",
        (false, true) => "true",
        (false, false) => "false",
    };
    lines.push(format!(
        "master [{master}] name:\"{name}\" id:\"{id}\" hastrue:{} error:\"{}\"",
        is(&entry["hastrueresults"]),
        text(&entry["error"]),
    ));
    lines.extend(subs(entry).map(|sub| {
        let (result, identifier) = (is(&sub["result"]), text(&sub["identifier"]));
        format!("sub [{result}] name:\"{name}\" id:\"{id}\" identifier:\"{identifier}\"")
    }));
}

/// Several lines, all but the first behind a tab.
fn human(entry: &Value, lines: &mut Vec<String>) {
    let id = text(&entry["testid"]);
    lines.push(match text(&entry["name"]) {
        "" => format!("result for \"{id}\""),
        name => format!("result for \"{name}\" ({id})"),
    });
    let mut line = |text: String| lines.push(format!("\t{text}"));
    match text(&entry["description"]) {
        "" => {}
        description => line(format!("description: {description}")),
    }
    let (master, found) = (is(&entry["masterresult"]), is(&entry["hastrueresults"]));
    line(match (master, found) {
        (true, _) => "master result: true".to_owned(),
        (false, false) => "master result: false".to_owned(),
        (false, true) => {
            "master result: false, has true results, failure caused by dependency".to_owned()
        }
    });
    for tag in entry["tags"].as_array().into_iter().flatten() {
        line(format!(
            "tag: {}: {}",
            text(&tag["key"]),
            text(&tag["value"])
        ));
    }
    if is(&entry["iserror"]) {
        line(format!("[error] error: {}", text(&entry["error"])));
    }
    for sub in subs(entry) {
        let (result, identifier) = (is(&sub["result"]), text(&sub["identifier"]));
        line(format!("[{result}] identifier: \"{identifier}\""));
    }
}

/// The entry on one line, its members in the original's order and with the
/// original's escapes.
fn json(entry: &Value) -> String {
    let mut ordered = Map::new();
    if let Value::Object(members) = entry {
        let known = ENTRY.iter().filter_map(|name| members.get_key_value(*name));
        let others = members
            .iter()
            .filter(|(name, _)| !ENTRY.contains(&name.as_str()));
        ordered.extend(
            known
                .chain(others)
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }
    let text = Value::Object(ordered).to_string();
    let mut escaped = String::with_capacity(text.len());
    // Outside of strings none of these letters occurs.
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
