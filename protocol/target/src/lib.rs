//! The target language: the SQL-looking condition that says which agents an
//! action is for, such as `environment->>'os'='linux' AND status='online'`.
//!
//! One syntax tree serves three uses: a SQLite query, a PostgreSQL query (both
//! with bind parameters only, so no text of a user reaches a statement) and an
//! evaluation in memory on the agent, which knows only some of the columns and
//! therefore answers with three values.
//!
//! Only the documented language exists: comparisons, `LIKE`/`ILIKE`, regular
//! expressions, lists, ranges, null tests, JSON access, `NOW()` with intervals,
//! and sub-selects on `commands` and `actions`.

mod ast;
mod error;
mod evaluate;
mod facts;
mod lexer;
mod parser;
mod pattern;
mod print;
mod schema;
mod sql;
mod time_values;

use time::OffsetDateTime;

pub use ast::{
    Base, CastTo, Comparison, Condition, Interval, Number, Select, Shift, Source, Step, Value,
};
pub use error::TargetError;
pub use evaluate::Verdict;
pub use facts::{AgentFacts, Fact, Facts};
pub use pattern::Pattern;
pub use schema::{AGENTS, Column, Kind, Schema};
pub use sql::{Compiled, Param};

/// Longest target in bytes; the original's database column has that width.
pub const MAX_LENGTH: usize = 2048;

/// Deepest nesting of parentheses, `NOT`s and sub-selects.
pub const MAX_DEPTH: usize = 48;

/// A parsed target.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    condition: Condition,
}

impl Target {
    /// Parses a condition over the `agents` table.
    ///
    /// # Errors
    /// One line with the column (in characters, from 1) and what was expected.
    pub fn parse(text: &str) -> Result<Target, TargetError> {
        Target::parse_for(&AGENTS, text)
    }

    /// Parses a condition over another table.
    ///
    /// # Errors
    /// As [`Target::parse`].
    pub fn parse_for(schema: &'static Schema, text: &str) -> Result<Target, TargetError> {
        let condition = parser::parse(schema, text)?;
        Ok(Target { condition })
    }

    /// Wraps a syntax tree built by hand.
    pub fn from_condition(condition: Condition) -> Target {
        Target { condition }
    }

    /// The syntax tree.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Compiles to an SQLite expression. The statement around it selects from the
    /// table by its own name (`FROM agents`), stores times as integer microseconds
    /// since the Unix epoch, and its connection has a scalar function `regexp`
    /// (two arguments, pattern first) that answers [`Pattern::is_match`].
    /// Parameters are numbered from `first` (`?1` when 1).
    pub fn sqlite(&self, now: OffsetDateTime, first: usize) -> Compiled {
        sql::sqlite(&self.condition, now, first)
    }

    /// Compiles to a PostgreSQL expression with parameters numbered from `first`
    /// (`$1` when 1).
    pub fn postgres(&self, now: OffsetDateTime, first: usize) -> Compiled {
        sql::postgres(&self.condition, now, first)
    }

    /// Evaluates on what is known of one row.
    pub fn evaluate(&self, now: OffsetDateTime, facts: &dyn Facts) -> Verdict {
        evaluate::evaluate(&self.condition, now, facts)
    }
}

/// The canonical text, which parses to the same tree.
impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.condition.fmt(formatter)
    }
}

impl std::str::FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        Target::parse(text)
    }
}
