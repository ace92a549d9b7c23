//! Extra privacy mode: what leaves the machine, decided by class.

use super::{Privacy, Schema};
use crate::document::{Findings, Part};
use serde_json::Value;

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

    /// Masks a part of a result that is a member of what this schema describes;
    /// findings one by one.
    pub(super) fn mask_member(&self, name: &str, part: Part) -> Option<Part> {
        let class = enter(Some(self), None, 0)?;
        mask_part(self.properties.get(name), part, class, 1)
    }
}

/// The class of a value, and whether anything of it may leave at all.
fn enter(
    schema: Option<&Schema>,
    inherited: Option<Privacy>,
    depth: usize,
) -> Option<Option<Privacy>> {
    let class = schema.and_then(|schema| schema.privacy).or(inherited);
    let classed_below = schema.is_some_and(|schema| schema.classed);
    let closed = class == Some(Privacy::Hidden) || (class.is_none() && !classed_below);
    (!closed && depth <= MAX_VALUE_DEPTH).then_some(class)
}

fn mask_part(
    schema: Option<&Schema>,
    part: Part,
    inherited: Option<Privacy>,
    depth: usize,
) -> Option<Part> {
    match part {
        Part::Value(value) => mask(schema, value, inherited, depth).map(Part::Value),
        Part::Members(members) => {
            let class = enter(schema, inherited, depth)?;
            let kept = mask_members(schema, members, class, |declared, part| {
                mask_part(declared, part, class, depth + 1)
            });
            Some(Part::Members(kept.collect()))
        }
        Part::Findings(findings) => {
            let class = enter(schema, inherited, depth)?;
            let schema = schema.and_then(|schema| schema.items.as_deref());
            let mut kept = Findings::default();
            let mut dropped = 0;
            for finding in findings.iter() {
                let masked = mask(schema, finding, class, depth + 1);
                dropped += usize::from(masked.is_none());
                // Masking makes nothing deeper or larger than it was.
                let _encodes = kept.push_value(&masked.unwrap_or(Value::Null));
            }
            (dropped == 0 || dropped < findings.len()).then_some(Part::Findings(kept))
        }
    }
}

fn mask(
    schema: Option<&Schema>,
    value: Value,
    inherited: Option<Privacy>,
    depth: usize,
) -> Option<Value> {
    let class = enter(schema, inherited, depth)?;
    match value {
        Value::Object(members) => {
            let kept = mask_members(schema, members, class, |declared, member| {
                mask(declared, member, class, depth + 1)
            });
            Some(Value::Object(kept.collect()))
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

/// The members that are kept, masked by `look` under their schema, with their
/// keys masked where those say something.
fn mask_members<M>(
    schema: Option<&Schema>,
    members: impl IntoIterator<Item = (String, M)>,
    class: Option<Privacy>,
    look: impl Fn(Option<&Schema>, M) -> Option<M>,
) -> impl Iterator<Item = (String, M)> {
    let mut masked_keys = 0usize;
    members.into_iter().filter_map(move |(name, member)| {
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
            return None;
        };
        let member = look(declared.or(like), member)?;
        match key_class {
            None | Some(Privacy::Hidden) => None,
            Some(Privacy::Open) => Some((name, member)),
            Some(_) => {
                // Keys stay unique, so that the number of members survives.
                masked_keys += 1;
                let name = match masked_keys {
                    1 => MASKED.to_owned(),
                    count => format!("{MASKED}-{count}"),
                };
                Some((name, member))
            }
        }
    })
}
