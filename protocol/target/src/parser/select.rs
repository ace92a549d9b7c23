//! Sub-selects on commands and actions.

use super::{Parser, Scope, readable};
use crate::TargetError;
use crate::ast::{Select, Source};
use crate::lexer::Token;
use crate::schema::{COMMANDS, Kind};

/// Words that may follow a table and are not its alias.
const CLAUSES: [&str; 2] = ["WHERE", "AS"];

impl Parser<'_> {
    /// `SELECT column FROM sources [WHERE condition]`.
    pub(super) fn select(&mut self) -> Result<Select, TargetError> {
        self.expect_word("SELECT")?;
        let place = self.offset();
        let first = self.name("a column of commands or actions")?;
        let (qualifier, name) = if self.take_symbol(".") {
            (Some(first), self.name("a column name")?)
        } else {
            (None, first)
        };
        self.expect_word("FROM")?;
        let mut scope = Scope::default();
        let mut from = Vec::new();
        loop {
            let place = self.offset();
            let source = self.source(&mut scope, &from)?;
            if from.contains(&source) {
                return Err(self.error_at(place, "each table can be read once"));
            }
            from.push(source);
            if !self.take_symbol(",") {
                break;
            }
        }
        self.scopes.push(scope);
        let rest = self.select_rest(qualifier.as_deref(), &name, place);
        self.scopes.pop();
        let (column, condition) = rest?;
        Ok(Select {
            column,
            from,
            condition,
        })
    }

    fn select_rest(
        &mut self,
        qualifier: Option<&str>,
        name: &str,
        place: usize,
    ) -> Result<(&'static crate::Column, Option<crate::Condition>), TargetError> {
        let column = self.column(qualifier, name, place)?;
        if column.kind == Kind::Json {
            return Err(self.error_at(place, "a JSON column cannot be selected"));
        }
        let condition = if self.take_word("WHERE") {
            Some(self.condition()?)
        } else {
            None
        };
        Ok((column, condition))
    }

    fn source(&mut self, scope: &mut Scope, before: &[Source]) -> Result<Source, TargetError> {
        let place = self.offset();
        let name = self.name("commands or actions")?;
        if name.eq_ignore_ascii_case("json_array_elements") {
            return self.results(scope, before, place);
        }
        let Some(schema) = readable(&name) else {
            return Err(self.error_at(place, format!("a target cannot read table `{name}`")));
        };
        let alias = self.alias()?.unwrap_or_else(|| schema.table.to_string());
        scope.tables.push((alias, schema));
        Ok(if schema.table == COMMANDS.table {
            Source::Commands
        } else {
            Source::Actions
        })
    }

    fn results(
        &mut self,
        scope: &mut Scope,
        before: &[Source],
        place: usize,
    ) -> Result<Source, TargetError> {
        if !before.contains(&Source::Commands) {
            return Err(self.error_at(place, "json_array_elements stands after commands"));
        }
        self.expect_symbol("(")?;
        let mut name = self.name("commands.results")?;
        if self.take_symbol(".") {
            let known = scope.tables.iter().any(|(alias, schema)| {
                alias.eq_ignore_ascii_case(&name) && schema.table == COMMANDS.table
            });
            name = if known {
                self.name("results")?
            } else {
                String::new()
            };
        }
        if !name.eq_ignore_ascii_case("results") {
            return Err(self.error_at(place, "json_array_elements reads commands.results only"));
        }
        self.expect_symbol(")")?;
        let Some(alias) = self.alias()? else {
            return Err(self.expected("AS and a name for the results"));
        };
        scope.element = Some(alias);
        Ok(Source::Results)
    }

    fn alias(&mut self) -> Result<Option<String>, TargetError> {
        if self.take_word("AS") {
            return self.name("a name").map(Some);
        }
        match self.peek() {
            Token::Word(word) if !CLAUSES.iter().any(|c| word.eq_ignore_ascii_case(c)) => {
                self.name("a name").map(Some)
            }
            _ => Ok(None),
        }
    }

    fn name(&mut self, what: &str) -> Result<String, TargetError> {
        match self.peek().clone() {
            Token::Word(word) => {
                self.advance();
                Ok(word)
            }
            _ => Err(self.expected(what)),
        }
    }
}
