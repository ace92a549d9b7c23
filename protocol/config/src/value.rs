//! Values and their kinds.

use std::time::Duration;

use crate::Key;
use crate::duration::parse_duration;
use crate::error::Problem;

/// What the value of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// The path of a file or directory.
    Path,
    /// `true/yes/on/1`, `false/no/off/0`; a key alone is true.
    Bool,
    /// A whole number, decimal or with `0x`.
    Integer,
    /// A time span such as `300s`, `5m` or `1h30m`.
    Duration,
    /// A text; each repetition of the key adds one.
    List,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Bool(bool),
    Integer(i64),
    Duration(Duration),
    List(Vec<String>),
}

impl Value {
    /// Reads the text behind `=`; `None` is a key alone.
    pub(crate) fn read(key: &Key<'_>, text: Option<String>) -> Result<Self, Problem> {
        let Some(text) = text else {
            return match key.kind {
                Kind::Bool => Ok(Self::Bool(true)),
                _ => Err(Problem::NeedsValue(key.name.to_owned())),
            };
        };
        let wrong = |expected| Problem::BadValue {
            key: key.name.to_owned(),
            value: text.clone(),
            expected,
        };
        match key.kind {
            Kind::Text | Kind::Path => Ok(Self::Text(text)),
            Kind::List => Ok(Self::List(vec![text])),
            Kind::Bool => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(Self::Bool(true)),
                "false" | "no" | "off" | "0" => Ok(Self::Bool(false)),
                _ => Err(wrong("true, yes, on, 1, false, no, off or 0")),
            },
            Kind::Integer => {
                let (digits, base) = match text.strip_prefix("0x") {
                    Some(digits) => (digits, 16),
                    None => (text.as_str(), 10),
                };
                i64::from_str_radix(digits, base)
                    .map(Self::Integer)
                    .map_err(|_| wrong("a whole number"))
            }
            Kind::Duration => parse_duration(&text)
                .map(Self::Duration)
                .map_err(|_| wrong("a time span with a unit, for example 300s, 5m or 1h30m")),
        }
    }

    /// A repeated key: lists grow, of everything else the last counts.
    pub(crate) fn merge(&mut self, newer: Self) {
        match (self, newer) {
            (Self::List(values), Self::List(more)) => values.extend(more),
            (value, newer) => *value = newer,
        }
    }
}
