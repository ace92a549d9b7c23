//! The frame that all results share, around what a module declares.

use super::{Additional, Privacy, Schema, Strictness, Types, Violation};
use serde_json::{Map, Value};

/// Schema of a whole result document.
#[derive(Debug, Clone)]
pub struct ResultSchema(Schema);

impl ResultSchema {
    /// The frame around the properties `elements` and `statistics` of
    /// `declared`. What is not declared must be empty,
    /// and what is declared may be.
    pub fn new(declared: Option<&Schema>) -> Self {
        let flag = || Schema {
            types: Types::BOOLEAN,
            privacy: Some(Privacy::Open),
            classed: true,
            ..Schema::default()
        };
        let part = |name: &str, empty: Schema| Schema {
            may_be_empty: true,
            ..declared
                .and_then(|declared| declared.properties.get(name))
                .cloned()
                .unwrap_or(empty)
        };
        let nothing = Schema {
            types: Types::NULL.with(Types::OBJECT),
            additional: Additional::Refused,
            privacy: Some(Privacy::Open),
            classed: true,
            ..Schema::default()
        };
        let errors = Schema {
            types: Types::NULL.with(Types::ARRAY),
            items: Some(Box::new(Schema {
                types: Types::STRING,
                ..Schema::default()
            })),
            // Any sentence of a module may name anything.
            privacy: Some(Privacy::Text),
            classed: true,
            ..Schema::default()
        };
        let mut frame = Schema {
            types: Types::OBJECT,
            additional: Additional::Refused,
            classed: true,
            ..Schema::default()
        };
        frame.properties.insert("foundanything", flag());
        frame.properties.insert("success", flag());
        frame
            .properties
            .insert("elements", part("elements", nothing.clone()));
        frame
            .properties
            .insert("statistics", part("statistics", nothing));
        frame.properties.insert("errors", errors);
        Self(frame)
    }

    /// Checks a whole document. In privacy mode members outside the schema are
    /// left to [`ResultSchema::mask`], which drops them.
    ///
    /// # Errors
    /// The first violation, with the path to it.
    pub fn validate(&self, document: &Value, privacy: bool) -> Result<(), Violation> {
        let strictness = if privacy {
            Strictness::PrivateResult
        } else {
            Strictness::Result
        };
        self.0.validate(document, strictness)
    }

    /// Masks a whole document; the five keys stay, in their order.
    pub fn mask(&self, document: Value) -> Value {
        let mut masked = match self.0.mask(document) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let mut result = Map::new();
        for (key, missing) in [
            ("foundanything", Value::Bool(false)),
            ("success", Value::Bool(false)),
            ("elements", Value::Object(Map::new())),
            ("statistics", Value::Null),
            ("errors", Value::Null),
        ] {
            let value = masked.remove(key).unwrap_or(missing);
            result.insert(key.to_owned(), value);
        }
        Value::Object(result)
    }

    /// The schema itself.
    pub fn schema(&self) -> &Schema {
        &self.0
    }
}
