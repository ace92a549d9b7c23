//! Result documents full of what must not leave a machine.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fields::{allows, is_leaf, members};

/// Around each marker: what a name from a hostile machine may look like.
const DRESSES: [(&str, &str); 6] = [
    ("/home/alice/.ssh/", ""),
    ("\u{1b}[31m", "\u{1b}[0m\u{7}"),
    ("first line\n", "\r\nroot:x:0:0"),
    ("../../\u{202e}", "\0\u{9b}2J"),
    ("password=hunter2 ", " \u{5bc6}\u{7801}\u{fffd}"),
    ("198.51.100.7:443 ", "%s%n{}"),
];

/// Items of each list, and members of each map.
const COUNT: usize = 3;

/// What to do that no honest module does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vice<'a> {
    /// Nothing: every declared field, with a value of its type.
    None,
    /// The same with the manifest's own examples where texts have some.
    Examples,
    /// Members that nobody declared, in every object.
    Undeclared,
    /// Something else at one place: 0 a text, 1 a list, 2 an object, 3 nested.
    Wrong(&'a str, usize),
}

/// A document, and at which place of the schema each marker in it stands.
pub struct Document {
    pub value: Value,
    pub places: BTreeMap<String, String>,
}

/// Fills a schema.
pub fn document(schema: &Value, vice: Vice<'_>) -> Document {
    let mut filling = Filling {
        vice,
        places: BTreeMap::new(),
    };
    let value = filling.value(schema, "");
    Document {
        value,
        places: filling.places,
    }
}

/// The markers in a text.
pub fn markers(text: &str) -> Vec<String> {
    let starts = text.match_indices("MARK").map(|(start, _)| start);
    starts
        .filter_map(|start| text.get(start..start + 9))
        .map(str::to_owned)
        .collect()
}

struct Filling<'a> {
    vice: Vice<'a>,
    places: BTreeMap<String, String>,
}

impl Filling<'_> {
    /// A text with a marker of its own, noted for the place.
    fn marker(&mut self, path: &str) -> String {
        let number = self.places.len();
        let marker = format!("MARK{number:05}");
        self.places.insert(marker.clone(), path.to_owned());
        let (before, after) = DRESSES[number % DRESSES.len()];
        format!("{before}{marker}{after}")
    }

    fn value(&mut self, schema: &Value, path: &str) -> Value {
        if let Vice::Wrong(place, how) = self.vice
            && place == path
        {
            return self.wrong(path, how);
        }
        if is_leaf(schema) {
            return self.leaf(schema, path);
        }
        if allows(schema, "object") && !schema["items"].is_object() {
            return self.object(schema, path);
        }
        let path = format!("{path}[]");
        let items = (0..COUNT).map(|_| self.value(&schema["items"], &path));
        Value::Array(items.collect())
    }

    fn leaf(&mut self, schema: &Value, path: &str) -> Value {
        if let Some(choice) = schema["enum"].get(0) {
            return choice.clone();
        }
        let example = schema["examples"].get(0).or_else(|| schema.get("default"));
        let example =
            example.filter(|_| self.vice == Vice::Examples || schema["pattern"].is_string());
        if let Some(example) = example {
            return example.clone();
        }
        for (kind, value) in [
            ("boolean", json!(true)),
            ("integer", json!(7)),
            ("number", json!(7)),
        ] {
            if schema["type"].is_string() && allows(schema, kind) {
                return value;
            }
        }
        if allows(schema, "string") {
            return Value::String(self.marker(path));
        }
        if allows(schema, "array") {
            return json!([self.marker(path), self.marker(path)]);
        }
        if allows(schema, "object") {
            return json!({self.marker(path): self.marker(path)});
        }
        // A number or nothing.
        if allows(schema, "integer") || allows(schema, "number") {
            return json!(7);
        }
        Value::Null
    }

    fn object(&mut self, schema: &Value, path: &str) -> Value {
        let (declared, like) = members(schema);
        let mut object = Map::new();
        for (name, member) in declared {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            let value = self.value(member, &path);
            object.insert(name.clone(), value);
        }
        if let Some(like) = like {
            for _ in 0..COUNT {
                let key = self.marker(&format!("{path}.{{}}"));
                let value = self.value(like, &format!("{path}.*"));
                object.insert(key, value);
            }
        }
        // The frame of a result is the host's, and any other member an error.
        if self.vice == Vice::Undeclared && !path.is_empty() && like.is_none() {
            let place = format!("{path} (undeclared)");
            let (key, inner) = (self.marker(&place), self.marker(&place));
            object.insert(key, json!([{"deeper": inner}]));
            object.insert("undeclared".to_owned(), self.marker(&place).into());
        }
        Value::Object(object)
    }

    fn wrong(&mut self, path: &str, how: usize) -> Value {
        match how {
            0 => self.marker(path).into(),
            1 => json!([self.marker(path), 1, null, self.marker(path)]),
            2 => json!({self.marker(path): self.marker(path)}),
            _ => json!([{"a": [[{self.marker(path): [self.marker(path)]}]]}]),
        }
    }
}
