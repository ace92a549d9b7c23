//! The subset of JSON Schema in which a module declares parameters and results,
//! with a privacy class for every field of a result.
//!
//! Keywords: `type` (a name or a list), `properties`, `additionalProperties`,
//! `items`, `enum`, `pattern`, `description`, `default`, `examples`, plus
//! `x-mig-privacy` on a value and `x-mig-privacy-keys` on a map for its keys.
//! `x-mig-opens` marks keys of a configuration file that name files to read.
//! A class on an array or object holds for everything below that has none of
//! its own. Any other keyword is refused, because a rule that is written and
//! not enforced is worse than none; `title`, `$comment`, `$schema` and other
//! `x-` keywords are passed over.

mod mask;
mod normalise;
mod parse;
mod result;
mod validate;

pub use parse::SchemaError;
pub use result::ResultSchema;
pub use validate::{Strictness, Violation};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::HashMap;

/// Deepest nesting of a schema.
pub const MAX_DEPTH: usize = 32;

/// How much of a value leaves the machine in extra privacy mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Counts, booleans, sizes, times, hashes, labels, what was asked.
    Open,
    /// File, package and identifier names: masked.
    Name,
    /// Network addresses: masked.
    Address,
    /// A sentence the module composed: masked.
    Text,
    /// Dropped.
    Hidden,
}

impl Privacy {
    const NAMES: [(&'static str, Privacy); 5] = [
        ("open", Privacy::Open),
        ("name", Privacy::Name),
        ("address", Privacy::Address),
        ("text", Privacy::Text),
        ("hidden", Privacy::Hidden),
    ];

    /// The word in the schema.
    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, class)| *class == self)
            .map_or("", |(name, _)| name)
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, class)| *class)
    }
}

/// A declared shape. [`Schema::parse`] makes one; the default accepts anything.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    types: Types,
    properties: Properties,
    additional: Additional,
    items: Option<Box<Schema>>,
    choices: Option<Vec<Value>>,
    pattern: Option<Pattern>,
    description: Option<String>,
    default: Option<Value>,
    examples: Vec<Value>,
    privacy: Option<Privacy>,
    key_privacy: Option<Privacy>,
    /// The value is the path of a file that the host opens for the module.
    opens: bool,
    /// This value or something below it has a class.
    classed: bool,
    /// Null and `{}` are fine whatever the type: a run that ended early has
    /// nothing better. Only the parts of a result have this.
    may_be_empty: bool,
}

#[derive(Debug, Clone)]
struct Pattern(regex_lite::Regex);

/// Properties in the order of the manifest, found by name.
#[derive(Debug, Clone, Default)]
struct Properties {
    list: Vec<(String, Schema)>,
    index: HashMap<String, usize>,
}

impl Properties {
    fn get(&self, name: &str) -> Option<&Schema> {
        self.index.get(name).map(|index| &self.list[*index].1)
    }

    fn insert(&mut self, name: &str, schema: Schema) {
        match self.index.get(name) {
            Some(index) => self.list[*index].1 = schema,
            None => {
                self.index.insert(name.to_owned(), self.list.len());
                self.list.push((name.to_owned(), schema));
            }
        }
    }
}

/// What `additionalProperties` says.
#[derive(Debug, Clone, Default)]
enum Additional {
    /// Nothing: allowed in parameters, refused in results.
    #[default]
    Unsaid,
    Allowed,
    Refused,
    Like(Box<Schema>),
}

/// A set of JSON types; the empty set means any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Types(u8);

impl Types {
    const NAMES: [&'static str; 7] = [
        "null", "boolean", "integer", "number", "string", "array", "object",
    ];
    const NULL: Types = Types(1);
    const BOOLEAN: Types = Types(1 << 1);
    const INTEGER: Types = Types(1 << 2);
    const NUMBER: Types = Types(1 << 3);
    const STRING: Types = Types(1 << 4);
    const ARRAY: Types = Types(1 << 5);
    const OBJECT: Types = Types(1 << 6);

    fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .position(|known| *known == name)
            .map(|bit| Types(1 << bit))
    }

    const fn with(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    fn is_any(self) -> bool {
        self.0 == 0
    }

    fn intersects(self, other: Types) -> bool {
        self.0 & other.0 != 0
    }

    /// The types a value has: a whole number is an integer too.
    fn of(value: &Value) -> Types {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
            Value::Number(number) => {
                let whole = !number.is_f64() || number.as_f64().is_some_and(|v| v.fract() == 0.0);
                if whole {
                    Self::NUMBER.with(Self::INTEGER)
                } else {
                    Self::NUMBER
                }
            }
        }
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 & (1 << bit) != 0)
            .map(|(_, name)| name)
    }
}

impl Schema {
    /// One sentence about the value.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Whether the value is the path of a file that the module gets to read: the
    /// keyword `x-mig-opens`, which counts in configuration files.
    pub fn opens(&self) -> bool {
        self.opens
    }

    /// What the value is when it is not given.
    pub fn default_value(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    /// Examples of values.
    pub fn examples(&self) -> &[Value] {
        &self.examples
    }

    /// Properties in the order of the manifest.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Schema)> {
        self.properties
            .list
            .iter()
            .map(|(name, schema)| (name.as_str(), schema))
    }

    /// One property.
    pub fn property(&self, name: &str) -> Option<&Schema> {
        self.properties.get(name)
    }

    /// Schema of the values of a map.
    pub fn additional(&self) -> Option<&Schema> {
        match &self.additional {
            Additional::Like(schema) => Some(schema),
            _ => None,
        }
    }

    /// Schema of the items of a list.
    pub fn items(&self) -> Option<&Schema> {
        self.items.as_deref()
    }

    /// The values allowed, when they are listed.
    pub fn choices(&self) -> Option<&[Value]> {
        self.choices.as_deref()
    }

    /// The regular expression a text must match somewhere.
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_ref().map(|pattern| pattern.0.as_str())
    }

    /// Names of the types allowed; none means any.
    pub fn type_names(&self) -> Vec<&'static str> {
        self.types.names().collect()
    }

    /// The class of this value itself.
    pub fn privacy(&self) -> Option<Privacy> {
        self.privacy
    }

    /// True when the schema describes no members at all, and so allows any.
    fn says_nothing(&self) -> bool {
        self.properties.list.is_empty()
            && matches!(self.additional, Additional::Unsaid | Additional::Allowed)
    }

    /// The schema of one member of an object.
    fn member(&self, name: &str) -> Option<&Schema> {
        self.properties.get(name).or_else(|| self.additional())
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.to_value() == other.to_value()
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Schema::parse(&value).map_err(D::Error::custom)
    }
}
