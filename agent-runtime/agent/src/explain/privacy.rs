//! Which parts of a module's results leave the machine in extra privacy mode.

use mig_plugin_payload::{Privacy, Schema};

/// Most parts that are named.
const MOST: usize = 60;

/// A line for each part of a result that is masked or held back.
pub(super) fn kept_back(schema: &Schema) -> Vec<String> {
    let mut lines = Vec::new();
    walk(schema, None, &mut String::new(), &mut lines);
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn walk(schema: &Schema, inherited: Option<Privacy>, place: &mut String, lines: &mut Vec<String>) {
    let class = schema.privacy().or(inherited);
    let mut leaf = true;
    let length = place.len();
    let mut below = |name: &str, schema: &Schema, lines: &mut Vec<String>| {
        if !place.is_empty() && !name.starts_with('[') {
            place.push('.');
        }
        place.push_str(name);
        walk(schema, class, place, lines);
        place.truncate(length);
    };
    for (name, member) in schema.properties() {
        leaf = false;
        below(name, member, lines);
    }
    if let Some(additional) = schema.additional() {
        leaf = false;
        below("*", additional, lines);
    }
    if let Some(items) = schema.items() {
        leaf = false;
        below("[]", items, lines);
    }
    if !leaf {
        return;
    }
    match class {
        Some(Privacy::Open) => {}
        Some(Privacy::Hidden) | None => lines.push(format!("{place} is left out")),
        Some(class) => lines.push(format!("{place} is masked ({})", class.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn masked_and_hidden_parts_are_named_and_open_ones_are_not() {
        let schema = Schema::parse(&json!({
            "type": "object",
            "properties": {
                "count": {"type": "integer", "x-mig-privacy": "open"},
                "secret": {"type": "string", "x-mig-privacy": "hidden"},
                "undecided": {"type": "string"},
                "files": {"type": "array", "x-mig-privacy": "name", "items": {
                    "type": "object", "properties": {
                        "file": {"type": "string"},
                        "size": {"type": "integer", "x-mig-privacy": "open"}}}}
            }
        }))
        .unwrap();
        assert_eq!(
            kept_back(&schema),
            [
                "secret is left out",
                "undecided is left out",
                "files[].file is masked (name)"
            ]
        );
    }
}
