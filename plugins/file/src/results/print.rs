//! The lines people see.

use crate::checks::Kind;
use mig_plugin_sdk::ResultDocument;
use serde_json::Value;

/// Kinds in the order of printed lines, with the field that lists them.
const PRINTED: [(&str, Kind); 9] = [
    ("names", Kind::Name),
    ("sizes", Kind::Size),
    ("modes", Kind::Mode),
    ("mtimes", Kind::Mtime),
    ("contents", Kind::Content),
    ("md5", Kind::Md5),
    ("sha1", Kind::Sha1),
    ("sha2", Kind::Sha2),
    ("sha3", Kind::Sha3),
];

/// Turns a result into lines, one per entry, sorted by label. `found_only`
/// leaves out placeholders, errors and statistics. The result may be masked or
/// come from another version: what is missing prints as empty.
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
        lines.extend(result.errors.iter().flatten().cloned());
        let count = |name: &str| number(&result.statistics[name]);
        lines.push(format!(
            "Statistics: {} files checked, {} failed to open, {} matched, ran in {}.",
            count("filescount"),
            count("openfailed"),
            count("totalhits"),
            text(&result.statistics["exectime"]),
        ));
    }
    lines
}

fn line(label: &str, entry: &Value, found_only: bool) -> Option<String> {
    let file = text(&entry["file"]);
    let search = &entry["search"];
    let mut out = if file.is_empty() {
        if found_only {
            return None;
        }
        format!("0 match found in search '{label}'")
    } else {
        let info = &entry["fileinfo"];
        let mut out = format!(
            "{file} [lastmodified:{}, mode:{}, size:{}",
            text(&info["lastmodified"]),
            text(&info["mode"]),
            number(&info["size"]),
        );
        let sum = text(&info["sha256"]);
        if !sum.is_empty() {
            out.push_str(", sha256:");
            out.push_str(&sum.to_lowercase());
        }
        out.push_str("] in search '");
        out.push_str(label);
        out.push('\'');
        out
    };
    if search["options"]["matchall"] != Value::Bool(true) {
        out.push_str(" on checks");
        for (field, kind) in PRINTED {
            for value in search[field].as_array().into_iter().flatten() {
                out.push_str(&format!(" {}='{}'", kind.word(), text(value)));
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
