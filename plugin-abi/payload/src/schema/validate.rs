//! Comparing a value with its schema.

use super::{Additional, Schema, Types};
use crate::FieldError;
use crate::document::Part;
use serde_json::Value;

/// A value that is not what the schema says.
pub type Violation = FieldError;

/// How to treat members that the schema does not mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Parameters: unknown members are ignored unless `additionalProperties`
    /// is false, because stored actions carry obsolete ones.
    Parameters,
    /// Results: an unknown member is an error of the module.
    Result,
    /// Results in extra privacy mode: unknown members are dropped by masking,
    /// so they are no error here.
    PrivateResult,
}

impl Schema {
    /// Checks a value.
    ///
    /// # Errors
    /// The first violation, with the path to it.
    pub fn validate(&self, value: &Value, strictness: Strictness) -> Result<(), Violation> {
        match self.violations(value, strictness, 1).pop() {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }

    /// Up to `most` violations in document order.
    pub fn violations(&self, value: &Value, strictness: Strictness, most: usize) -> Vec<Violation> {
        let mut check = Check {
            strictness,
            most,
            found: Vec::new(),
        };
        check.value(self, value, &Path::Root);
        check.found
    }
}

impl Schema {
    /// The first violation of a part of a result. Findings are looked at one by
    /// one.
    pub(super) fn violation_in(
        &self,
        name: &str,
        part: &Part,
        strictness: Strictness,
    ) -> Option<Violation> {
        let mut check = Check {
            strictness,
            most: 1,
            found: Vec::new(),
        };
        check.member(self, name, &Path::Root, |check, schema, path| {
            check.part(schema, part, path);
        });
        check.found.pop()
    }
}

/// Where we are; written out only when something is wrong.
enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn write(&self, out: &mut String) {
        match self {
            Path::Root => {}
            Path::Member(parent, name) => {
                parent.write(out);
                if !out.is_empty() {
                    out.push('.');
                }
                // Names come from hostile machines.
                out.extend(name.escape_debug().take(80));
            }
            Path::Item(parent, index) => {
                parent.write(out);
                out.push_str(&format!("[{index}]"));
            }
        }
    }
}

struct Check {
    strictness: Strictness,
    most: usize,
    found: Vec<Violation>,
}

impl Check {
    fn report(&mut self, path: &Path<'_>, message: String) {
        if self.found.len() < self.most {
            let mut field = String::new();
            path.write(&mut field);
            self.found.push(FieldError { field, message });
        }
    }

    /// Recursion follows the schema, whose depth is limited.
    fn value(&mut self, schema: &Schema, value: &Value, path: &Path<'_>) {
        if self.found.len() >= self.most {
            return;
        }
        if schema.may_be_empty && is_empty(value) {
            return;
        }
        if !self.fits(schema, Types::of(value), path) {
            return;
        }
        if let Some(choices) = &schema.choices
            && !choices.contains(value)
        {
            let allowed: Vec<_> = choices.iter().map(shown).collect();
            self.report(
                path,
                format!("{} is not one of {}", shown(value), allowed.join(", ")),
            );
            return;
        }
        match value {
            Value::String(text) => {
                if let Some(pattern) = &schema.pattern
                    && !pattern.0.is_match(text)
                {
                    let message = format!("{} does not match {}", shown(value), pattern.0.as_str());
                    self.report(path, message);
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &schema.items {
                    for (index, item) in items.iter().enumerate() {
                        self.value(schema, item, &Path::Item(path, index));
                    }
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.member(schema, name, path, |check, schema, path| {
                        check.value(schema, member, path);
                    });
                }
            }
            _ => {}
        }
    }

    fn part(&mut self, schema: &Schema, part: &Part, path: &Path<'_>) {
        if self.found.len() >= self.most {
            return;
        }
        match part {
            Part::Value(value) => self.value(schema, value, path),
            // A list or object that is one of a few allowed ones is small.
            _ if schema.choices.is_some() => self.value(schema, &part.clone().into_value(), path),
            Part::Members(members) => {
                if self.fits(schema, Types::OBJECT, path) {
                    for (name, part) in members {
                        self.member(schema, name, path, |check, schema, path| {
                            check.part(schema, part, path);
                        });
                    }
                }
            }
            Part::Findings(findings) => {
                if let (true, Some(schema)) = (self.fits(schema, Types::ARRAY, path), &schema.items)
                {
                    for (index, finding) in findings.iter().enumerate() {
                        self.value(schema, &finding, &Path::Item(path, index));
                        if self.found.len() >= self.most {
                            return;
                        }
                    }
                }
            }
        }
    }

    fn fits(&mut self, schema: &Schema, types: Types, path: &Path<'_>) -> bool {
        let fits = schema.types.is_any() || schema.types.intersects(types);
        if !fits {
            let wanted: Vec<_> = schema.types.names().collect();
            let given = types.names().last().unwrap_or_default();
            self.report(
                path,
                format!("must be {}, not {given}", wanted.join(" or ")),
            );
        }
        fits
    }

    /// Looks at a member with its own schema, if there is one and it is allowed.
    fn member(
        &mut self,
        schema: &Schema,
        name: &str,
        path: &Path<'_>,
        look: impl FnOnce(&mut Self, &Schema, &Path<'_>),
    ) {
        let path = Path::Member(path, name);
        if let Some(schema) = schema.member(name) {
            look(self, schema, &path);
            return;
        }
        let refused = match (self.strictness, &schema.additional) {
            (Strictness::PrivateResult, _) | (_, Additional::Allowed | Additional::Like(_)) => {
                false
            }
            (Strictness::Parameters, Additional::Unsaid) => false,
            (Strictness::Result, Additional::Unsaid) => !schema.says_nothing(),
            (_, Additional::Refused) => true,
        };
        if refused {
            self.report(&path, "is not in the schema".to_owned());
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        other => other.is_null(),
    }
}

/// A value for a message: one line, not too long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 {
        let start: String = text.chars().take(57).collect();
        format!("{start}...")
    } else {
        text
    }
}
