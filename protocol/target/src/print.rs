//! The canonical text of a syntax tree.

use std::fmt::{Display, Formatter, Result};

use crate::ast::{Base, CastTo, Condition, Interval, Number, Select, Source, Step, Value};
use crate::time_values;

/// Text in single quotes.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

fn list<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    between: &str,
    mut one: impl FnMut(&mut Formatter<'_>, &T) -> Result,
) -> Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        one(f, item)?;
    }
    Ok(())
}

impl Condition {
    /// Prints in parentheses where the condition would otherwise merge with, or
    /// bind less tightly than, what is around it.
    fn nested(&self, f: &mut Formatter<'_>, and_is_tighter: bool) -> Result {
        match self {
            Condition::And(_) if and_is_tighter => self.fmt(f),
            Condition::Or(_) | Condition::And(_) => write!(f, "({self})"),
            other => other.fmt(f),
        }
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Condition::Or(all) => list(f, all, " OR ", |f, one| one.nested(f, true)),
            Condition::And(all) => list(f, all, " AND ", |f, one| one.nested(f, false)),
            Condition::Not(inner) => {
                f.write_str("NOT ")?;
                inner.nested(f, false)
            }
            Condition::Constant(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
            Condition::Truth(value) => value.fmt(f),
            Condition::Compare {
                left,
                comparison,
                right,
            } => {
                write!(f, "{left} {} {right}", comparison.operator())
            }
            Condition::Like {
                value,
                pattern,
                insensitive,
                negated,
            } => {
                let word = if *insensitive { "ILIKE" } else { "LIKE" };
                write!(f, "{value} {}{word} {}", not(*negated), Quoted(pattern))
            }
            Condition::Matches {
                value,
                pattern,
                insensitive,
                negated,
            } => {
                let bang = if *negated { "!" } else { "" };
                let star = if *insensitive { "*" } else { "" };
                write!(f, "{value} {bang}~{star} {}", Quoted(pattern))
            }
            Condition::Between {
                value,
                low,
                high,
                negated,
            } => {
                write!(f, "{value} {}BETWEEN {low} AND {high}", not(*negated))
            }
            Condition::OneOf {
                value,
                list: items,
                negated,
            } => {
                write!(f, "{value} {}IN (", not(*negated))?;
                list(f, items, ", ", |f, one| one.fmt(f))?;
                f.write_str(")")
            }
            Condition::Selected {
                value,
                select,
                negated,
            } => {
                write!(f, "{value} {}IN ({select})", not(*negated))
            }
            Condition::Null { value, negated } => write!(f, "{value} IS {}NULL", not(*negated)),
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Value::Column(column) => write!(f, "{}.{}", column.table, column.name),
            Value::Json { base, path, text } => {
                match base {
                    Base::Column(column) => write!(f, "{}.{}", column.table, column.name)?,
                    Base::Element => f.write_str("r")?,
                }
                for (index, step) in path.iter().enumerate() {
                    let last = index + 1 == path.len();
                    f.write_str(if last && *text { "->>" } else { "->" })?;
                    match step {
                        Step::Key(key) => Quoted(key).fmt(f)?,
                        Step::Index(index) => index.fmt(f)?,
                    }
                }
                Ok(())
            }
            Value::Text(text) => Quoted(text).fmt(f),
            Value::Number(Number::Integer(number)) => number.fmt(f),
            // A whole one beyond 2^53 would read back as an integer without this.
            Value::Number(Number::Real(number)) if number.fract() == 0.0 => {
                write!(f, "{number:.1}")
            }
            Value::Number(Number::Real(number)) => number.fmt(f),
            Value::Boolean(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
            Value::Time(time) => write!(f, "'{}'::timestamptz", time_values::print(*time)),
            Value::Now(shifts) => {
                f.write_str("NOW()")?;
                for shift in shifts {
                    let sign = if shift.back { '-' } else { '+' };
                    write!(f, " {sign} INTERVAL '{}'", shift.interval)?;
                }
                Ok(())
            }
            Value::Cast { value, to } => {
                let name = match to {
                    CastTo::Text => "text",
                    CastTo::Number => "numeric",
                    CastTo::Boolean => "boolean",
                };
                match value.as_ref() {
                    // A cast binds tighter than an access.
                    Value::Json { path, .. } if !path.is_empty() => write!(f, "({value})::{name}"),
                    _ => write!(f, "{value}::{name}"),
                }
            }
        }
    }
}

impl Display for Interval {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(
            f,
            "{} months {} days {} seconds",
            self.months, self.days, self.seconds
        )
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "SELECT {}.{} FROM ", self.column.table, self.column.name)?;
        list(f, &self.from, ", ", |f, source| {
            f.write_str(match source {
                Source::Commands => "commands",
                Source::Actions => "actions",
                Source::Results => "json_array_elements(commands.results) AS r",
            })
        })?;
        match &self.condition {
            Some(condition) => write!(f, " WHERE {condition}"),
            None => Ok(()),
        }
    }
}
