//! The fields of a declared result, read from the manifest's JSON and from
//! nothing else, so that the library that masks is not asked what it should do.

use serde_json::{Value, json};

/// A place in a result that can hold something.
#[derive(Debug, Clone)]
pub struct Field {
    /// `elements.files[].name`; `*` stands for the values of a map and `{}` for
    /// its keys.
    pub path: String,
    /// Its privacy class, its own or that of what it stands in.
    pub class: Option<String>,
    /// It can hold a text, or anything at all.
    pub may_be_text: bool,
    /// Its schema.
    pub schema: Value,
}

/// The schema of a whole result: the declared parts in the frame of all results.
pub fn result_schema(manifest: &Value) -> Value {
    let declared = &manifest["operations"]["run"]["result"]["properties"];
    let mut frame = json!({"type": "object", "properties": {
        "foundanything": {"type": "boolean", "x-mig-privacy": "open"},
        "success": {"type": "boolean", "x-mig-privacy": "open"},
        "elements": declared["elements"],
        "statistics": declared["statistics"],
        "errors": {"type": ["array", "null"], "items": {"type": "string"}, "x-mig-privacy": "text"},
    }});
    // A part that is not declared must be empty.
    if let Some(parts) = frame["properties"].as_object_mut() {
        parts.retain(|_, schema| schema.is_object());
    }
    frame
}

/// All fields that have nothing below them, and the keys of maps.
pub fn fields(schema: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    collect(schema, String::new(), None, &mut fields);
    fields
}

/// The schemas of an object's members: declared ones, and that of a map's values.
pub fn members(schema: &Value) -> (Vec<(&String, &Value)>, Option<&Value>) {
    let declared = schema["properties"].as_object();
    let like = schema
        .get("additionalProperties")
        .filter(|like| like.is_object());
    (declared.into_iter().flatten().collect(), like)
}

/// The class of a value inside something of class `outer`.
pub fn class_of(schema: &Value, outer: Option<&str>) -> Option<String> {
    schema["x-mig-privacy"]
        .as_str()
        .or(outer)
        .map(str::to_owned)
}

/// The class of a map's keys inside something of class `outer`.
pub fn class_of_keys(schema: &Value, outer: Option<&str>) -> Option<String> {
    let own = schema["x-mig-privacy-keys"].as_str().map(str::to_owned);
    own.or_else(|| class_of(schema, outer))
}

/// Whether a schema says nothing of what is below it.
pub fn is_leaf(schema: &Value) -> bool {
    let (declared, like) = members(schema);
    declared.is_empty() && like.is_none() && !schema["items"].is_object()
}

/// Whether values of a type are allowed.
pub fn allows(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(name) => name == kind,
        Value::Array(names) => names.iter().any(|name| name == kind),
        _ => true,
    }
}

fn collect(schema: &Value, path: String, outer: Option<&str>, fields: &mut Vec<Field>) {
    let class = class_of(schema, outer);
    if is_leaf(schema) {
        let may_be_text = ["string", "array", "object"]
            .iter()
            .any(|kind| allows(schema, kind));
        fields.push(Field {
            path,
            class,
            may_be_text,
            schema: schema.clone(),
        });
        return;
    }
    let (declared, like) = members(schema);
    for (name, member) in declared {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        collect(member, path, class.as_deref(), fields);
    }
    if let Some(like) = like {
        fields.push(Field {
            path: format!("{path}.{{}}"),
            class: class_of_keys(schema, outer),
            may_be_text: true,
            schema: json!({"type": "string"}),
        });
        collect(like, format!("{path}.*"), class.as_deref(), fields);
    }
    if schema["items"].is_object() {
        collect(
            &schema["items"],
            format!("{path}[]"),
            class.as_deref(),
            fields,
        );
    }
}
