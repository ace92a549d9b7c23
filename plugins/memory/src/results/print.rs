//! The lines people see.

use mig_plugin_sdk::ResultDocument;
use serde_json::Value;

/// Checks in the order of printed lines, with the field that lists them.
const PRINTED: [(&str, &str); 4] = [
    ("names", "name"),
    ("libraries", "library"),
    ("contents", "content"),
    ("bytes", "byte"),
];

/// Turns a result into lines, one per entry, sorted by label. `found_only`
/// leaves out placeholders, failures, errors and statistics. The result may be
/// masked or come from another version: what is missing prints as empty.
pub fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut searches: Vec<(&String, &Value)> =
        result.elements.as_object().into_iter().flatten().collect();
    searches.sort_by_key(|(label, _)| label.as_str());
    for (label, entries) in searches {
        for entry in entries.as_array().into_iter().flatten() {
            lines.extend(line(label, entry, found_only));
        }
    }
    if !found_only {
        let statistics = &result.statistics;
        let failures: Vec<&Value> = statistics["failures"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        lines.extend(result.errors.iter().flatten().cloned());
        lines.extend(
            failures
                .iter()
                .map(|line| format!("Failure: {}", text(line))),
        );
        lines.push(format!(
            "Statistics: {} processes checked, {} matched, {} failures, ran in {}.",
            number(&statistics["processcount"]),
            number(&statistics["totalhits"]),
            failures.len(),
            text(&statistics["exectime"]),
        ));
    }
    lines
}

fn line(label: &str, entry: &Value, found_only: bool) -> Option<String> {
    let (process, search) = (&entry["process"], &entry["search"]);
    let (name, pid) = (text(&process["name"]), number(&process["pid"]));
    let mut out = if name.is_empty() && pid == "0" {
        if found_only {
            return None;
        }
        format!("0 match found in search '{label}'")
    } else {
        format!("{name} [pid:{pid}] in search '{label}'")
    };
    if search["options"]["matchall"] != Value::Bool(true) {
        out.push_str(" on checks");
        for (field, word) in PRINTED {
            for value in search[field].as_array().into_iter().flatten() {
                out.push_str(&format!(" {word}='{}'", text(value)));
            }
        }
    }
    Some(out)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A number without a fraction, as it is printed.
fn number(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => {
            format!("{:.0}", number.as_f64().unwrap_or_default())
        }
        Value::Number(number) => number.to_string(),
        _ => "0".to_owned(),
    }
}
