//! Tokens to a syntax tree, resolving names and types on the way.

mod condition;
mod select;
mod value;

pub(crate) use value::{boolean, number};

use crate::ast::{Condition, Value};
use crate::lexer::{Lexeme, Token, tokens};
use crate::schema::{ACTIONS, COMMANDS, Column, Kind, Schema};
use crate::{MAX_DEPTH, TargetError};

/// Parses a whole target.
pub(crate) fn parse(schema: &'static Schema, text: &str) -> Result<Condition, TargetError> {
    let lexemes = tokens(text)?;
    let mut parser = Parser {
        text,
        lexemes,
        next: 0,
        depth: 0,
        scopes: vec![Scope::table(schema)],
    };
    if parser.peek() == &Token::End {
        return Err(parser.error("expected a condition, found nothing"));
    }
    let condition = parser.condition()?;
    match parser.peek() {
        Token::End => Ok(condition),
        other => {
            let found = other.describe();
            Err(parser.error(format!("expected AND, OR or the end, found {found}")))
        }
    }
}

/// What an operand turned out to be: parentheses hold either.
enum Node {
    Condition(Condition),
    Value(Value),
}

/// The names a column may be looked up in.
#[derive(Default)]
struct Scope {
    tables: Vec<(String, &'static Schema)>,
    /// The name given to the elements of `commands.results`.
    element: Option<String>,
}

impl Scope {
    fn table(schema: &'static Schema) -> Scope {
        Scope {
            tables: vec![(schema.table.to_string(), schema)],
            element: None,
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    lexemes: Vec<Lexeme>,
    next: usize,
    depth: usize,
    scopes: Vec<Scope>,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.lexemes[self.next].token
    }

    fn offset(&self) -> usize {
        self.lexemes[self.next].offset
    }

    fn advance(&mut self) -> Token {
        let token = self.lexemes[self.next].token.clone();
        // The end is never passed.
        if self.next + 1 < self.lexemes.len() {
            self.next += 1;
        }
        token
    }

    fn error(&self, message: impl Into<String>) -> TargetError {
        TargetError::at(self.text, self.offset(), message)
    }

    fn error_at(&self, offset: usize, message: impl Into<String>) -> TargetError {
        TargetError::at(self.text, offset, message)
    }

    fn expected(&self, what: &str) -> TargetError {
        self.error(format!("expected {what}, found {}", self.peek().describe()))
    }

    fn at_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.at_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), TargetError> {
        if self.take_symbol(symbol) {
            return Ok(());
        }
        Err(self.expected(&format!("`{symbol}`")))
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), TargetError> {
        if self.take_word(word) {
            return Ok(());
        }
        Err(self.expected(word))
    }

    fn text_literal(&mut self, what: &str) -> Result<(String, usize), TargetError> {
        let offset = self.offset();
        match self.peek() {
            Token::Text(text) => {
                let text = text.clone();
                self.advance();
                Ok((text, offset))
            }
            _ => Err(self.expected(what)),
        }
    }

    /// Runs `inner` one level deeper; recursion ends at [`MAX_DEPTH`].
    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, TargetError>,
    ) -> Result<T, TargetError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Finds a column in the innermost scope.
    fn column(
        &self,
        qualifier: Option<&str>,
        name: &str,
        offset: usize,
    ) -> Result<&'static Column, TargetError> {
        let scope = self
            .scopes
            .last()
            .expect("the outermost scope is never left");
        let mut found = Vec::new();
        for (alias, schema) in &scope.tables {
            if qualifier.is_none_or(|qualifier| alias.eq_ignore_ascii_case(qualifier)) {
                found.extend(schema.column(name));
            }
        }
        match found.as_slice() {
            [column] => Ok(column),
            [] => Err(self.error_at(offset, self.unknown_column(qualifier, name))),
            _ => {
                let names: Vec<_> = found
                    .iter()
                    .map(|c| format!("{}.{}", c.table, c.name))
                    .collect();
                let message = format!("`{name}` is ambiguous: write {}", names.join(" or "));
                Err(self.error_at(offset, message))
            }
        }
    }

    fn unknown_column(&self, qualifier: Option<&str>, name: &str) -> String {
        let scope = self
            .scopes
            .last()
            .expect("the outermost scope is never left");
        if let Some(qualifier) = qualifier
            && !scope
                .tables
                .iter()
                .any(|(alias, _)| alias.eq_ignore_ascii_case(qualifier))
        {
            let tables: Vec<_> = scope
                .tables
                .iter()
                .map(|(alias, _)| alias.as_str())
                .collect();
            return format!("unknown table `{qualifier}`; here is {}", tables.join(", "));
        }
        let columns: Vec<_> = scope
            .tables
            .iter()
            .flat_map(|(_, schema)| schema.columns)
            .map(|column| column.name)
            .collect();
        format!("unknown column `{name}`; there are {}", columns.join(", "))
    }

    fn kind_error(&self, offset: usize, expected: Kind, value: &Value) -> TargetError {
        let hint = match value {
            Value::Json { text: false, .. } => "; use ->> to get at a part of the document as text",
            _ => "",
        };
        let message = format!(
            "expected {}, found {}{hint}",
            expected.noun(),
            value.kind().noun()
        );
        self.error_at(offset, message)
    }
}

/// The tables a sub-select may read.
fn readable(name: &str) -> Option<&'static Schema> {
    [&COMMANDS, &ACTIONS]
        .into_iter()
        .find(|schema| schema.table.eq_ignore_ascii_case(name))
}
