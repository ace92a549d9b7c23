//! Extra privacy mode: what leaves the machine, decided by class.

use super::{Privacy, Schema};
use serde_json::{Map, Value};

/// What stands in place of a masked text.
pub const MASKED: &str = "masked";
/// Values deeper than this are dropped; payloads cannot be that deep.
const MAX_VALUE_DEPTH: usize = 128;

impl Schema {
    /// Masks a value. `None` when nothing of it may leave the machine.
    ///
    /// A value without a class of its own takes that of what it stands in.
    /// Values without any class, hidden ones and members outside the schema are
    /// dropped. Lists keep their length: an item that is dropped becomes null,
    /// unless all of them are, which drops the list.
    pub fn mask(&self, value: Value) -> Option<Value> {
        mask(Some(self), value, None, 0)
    }
}

fn mask(
    schema: Option<&Schema>,
    value: Value,
    inherited: Option<Privacy>,
    depth: usize,
) -> Option<Value> {
    let class = schema.and_then(|schema| schema.privacy).or(inherited);
    let classed_below = schema.is_some_and(|schema| schema.classed);
    if class == Some(Privacy::Hidden) || (class.is_none() && !classed_below) {
        return None;
    }
    if depth > MAX_VALUE_DEPTH {
        return None;
    }
    match value {
        Value::Object(members) => {
            let members = mask_members(schema, members, class, depth);
            Some(Value::Object(members))
        }
        Value::Array(items) => {
            let schema = schema.and_then(|schema| schema.items.as_deref());
            let before = items.len();
            let mut dropped = 0;
            let items: Vec<Value> = items
                .into_iter()
                .map(|item| {
                    mask(schema, item, class, depth + 1).unwrap_or_else(|| {
                        dropped += 1;
                        Value::Null
                    })
                })
                .collect();
            (dropped == 0 || dropped < before).then_some(Value::Array(items))
        }
        // An absent list or object, of which some members would be kept.
        Value::Null => Some(Value::Null),
        scalar => mask_scalar(scalar, class),
    }
}

fn mask_scalar(value: Value, class: Option<Privacy>) -> Option<Value> {
    match (class?, value) {
        (Privacy::Hidden, _) => None,
        (Privacy::Open, value) => Some(value),
        // An empty name says that nothing was found, which is no secret.
        (Privacy::Name | Privacy::Address, Value::String(text)) if text.is_empty() => {
            Some(Value::String(text))
        }
        (_, Value::String(_)) => Some(Value::from(MASKED)),
        // A number or flag cannot be masked and keep its type.
        (_, _) => None,
    }
}

fn mask_members(
    schema: Option<&Schema>,
    members: Map<String, Value>,
    class: Option<Privacy>,
    depth: usize,
) -> Map<String, Value> {
    let mut kept = Map::new();
    let mut masked_keys = 0usize;
    for (name, member) in members {
        let declared = schema.and_then(|schema| schema.properties.get(&name));
        let like = schema.and_then(Schema::additional);
        let key_class = if declared.is_some() {
            Some(Privacy::Open)
        } else if like.is_some() {
            schema.and_then(|schema| schema.key_privacy).or(class)
        } else if schema.is_some_and(|schema| schema.says_nothing()) {
            class
        } else {
            // Outside the schema.
            continue;
        };
        let Some(value) = mask(declared.or(like), member, class, depth + 1) else {
            continue;
        };
        match key_class {
            None | Some(Privacy::Hidden) => {}
            Some(Privacy::Open) => {
                kept.insert(name, value);
            }
            Some(_) => {
                // Keys stay unique, so that the number of members survives.
                masked_keys += 1;
                let name = match masked_keys {
                    1 => MASKED.to_owned(),
                    count => format!("{MASKED}-{count}"),
                };
                kept.insert(name, value);
            }
        }
    }
    kept
}
