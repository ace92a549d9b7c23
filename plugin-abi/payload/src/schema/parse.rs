//! Reading and writing schemas.

use super::{Additional, MAX_DEPTH, Pattern, Privacy, Schema, Types};
use serde_json::{Map, Value};

/// Longest `pattern`, in bytes; compiled size is limited besides.
const MAX_PATTERN: usize = 4096;
/// Memory one compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 1 << 18;

/// Why a schema is refused, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schema at {at}: {reason}")]
pub struct SchemaError {
    /// JSON pointer into the schema.
    pub at: String,
    /// What is wrong there.
    pub reason: String,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// When a keyword is unknown or malformed, or the schema is too deep.
    pub fn parse(value: &Value) -> Result<Self, SchemaError> {
        parse(value, &mut String::from("/"), 0)
    }

    /// The schema as JSON.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| {
            map.insert(key.to_owned(), value);
        };
        let types = self.type_names();
        match types.as_slice() {
            [] => {}
            [one] => put("type", Value::from(*one)),
            many => put("type", Value::from(many.to_vec())),
        }
        if let Some(text) = &self.description {
            put("description", Value::from(text.as_str()));
        }
        if !self.properties.list.is_empty() {
            let properties = self
                .properties()
                .map(|(name, schema)| (name.to_owned(), schema.to_value()))
                .collect();
            put("properties", Value::Object(properties));
        }
        match &self.additional {
            Additional::Unsaid => {}
            Additional::Allowed => put("additionalProperties", Value::Bool(true)),
            Additional::Refused => put("additionalProperties", Value::Bool(false)),
            Additional::Like(schema) => put("additionalProperties", schema.to_value()),
        }
        if let Some(items) = &self.items {
            put("items", items.to_value());
        }
        if let Some(choices) = &self.choices {
            put("enum", Value::from(choices.clone()));
        }
        if let Some(pattern) = self.pattern() {
            put("pattern", Value::from(pattern));
        }
        if let Some(default) = &self.default {
            put("default", default.clone());
        }
        if !self.examples.is_empty() {
            put("examples", Value::from(self.examples.clone()));
        }
        if let Some(class) = self.privacy {
            put("x-mig-privacy", Value::from(class.as_str()));
        }
        if self.opens {
            put("x-mig-opens", Value::Bool(true));
        }
        if let Some(class) = self.key_privacy {
            put("x-mig-privacy-keys", Value::from(class.as_str()));
        }
        Value::Object(map)
    }
}

fn parse(value: &Value, at: &mut String, depth: usize) -> Result<Schema, SchemaError> {
    let fail = |at: &str, reason: String| {
        Err(SchemaError {
            at: at.to_owned(),
            reason,
        })
    };
    if depth > MAX_DEPTH {
        return fail(at, format!("nested deeper than {MAX_DEPTH} levels"));
    }
    let map = match value {
        Value::Object(map) => map,
        Value::Bool(true) => return Ok(Schema::default()),
        _ => return fail(at, "must be an object".to_owned()),
    };
    let mut schema = Schema::default();
    for (keyword, value) in map {
        match keyword.as_str() {
            "type" => schema.types = types(value).map_err(|reason| error(at, reason))?,
            "properties" => {
                let Value::Object(members) = value else {
                    return fail(at, "`properties` must be an object".to_owned());
                };
                for (name, member) in members {
                    let member = below(at, name, |at| parse(member, at, depth + 1))?;
                    schema.classed |= member.classed;
                    schema.properties.insert(name, member);
                }
            }
            "additionalProperties" => {
                schema.additional = match value {
                    Value::Bool(true) => Additional::Allowed,
                    Value::Bool(false) => Additional::Refused,
                    other => {
                        let member = below(at, keyword, |at| parse(other, at, depth + 1))?;
                        schema.classed |= member.classed;
                        Additional::Like(Box::new(member))
                    }
                }
            }
            "items" => {
                let items = below(at, keyword, |at| parse(value, at, depth + 1))?;
                schema.classed |= items.classed;
                schema.items = Some(Box::new(items));
            }
            "enum" => match value {
                Value::Array(choices) => schema.choices = Some(choices.clone()),
                _ => return fail(at, "`enum` must be a list".to_owned()),
            },
            "pattern" => {
                let pattern = text(keyword, value).map_err(|reason| error(at, reason))?;
                schema.pattern = Some(compile(pattern).map_err(|reason| error(at, reason))?);
            }
            "description" => {
                let text = text(keyword, value).map_err(|reason| error(at, reason))?;
                schema.description = Some(text.to_owned());
            }
            "default" => schema.default = Some(value.clone()),
            "examples" => match value {
                Value::Array(examples) => schema.examples = examples.clone(),
                _ => return fail(at, "`examples` must be a list".to_owned()),
            },
            "x-mig-privacy" => {
                schema.privacy = Some(class(keyword, value).map_err(|reason| error(at, reason))?);
                schema.classed = true;
            }
            "x-mig-privacy-keys" => {
                schema.key_privacy =
                    Some(class(keyword, value).map_err(|reason| error(at, reason))?);
                schema.classed = true;
            }
            "x-mig-opens" => match value {
                Value::Bool(opens) => schema.opens = *opens,
                _ => return fail(at, "`x-mig-opens` must be true or false".to_owned()),
            },
            "title" | "$comment" | "$schema" => {}
            other if other.starts_with("x-") => {}
            other => {
                return fail(at, format!("unknown keyword `{}`", other.escape_debug()));
            }
        }
    }
    let maskable = Types::STRING
        .with(Types::NULL)
        .with(Types::ARRAY)
        .with(Types::OBJECT);
    if matches!(
        schema.privacy,
        Some(Privacy::Name | Privacy::Address | Privacy::Text)
    ) && (!schema.types.intersects(maskable) && !schema.types.is_any())
    {
        return fail(
            at,
            "only texts can be masked; use the class open or hidden".to_owned(),
        );
    }
    Ok(schema)
}

fn error(at: &str, reason: String) -> SchemaError {
    SchemaError {
        at: at.to_owned(),
        reason,
    }
}

/// Runs `inner` with `segment` appended to the pointer.
fn below<T>(at: &mut String, segment: &str, inner: impl FnOnce(&mut String) -> T) -> T {
    let length = at.len();
    if !at.ends_with('/') {
        at.push('/');
    }
    at.extend(segment.escape_debug().take(64));
    let result = inner(at);
    at.truncate(length);
    result
}

fn text<'a>(keyword: &str, value: &'a Value) -> Result<&'a str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("`{keyword}` must be text"))
}

fn class(keyword: &str, value: &Value) -> Result<Privacy, String> {
    let word = text(keyword, value)?;
    Privacy::from_word(word).ok_or_else(|| {
        format!(
            "`{keyword}` must be open, name, address, text or hidden, not `{}`",
            word.escape_debug()
        )
    })
}

fn types(value: &Value) -> Result<Types, String> {
    let one = |value: &Value| {
        value.as_str().and_then(Types::named).ok_or_else(|| {
            "`type` must name null, boolean, integer, number, string, array or object".to_owned()
        })
    };
    match value {
        Value::Array(many) if !many.is_empty() => many
            .iter()
            .try_fold(Types::default(), |types, value| Ok(types.with(one(value)?))),
        value => one(value),
    }
}

fn compile(pattern: &str) -> Result<Pattern, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("`pattern` is longer than {MAX_PATTERN} bytes"));
    }
    regex_lite::RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED)
        .build()
        .map(Pattern)
        .map_err(|error| {
            let reason = error.to_string().replace('\n', " ");
            format!("`pattern` does not compile: {reason}")
        })
}
