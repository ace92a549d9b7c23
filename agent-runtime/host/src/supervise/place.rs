//! Whether a place is one where the manifest allows findings.

use mig_plugin_payload::assemble;
use mig_plugin_payload::{ResultSchema, Schema};

use crate::text::one_line;

/// Checks a place against the schema of the whole result.
pub(super) fn check(schema: &ResultSchema, place: &str) -> Result<(), String> {
    let segments = assemble::segments(place).map_err(|error| error.to_string())?;
    let outside = || {
        let shown = one_line(place, 80);
        format!("place `{shown}` is not in its result schema")
    };
    let mut at = schema.schema().property("elements").ok_or_else(outside)?;
    for segment in &segments {
        if is_free(at) {
            return Ok(());
        }
        at = at
            .property(segment)
            .or_else(|| at.additional())
            .ok_or_else(outside)?;
    }
    let types = at.type_names();
    if types.is_empty() || types.contains(&"array") {
        Ok(())
    } else {
        Err(outside())
    }
}

/// A value of which the schema says nothing, so that anything may be below.
/// Whatever it says beyond that is checked when the result is complete.
fn is_free(schema: &Schema) -> bool {
    let types = schema.type_names();
    (types.is_empty() || types.contains(&"object"))
        && schema.properties().next().is_none()
        && schema.additional().is_none()
}

#[cfg(test)]
mod tests {
    use mig_plugin_payload::{ResultSchema, Schema};
    use serde_json::json;

    #[test]
    fn findings_go_only_where_the_manifest_has_a_list() {
        let schema = Schema::parse(&json!({"properties": {"elements": {
            "type": "object",
            "properties": {"count": {"type": "integer"}, "free": {"type": "object"}},
            "additionalProperties": {"type": "array", "items": {"type": "object"}},
        }}}))
        .expect("schema");
        let schema = ResultSchema::new(Some(&schema));
        for (place, allowed) in [
            ("/elements/s1", true),
            ("/elements/with~1slash", true),
            ("/elements/free/a/b", true),
            ("/elements", false),
            ("/elements/count", false),
            ("/elements/s1/deeper", false),
            ("/statistics/x", false),
            ("elements", false),
            ("", false),
        ] {
            assert_eq!(super::check(&schema, place).is_ok(), allowed, "{place}");
        }
    }
}
