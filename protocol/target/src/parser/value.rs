//! Values: columns, constants, JSON access, casts and times.

use super::{Node, Parser};
use crate::TargetError;
use crate::ast::{Base, CastTo, Interval, Number, Shift, Step, Value};
use crate::lexer::Token;
use crate::schema::{Column, Kind};
use crate::time_values::{parse_interval, parse_time};

/// Largest whole number that survives a trip through JSON's doubles.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What a cast asks for.
enum Cast {
    Value(CastTo),
    Time,
}

impl Parser<'_> {
    /// An operand that must be a value.
    pub(super) fn value(&mut self) -> Result<Value, TargetError> {
        let offset = self.offset();
        match self.operand()? {
            Node::Value(value) => Ok(value),
            Node::Condition(_) => Err(self.error_at(offset, "expected a value, found a condition")),
        }
    }

    /// A primary with its JSON accesses, casts and intervals.
    pub(super) fn operand(&mut self) -> Result<Node, TargetError> {
        let offset = self.offset();
        let mut value = match self.primary()? {
            Node::Value(value) => value,
            condition => return Ok(condition),
        };
        while let Token::Symbol(symbol) = self.peek() {
            value = match *symbol {
                "->" | "->>" | "#>" | "#>>" => self.access(value, offset)?,
                "::" => self.cast(value, offset)?,
                "+" | "-" => self.shift(value, offset)?,
                _ => break,
            };
        }
        Ok(Node::Value(value))
    }

    fn primary(&mut self) -> Result<Node, TargetError> {
        let offset = self.offset();
        match self.peek().clone() {
            Token::Symbol("(") => {
                self.advance();
                let node = self.deeper(Self::disjunction)?;
                self.expect_symbol(")")?;
                Ok(node)
            }
            Token::Symbol(sign @ ("-" | "+")) => {
                self.advance();
                let Token::Number(digits) = self.peek().clone() else {
                    return Err(self.expected("a number"));
                };
                self.advance();
                let sign = if sign == "-" { "-" } else { "" };
                self.number(&format!("{sign}{digits}"), offset)
                    .map(Node::Value)
            }
            Token::Number(digits) => {
                self.advance();
                self.number(&digits, offset).map(Node::Value)
            }
            Token::Text(text) => {
                self.advance();
                Ok(Node::Value(Value::Text(text)))
            }
            Token::Word(word) => self.word(&word, offset).map(Node::Value),
            _ => Err(self.expected("a column, a constant or `(`")),
        }
    }

    fn number(&self, digits: &str, offset: usize) -> Result<Value, TargetError> {
        number(digits)
            .map(Value::Number)
            .ok_or_else(|| self.error_at(offset, "this number is too large"))
    }

    fn word(&mut self, word: &str, offset: usize) -> Result<Value, TargetError> {
        self.advance();
        match word.to_ascii_lowercase().as_str() {
            "true" => return Ok(Value::Boolean(true)),
            "false" => return Ok(Value::Boolean(false)),
            "null" => return Err(self.error_at(offset, "compare with IS NULL or IS NOT NULL")),
            "current_timestamp" => return Ok(Value::Now(Vec::new())),
            "now" if self.at_symbol("(") => {
                self.advance();
                self.expect_symbol(")")?;
                return Ok(Value::Now(Vec::new()));
            }
            "interval" if matches!(self.peek(), Token::Text(_)) => {
                let message = "an interval can only be added to or taken from NOW()";
                return Err(self.error_at(offset, message));
            }
            _ => {}
        }
        if self.at_symbol("(") {
            return Err(self.error_at(offset, format!("unknown function `{word}`")));
        }
        let (base, column) = if self.take_symbol(".") {
            let name_offset = self.offset();
            let Token::Word(name) = self.peek().clone() else {
                return Err(self.expected("a column name"));
            };
            self.advance();
            if self.is_element(word) && name.eq_ignore_ascii_case("value") {
                (Base::Element, None)
            } else {
                let column = self.column(Some(word), &name, name_offset)?;
                (Base::Column(column), Some(column))
            }
        } else if self.is_element(word) {
            (Base::Element, None)
        } else {
            let column = self.column(None, word, offset)?;
            (Base::Column(column), Some(column))
        };
        Ok(match column {
            Some(
                column @ Column {
                    kind: Kind::Text | Kind::Number | Kind::Time | Kind::Boolean,
                    ..
                },
            ) => Value::Column(column),
            _ => Value::Json {
                base,
                path: Vec::new(),
                text: false,
            },
        })
    }

    fn is_element(&self, name: &str) -> bool {
        let element = self
            .scopes
            .last()
            .and_then(|scope| scope.element.as_deref());
        element.is_some_and(|element| element.eq_ignore_ascii_case(name))
    }

    fn access(&mut self, value: Value, offset: usize) -> Result<Value, TargetError> {
        let Value::Json {
            base,
            mut path,
            text: false,
        } = value
        else {
            return Err(self.kind_error(offset, Kind::Json, &value));
        };
        let Token::Symbol(operator) = self.advance() else {
            unreachable!("operand saw a symbol")
        };
        let place = self.offset();
        if operator.starts_with('#') {
            let (steps, _) = self.text_literal("a path such as '{a,b}'")?;
            let steps = path_steps(&steps).map_err(|message| self.error_at(place, message))?;
            path.extend(steps);
        } else {
            let step = match self.peek().clone() {
                Token::Text(key) => checked_key(key),
                Token::Number(digits) => digits
                    .parse()
                    .map(Step::Index)
                    .map_err(|_| "expected the position of an array element".into()),
                _ => return Err(self.expected("a key in quotes or the position of an element")),
            };
            path.push(step.map_err(|message| self.error_at(place, message))?);
            self.advance();
            // `'key'::text` is the same key: the cast binds tighter than the access.
            if self.at_symbol("::") {
                let place = self.offset();
                self.advance();
                if !matches!(self.cast_type()?, Cast::Value(CastTo::Text)) {
                    let message = "write parentheses around the value: (environment->>'key')::type";
                    return Err(self.error_at(place, message));
                }
            }
        }
        Ok(Value::Json {
            base,
            path,
            text: operator.ends_with(">>"),
        })
    }

    fn cast(&mut self, value: Value, offset: usize) -> Result<Value, TargetError> {
        self.expect_symbol("::")?;
        let place = self.offset();
        let to = match self.cast_type()? {
            Cast::Time => {
                return match value {
                    Value::Text(_) => self.convert(value, Kind::Time, offset),
                    value if value.kind() == Kind::Time => Ok(value),
                    _ => Err(self.error_at(place, "only a constant can be cast to a time")),
                };
            }
            Cast::Value(to) => to,
        };
        match (value.kind(), to) {
            (Kind::Text, CastTo::Text)
            | (Kind::Number, CastTo::Number)
            | (Kind::Boolean, CastTo::Boolean) => Ok(value),
            (Kind::Text, CastTo::Number) if matches!(value, Value::Text(_)) => {
                self.convert(value, Kind::Number, offset)
            }
            (Kind::Text, CastTo::Boolean) if matches!(value, Value::Text(_)) => {
                self.convert(value, Kind::Boolean, offset)
            }
            (Kind::Text, _) | (Kind::Json, CastTo::Text) => Ok(Value::Cast {
                value: Box::new(value),
                to,
            }),
            (Kind::Number, CastTo::Text) if matches!(value, Value::Column(_)) => Ok(Value::Cast {
                value: Box::new(value),
                to,
            }),
            (kind, _) => Err(self.error_at(place, format!("{} cannot be cast so", kind.noun()))),
        }
    }

    fn cast_type(&mut self) -> Result<Cast, TargetError> {
        let Token::Word(word) = self.peek().clone() else {
            return Err(self.expected("a type such as text"));
        };
        let cast = match word.to_ascii_lowercase().as_str() {
            "text" | "varchar" => Cast::Value(CastTo::Text),
            "numeric" | "int" | "integer" | "bigint" | "int4" | "int8" => {
                Cast::Value(CastTo::Number)
            }
            "boolean" | "bool" => Cast::Value(CastTo::Boolean),
            "timestamp" | "timestamptz" | "date" => Cast::Time,
            _ => return Err(self.expected("text, numeric, integer, boolean or timestamp")),
        };
        self.advance();
        Ok(cast)
    }

    fn shift(&mut self, value: Value, offset: usize) -> Result<Value, TargetError> {
        let Value::Now(mut shifts) = value else {
            let message = "only NOW() can be moved by an interval";
            return Err(self.error_at(offset, message));
        };
        let back = self.advance() == Token::Symbol("-");
        shifts.push(Shift {
            back,
            interval: self.interval()?,
        });
        Ok(Value::Now(shifts))
    }

    fn interval(&mut self) -> Result<Interval, TargetError> {
        let expected = "INTERVAL '30 days'";
        let named = self.take_word("INTERVAL");
        let (text, place) = self.text_literal(expected)?;
        if !named {
            self.expect_symbol("::")?;
            self.expect_word("interval")?;
        }
        parse_interval(&text).ok_or_else(|| {
            self.error_at(
                place,
                "expected an interval such as '30 days' or '1 hour 30 minutes'",
            )
        })
    }

    /// Makes two values comparable: a text constant takes the other's kind.
    pub(super) fn comparable(
        &self,
        left: Value,
        left_offset: usize,
        right: Value,
        right_offset: usize,
    ) -> Result<(Value, Value), TargetError> {
        let (left_kind, right_kind) = (left.kind(), right.kind());
        for (value, offset) in [(&left, left_offset), (&right, right_offset)] {
            if value.kind() == Kind::Json {
                return Err(self.kind_error(offset, Kind::Text, value));
            }
        }
        if left_kind == right_kind {
            return Ok((left, right));
        }
        if matches!(right, Value::Text(_)) {
            return Ok((left, self.convert(right, left_kind, right_offset)?));
        }
        if matches!(left, Value::Text(_)) {
            return Ok((self.convert(left, right_kind, left_offset)?, right));
        }
        let hint = match (left_kind, &right) {
            (Kind::Text, Value::Number(_) | Value::Boolean(_)) => "; write it in quotes",
            _ => "",
        };
        let message = format!(
            "{} cannot be compared with {}{hint}",
            left_kind.noun(),
            right_kind.noun()
        );
        Err(self.error_at(right_offset, message))
    }

    fn convert(&self, value: Value, kind: Kind, offset: usize) -> Result<Value, TargetError> {
        let Value::Text(text) = value else {
            return Ok(value);
        };
        let converted = match kind {
            Kind::Text => Some(Value::Text(text.clone())),
            Kind::Number => number(text.trim()).map(Value::Number),
            Kind::Boolean => boolean(&text).map(Value::Boolean),
            Kind::Time => parse_time(&text).map(Value::Time),
            Kind::Json => None,
        };
        converted.ok_or_else(|| {
            let example = match kind {
                Kind::Time => " such as '2024-03-01 10:00:00'",
                _ => "",
            };
            let short: String = text.chars().take(30).collect();
            self.error_at(
                offset,
                format!("expected {}{example}, found '{short}'", kind.noun()),
            )
        })
    }
}

/// Reads a number as a target (and a cast) writes it.
pub(crate) fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return None;
    }
    if let Ok(number) = text.parse() {
        return Some(Number::Integer(number));
    }
    let real: f64 = text.parse().ok()?;
    if real.fract() == 0.0 && real.abs() <= EXACT {
        // Exact: no larger than 2^53.
        #[allow(clippy::cast_possible_truncation)]
        return Some(Number::Integer(real as i64));
    }
    real.is_finite().then_some(Number::Real(real))
}

/// Reads a boolean as PostgreSQL does.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.trim_matches(' ').to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn checked_key(key: String) -> Result<Step, String> {
    if key
        .chars()
        .any(|c| matches!(c, '"' | '\\') || c.is_control())
    {
        return Err("a key must not hold quotes, backslashes or control characters".into());
    }
    Ok(Step::Key(key))
}

/// Reads `{a,0,"b c"}`; an element that is a whole number is a position.
fn path_steps(text: &str) -> Result<Vec<Step>, String> {
    let inner = text
        .trim()
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let inner = inner.ok_or("expected a path such as '{a,b}'")?;
    let mut steps = Vec::new();
    for part in inner.split(',') {
        let part = part.trim();
        let quoted = part
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let step = match (quoted, part.parse()) {
            (Some(key), _) => checked_key(key.into())?,
            (None, Ok(index)) if part.bytes().all(|b| b.is_ascii_digit()) => Step::Index(index),
            _ if part.is_empty() || part.contains(['{', '}']) => {
                return Err("expected names between the commas of a path".into());
            }
            _ => checked_key(part.into())?,
        };
        steps.push(step);
    }
    Ok(steps)
}
