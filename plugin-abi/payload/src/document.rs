//! A whole result whose streamed findings stay the bytes they came as.
//!
//! A finding takes some three hundred bytes as a payload and several thousand
//! as a tree of JSON values. A host that holds tens of thousands of them
//! therefore keeps the bytes, and looks at one finding at a time.

use crate::codec::{EncodeError, Items, encode};
use crate::profile::{ProfileError, walk};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Findings of one place, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Findings {
    /// One walked payload after the other.
    bytes: Vec<u8>,
    count: usize,
}

impl Findings {
    /// Appends a payload.
    ///
    /// # Errors
    /// When it breaks the profile.
    pub fn push(&mut self, payload: &[u8]) -> Result<(), ProfileError> {
        walk(payload, payload.len())?;
        self.bytes.extend_from_slice(payload);
        self.count += 1;
        Ok(())
    }

    /// Appends a value.
    ///
    /// # Errors
    /// When it has no form in the profile.
    pub fn push_value(&mut self, value: &Value) -> Result<(), EncodeError> {
        self.bytes.extend(encode(value)?);
        self.count += 1;
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each as a value, made when it is asked for.
    pub fn iter(&self) -> impl Iterator<Item = Value> {
        Items::new(&self.bytes)
    }
}

/// A part of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// What the module sent with the rest of its answer.
    Value(Value),
    /// An object with findings somewhere below it.
    Members(Vec<(String, Part)>),
    /// A list of findings.
    Findings(Findings),
}

impl Part {
    /// All of it as one value.
    pub fn into_value(self) -> Value {
        match self {
            Part::Value(value) => value,
            Part::Members(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(name, part)| (name, part.into_value()))
                    .collect(),
            ),
            Part::Findings(findings) => findings.iter().collect(),
        }
    }
}

impl Default for Part {
    fn default() -> Self {
        Part::Value(Value::Null)
    }
}

/// A result document. It serialises as stored results are written: its own keys
/// in their order, those of `elements` and `statistics` sorted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    pub(crate) members: Vec<(String, Part)>,
}

impl Document {
    /// A member that holds no findings.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self.part(name)? {
            Part::Value(value) => Some(value),
            _ => None,
        }
    }

    /// A member.
    pub fn part(&self, name: &str) -> Option<&Part> {
        let mut members = self.members.iter();
        members.find(|(key, _)| key == name).map(|(_, part)| part)
    }

    /// Replaces a member, or adds it behind the others.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.members.iter_mut().find(|(key, _)| key == name) {
            Some((_, part)) => *part = Part::Value(value),
            None => self.members.push((name.to_owned(), Part::Value(value))),
        }
    }

    /// A flag of the frame; false when it is absent.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The texts of `errors`.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        let errors = self.get("errors").and_then(Value::as_array);
        errors.into_iter().flatten().filter_map(Value::as_str)
    }

    /// What is written as the module's own output: like the stored form, but with
    /// the keys of `elements` and `statistics` in the order of the module. The
    /// findings stay bytes until each is written.
    pub fn in_order(&self) -> impl Serialize + '_ {
        InOrder(self)
    }

    /// All of it as one value, keys in the order of the module.
    pub fn into_value(self) -> Value {
        Part::Members(self.members).into_value()
    }
}

/// A document that is written with all keys in the order of the module, see
/// [`Document::in_order`].
struct InOrder<'a>(&'a Document);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.0.members.iter();
        serializer.collect_map(members.map(|(name, part)| (name, PartInOrder(part))))
    }
}

struct PartInOrder<'a>(&'a Part);

impl Serialize for PartInOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Part::Value(value) => value.serialize(serializer),
            Part::Members(members) => {
                serializer.collect_map(members.iter().map(|(name, part)| (name, PartInOrder(part))))
            }
            Part::Findings(findings) => serializer.collect_seq(findings.iter()),
        }
    }
}

/// A document without streamed findings.
impl From<Value> for Document {
    fn from(value: Value) -> Self {
        let members = match value {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        Self {
            members: members
                .into_iter()
                .map(|(name, value)| (name, Part::Value(value)))
                .collect(),
        }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.members.len()))?;
        for (name, part) in &self.members {
            map.serialize_entry(name, part)?;
        }
        map.end()
    }
}

/// Keys sorted.
impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Part::Value(value) => Sorted(value).serialize(serializer),
            Part::Members(members) => {
                let mut members: Vec<_> = members.iter().map(|(name, part)| (name, part)).collect();
                members.sort_unstable_by_key(|(name, _)| *name);
                serializer.collect_map(members)
            }
            Part::Findings(findings) => {
                let mut list = serializer.serialize_seq(Some(findings.len()))?;
                for finding in findings.iter() {
                    list.serialize_element(&Sorted(&finding))?;
                }
                list.end()
            }
        }
    }
}

/// A value that is written with sorted keys. Recursion is bounded by the depth
/// of payloads.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by_key(|(name, _)| *name);
                serializer.collect_map(
                    members
                        .into_iter()
                        .map(|(name, value)| (name, Sorted(value))),
                )
            }
            scalar => scalar.serialize(serializer),
        }
    }
}
