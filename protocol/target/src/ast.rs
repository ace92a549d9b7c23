//! The syntax tree. Parsing resolves names and types, so a tree holds nothing
//! that later stages could refuse.

use time::OffsetDateTime;

use crate::schema::{Column, Kind};

/// Something that is true, false or null for a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// One of two or more holds.
    Or(Vec<Condition>),
    /// All of two or more hold.
    And(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// `true` or `false`.
    Constant(bool),
    /// A boolean value used as a condition.
    Truth(Value),
    /// Two values of one kind compared.
    Compare {
        /// Left side.
        left: Value,
        /// How.
        comparison: Comparison,
        /// Right side.
        right: Value,
    },
    /// `LIKE`, with `\` as escape character.
    Like {
        /// The text.
        value: Value,
        /// `%` stands for many characters, `_` for one.
        pattern: String,
        /// `ILIKE`.
        insensitive: bool,
        /// `NOT`.
        negated: bool,
    },
    /// A regular expression found anywhere in the text.
    Matches {
        /// The text.
        value: Value,
        /// What PostgreSQL and Rust understand alike.
        pattern: String,
        /// `~*`.
        insensitive: bool,
        /// `!~`.
        negated: bool,
    },
    /// `BETWEEN`, both ends included.
    Between {
        /// The value.
        value: Value,
        /// Lower end.
        low: Value,
        /// Upper end.
        high: Value,
        /// `NOT`.
        negated: bool,
    },
    /// `IN (…)` with constants.
    OneOf {
        /// The value.
        value: Value,
        /// At least one.
        list: Vec<Value>,
        /// `NOT`.
        negated: bool,
    },
    /// `IN (SELECT …)`.
    Selected {
        /// The value.
        value: Value,
        /// Where the list comes from.
        select: Box<Select>,
        /// `NOT`.
        negated: bool,
    },
    /// `IS NULL`.
    Null {
        /// The value.
        value: Value,
        /// `NOT`.
        negated: bool,
    },
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// The operator of both SQL dialects.
    pub fn operator(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

/// A value of a row, or a constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A column that is not JSON.
    Column(&'static Column),
    /// A JSON document, or a part of it.
    Json {
        /// The document.
        base: Base,
        /// The way to the part; may be empty.
        path: Vec<Step>,
        /// `->>`: as text. `->`: as JSON.
        text: bool,
    },
    /// A text constant.
    Text(String),
    /// A number constant.
    Number(Number),
    /// A boolean constant.
    Boolean(bool),
    /// A time constant, in UTC with microseconds.
    Time(OffsetDateTime),
    /// `NOW()`, moved by intervals in their order.
    Now(Vec<Shift>),
    /// `value::type`.
    Cast {
        /// What is cast.
        value: Box<Value>,
        /// To what.
        to: CastTo,
    },
}

impl Value {
    /// What the value is.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Column(column) => column.kind,
            Value::Json { text: true, .. } | Value::Text(_) => Kind::Text,
            Value::Json { text: false, .. } => Kind::Json,
            Value::Number(_) => Kind::Number,
            Value::Boolean(_) => Kind::Boolean,
            Value::Time(_) | Value::Now(_) => Kind::Time,
            Value::Cast {
                to: CastTo::Text, ..
            } => Kind::Text,
            Value::Cast {
                to: CastTo::Number, ..
            } => Kind::Number,
            Value::Cast {
                to: CastTo::Boolean,
                ..
            } => Kind::Boolean,
        }
    }
}

/// The document a JSON path starts at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// A JSON column.
    Column(&'static Column),
    /// The current element of `json_array_elements(commands.results)`.
    Element,
}

/// One step of a JSON path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object. Never holds `"`, `\` or control characters.
    Key(String),
    /// An element of an array, from 0.
    Index(u32),
}

/// What a cast makes. Text that is no number (no boolean) becomes null, where
/// PostgreSQL alone would fail the whole query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CastTo {
    Text,
    Number,
    Boolean,
}

/// A number constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number.
    Integer(i64),
    /// Anything else; never a whole number that fits an `i64`.
    Real(f64),
}

/// An interval added to, or taken from, a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// Taken away instead of added.
    pub back: bool,
    /// How much.
    pub interval: Interval,
}

/// A length of time as SQL has it: months differ in length, so they are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    /// Calendar months.
    pub months: i32,
    /// Days of 24 hours (all times are UTC).
    pub days: i32,
    /// Seconds.
    pub seconds: i64,
}

/// A sub-select.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// The column selected.
    pub column: &'static Column,
    /// Where from; at least one, each at most once.
    pub from: Vec<Source>,
    /// Which rows.
    pub condition: Option<Condition>,
}

/// What a sub-select reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The commands.
    Commands,
    /// The actions.
    Actions,
    /// One row for each element of `commands.results`; stands after
    /// [`Source::Commands`].
    Results,
}
