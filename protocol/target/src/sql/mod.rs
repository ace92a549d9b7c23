//! Compilation to SQL. The text consists of fixed words and the names in
//! [`crate::schema`]; everything a user wrote is a parameter.

mod dialect;
mod generate;

use time::OffsetDateTime;

use crate::ast::Condition;
use dialect::Dialect;

/// A condition for a `WHERE` clause and its parameters in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// An SQL expression, without enclosing parentheses.
    pub sql: String,
    /// The values of its parameters.
    pub params: Vec<Param>,
}

/// The value of a bind parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// A point in time (PostgreSQL only; SQLite gets microseconds as an integer).
    Time(OffsetDateTime),
}

/// Text that a cast to a number accepts, in every dialect; anything else is null.
pub(crate) const CASTABLE_NUMBER: &str = "^-?([0-9]{1,18}|[0-9]{1,9}\\.[0-9]{1,6})$";

pub(crate) fn sqlite(condition: &Condition, now: OffsetDateTime, first: usize) -> Compiled {
    generate::compile(condition, Dialect::Sqlite, now, first)
}

pub(crate) fn postgres(condition: &Condition, now: OffsetDateTime, first: usize) -> Compiled {
    generate::compile(condition, Dialect::Postgres, now, first)
}
