//! The frame that all results share, around what a module declares.

use super::{Additional, Privacy, Schema, Strictness, Types, Violation};
use crate::document::{Document, Part};
use serde_json::{Map, Value};
use std::collections::HashMap;

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
        self.0.validate(document, strictness(privacy))
    }

    /// As [`ResultSchema::validate`], a finding at a time.
    ///
    /// # Errors
    /// As there.
    pub fn validate_document(&self, document: &Document, privacy: bool) -> Result<(), Violation> {
        let strictness = strictness(privacy);
        let mut members = document.members.iter();
        members
            .find_map(|(name, part)| self.0.violation_in(name, part, strictness))
            .map_or(Ok(()), Err)
    }

    /// Masks a whole document; the five keys stay, in their order.
    pub fn mask(&self, document: Value) -> Value {
        self.mask_document(Document::from(document)).into_value()
    }

    /// As [`ResultSchema::mask`], a finding at a time.
    pub fn mask_document(&self, document: Document) -> Document {
        let mut masked: HashMap<String, Part> = document
            .members
            .into_iter()
            .filter_map(|(name, part)| {
                let part = self.0.mask_member(&name, part)?;
                Some((name, part))
            })
            .collect();
        let members = [
            ("foundanything", Value::Bool(false)),
            ("success", Value::Bool(false)),
            ("elements", Value::Object(Map::new())),
            ("statistics", Value::Null),
            ("errors", Value::Null),
        ]
        .into_iter()
        .map(|(key, missing)| {
            let part = masked.remove(key).unwrap_or(Part::Value(missing));
            (key.to_owned(), part)
        });
        Document {
            members: members.collect(),
        }
    }

    /// The schema itself.
    pub fn schema(&self) -> &Schema {
        &self.0
    }
}

fn strictness(privacy: bool) -> Strictness {
    if privacy {
        Strictness::PrivateResult
    } else {
        Strictness::Result
    }
}
