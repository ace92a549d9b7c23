//! Boolean structure and predicates.

use super::{Node, Parser};
use crate::TargetError;
use crate::ast::{Comparison, Condition, Value};
use crate::lexer::Token;
use crate::pattern;
use crate::schema::Kind;

impl Parser<'_> {
    /// A condition, with everything up to `OR`.
    pub(super) fn condition(&mut self) -> Result<Condition, TargetError> {
        let offset = self.offset();
        let node = self.deeper(Self::disjunction)?;
        self.as_condition(node, offset)
    }

    fn as_condition(&self, node: Node, offset: usize) -> Result<Condition, TargetError> {
        match node {
            Node::Condition(condition) => Ok(condition),
            Node::Value(Value::Boolean(value)) => Ok(Condition::Constant(value)),
            Node::Value(value) if value.kind() == Kind::Boolean => Ok(Condition::Truth(value)),
            Node::Value(_) if self.peek() == &Token::End => {
                Err(self.error("expected a comparison such as = or LIKE, found the end"))
            }
            Node::Value(value) => {
                let found = value.kind().noun();
                Err(self.error_at(offset, format!("expected a condition, found {found}")))
            }
        }
    }

    pub(super) fn disjunction(&mut self) -> Result<Node, TargetError> {
        self.chain("OR", Self::conjunction, Condition::Or)
    }

    fn conjunction(&mut self) -> Result<Node, TargetError> {
        self.chain("AND", Self::negation, Condition::And)
    }

    fn chain(
        &mut self,
        word: &str,
        part: fn(&mut Self) -> Result<Node, TargetError>,
        join: fn(Vec<Condition>) -> Condition,
    ) -> Result<Node, TargetError> {
        let offset = self.offset();
        let first = part(self)?;
        if !self.at_word(word) {
            return Ok(first);
        }
        let mut all = vec![self.as_condition(first, offset)?];
        while self.take_word(word) {
            let offset = self.offset();
            let node = part(self)?;
            all.push(self.as_condition(node, offset)?);
        }
        Ok(Node::Condition(join(all)))
    }

    fn negation(&mut self) -> Result<Node, TargetError> {
        if !self.take_word("NOT") {
            return self.predicate();
        }
        let offset = self.offset();
        let node = self.deeper(Self::negation)?;
        let inner = self.as_condition(node, offset)?;
        Ok(Node::Condition(Condition::Not(Box::new(inner))))
    }

    fn predicate(&mut self) -> Result<Node, TargetError> {
        let offset = self.offset();
        let value = match self.operand()? {
            Node::Value(value) => value,
            condition => return Ok(condition),
        };
        if let Some(comparison) = self.comparison() {
            let right_offset = self.offset();
            let right = self.value()?;
            let (left, right) = self.comparable(value, offset, right, right_offset)?;
            return Ok(Node::Condition(Condition::Compare {
                left,
                comparison,
                right,
            }));
        }
        if let Some((negated, insensitive)) = self.regex_operator() {
            self.must_be_text(&value, offset)?;
            let (pattern, place) = self.text_literal("a regular expression in quotes")?;
            pattern::check(&pattern, insensitive)
                .map_err(|message| self.error_at(place, message))?;
            return Ok(Node::Condition(Condition::Matches {
                value,
                pattern,
                insensitive,
                negated,
            }));
        }
        if self.take_word("IS") {
            let negated = self.take_word("NOT");
            self.expect_word("NULL")?;
            return Ok(Node::Condition(Condition::Null { value, negated }));
        }
        let negated = self.at_word("NOT");
        if negated {
            self.advance();
        }
        if self.take_word("IN") {
            return self.list(value, offset, negated).map(Node::Condition);
        }
        if self.take_word("BETWEEN") {
            return self.between(value, offset, negated).map(Node::Condition);
        }
        let insensitive = self.at_word("ILIKE");
        if insensitive || self.at_word("LIKE") {
            self.advance();
            self.must_be_text(&value, offset)?;
            let (pattern, place) = self.text_literal("a pattern in quotes")?;
            if pattern::ends_in_escape(&pattern) {
                return Err(self.error_at(place, "a pattern must not end with the escape `\\`"));
            }
            return Ok(Node::Condition(Condition::Like {
                value,
                pattern,
                insensitive,
                negated,
            }));
        }
        if negated {
            return Err(self.expected("IN, BETWEEN, LIKE or ILIKE"));
        }
        Ok(Node::Value(value))
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let Token::Symbol(symbol) = self.peek() else {
            return None;
        };
        let comparison = match *symbol {
            "=" => Comparison::Equal,
            "<>" | "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.advance();
        Some(comparison)
    }

    /// Whether the operator negates, and whether it ignores case.
    fn regex_operator(&mut self) -> Option<(bool, bool)> {
        let Token::Symbol(symbol) = self.peek() else {
            return None;
        };
        let found = match *symbol {
            "~" => (false, false),
            "~*" => (false, true),
            "!~" => (true, false),
            "!~*" => (true, true),
            _ => return None,
        };
        self.advance();
        Some(found)
    }

    fn must_be_text(&self, value: &Value, offset: usize) -> Result<(), TargetError> {
        match value.kind() {
            Kind::Text => Ok(()),
            _ => Err(self.kind_error(offset, Kind::Text, value)),
        }
    }

    fn between(
        &mut self,
        value: Value,
        offset: usize,
        negated: bool,
    ) -> Result<Condition, TargetError> {
        let low_offset = self.offset();
        let low = self.value()?;
        self.expect_word("AND")?;
        let high_offset = self.offset();
        let high = self.value()?;
        let (value, low) = self.comparable(value, offset, low, low_offset)?;
        let (value, high) = self.comparable(value, offset, high, high_offset)?;
        // The upper end may have given a text constant its meaning as a time.
        let (value, low) = self.comparable(value, offset, low, low_offset)?;
        Ok(Condition::Between {
            value,
            low,
            high,
            negated,
        })
    }

    fn list(
        &mut self,
        mut value: Value,
        offset: usize,
        negated: bool,
    ) -> Result<Condition, TargetError> {
        self.expect_symbol("(")?;
        if self.at_word("SELECT") {
            let select = self.deeper(Self::select)?;
            self.expect_symbol(")")?;
            if value.kind() != select.column.kind {
                return Err(self.kind_error(offset, select.column.kind, &value));
            }
            return Ok(Condition::Selected {
                value,
                select: Box::new(select),
                negated,
            });
        }
        let mut list: Vec<Value> = Vec::new();
        loop {
            let item_offset = self.offset();
            let item = self.value()?;
            if matches!(
                item,
                Value::Column(_) | Value::Json { .. } | Value::Cast { .. }
            ) {
                return Err(self.error_at(item_offset, "expected a constant in the list"));
            }
            let (left, item) = self.comparable(value, offset, item, item_offset)?;
            value = left;
            list.push(item);
            if !self.take_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        // A text constant before the list may have got its meaning from a later item.
        for item in &mut list {
            let (_, same) = self.comparable(value.clone(), offset, item.clone(), offset)?;
            *item = same;
        }
        Ok(Condition::OneOf {
            value,
            list,
            negated,
        })
    }
}
