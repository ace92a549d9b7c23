//! Evaluation in memory, on a row of which not everything is known.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::ast::{Base, CastTo, Comparison, Condition, Number, Step, Value};
use crate::facts::{Fact, Facts};
use crate::parser::{boolean, number};
use crate::pattern::{self, Pattern};
use crate::schema::Column;
use crate::time_values::{fold, to_micros};

/// Whether a target selects a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    True,
    /// It does not (SQL's null included).
    False,
    /// That depends on what is not known.
    Unknown,
}

/// The outcomes a condition may have, given what is known. SQL's null is an
/// outcome of its own, since `NOT` treats it otherwise than false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcomes(u8);

impl Outcomes {
    const TRUE: Outcomes = Outcomes(1);
    const FALSE: Outcomes = Outcomes(2);
    const NULL: Outcomes = Outcomes(4);
    const NOT_NULL: Outcomes = Outcomes(3);
    const ANY: Outcomes = Outcomes(7);
    const EACH: [Outcomes; 3] = [Outcomes::TRUE, Outcomes::FALSE, Outcomes::NULL];

    fn of(value: bool) -> Outcomes {
        if value {
            Outcomes::TRUE
        } else {
            Outcomes::FALSE
        }
    }

    fn may(self, outcome: Outcomes) -> bool {
        self.0 & outcome.0 != 0
    }

    fn not(self) -> Outcomes {
        Outcomes((self.0 & 4) | (self.0 & 1) << 1 | (self.0 & 2) >> 1)
    }

    fn negated_if(self, negated: bool) -> Outcomes {
        if negated { self.not() } else { self }
    }

    /// All results of `rule` on pairs of what either side may be.
    fn combine(self, other: Outcomes, rule: fn(Outcomes, Outcomes) -> Outcomes) -> Outcomes {
        let mut result = 0;
        for left in Outcomes::EACH.into_iter().filter(|left| self.may(*left)) {
            for right in Outcomes::EACH.into_iter().filter(|right| other.may(*right)) {
                result |= rule(left, right).0;
            }
        }
        Outcomes(result)
    }

    fn and(self, other: Outcomes) -> Outcomes {
        self.combine(other, |left, right| match (left, right) {
            (Outcomes::FALSE, _) | (_, Outcomes::FALSE) => Outcomes::FALSE,
            (Outcomes::TRUE, Outcomes::TRUE) => Outcomes::TRUE,
            _ => Outcomes::NULL,
        })
    }

    fn or(self, other: Outcomes) -> Outcomes {
        self.not().and(other.not()).not()
    }
}

/// A value of the row, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
enum Known<'a> {
    Unknown,
    Null,
    Text(Cow<'a, str>),
    Number(Number),
    Boolean(bool),
    Time(OffsetDateTime),
    Json(&'a Json),
}

pub(crate) fn evaluate(condition: &Condition, now: OffsetDateTime, facts: &dyn Facts) -> Verdict {
    let outcomes = Row { now, facts }.condition(condition);
    match (outcomes == Outcomes::TRUE, outcomes.may(Outcomes::TRUE)) {
        (true, _) => Verdict::True,
        (false, true) => Verdict::Unknown,
        (false, false) => Verdict::False,
    }
}

struct Row<'a> {
    now: OffsetDateTime,
    facts: &'a dyn Facts,
}

impl<'a> Row<'a> {
    fn condition(&self, condition: &'a Condition) -> Outcomes {
        match condition {
            Condition::Or(all) => all
                .iter()
                .fold(Outcomes::FALSE, |sum, one| sum.or(self.condition(one))),
            Condition::And(all) => all
                .iter()
                .fold(Outcomes::TRUE, |sum, one| sum.and(self.condition(one))),
            Condition::Not(inner) => self.condition(inner).not(),
            Condition::Constant(value) => Outcomes::of(*value),
            Condition::Truth(value) => match self.value(value) {
                Known::Boolean(value) => Outcomes::of(value),
                Known::Null => Outcomes::NULL,
                _ => Outcomes::ANY,
            },
            Condition::Compare {
                left,
                comparison,
                right,
            } => self.compare(&self.value(left), *comparison, &self.value(right)),
            Condition::Like {
                value,
                pattern,
                insensitive,
                negated,
            } => {
                let regex = pattern::like_parameter(pattern, *insensitive);
                self.matches(value, &regex).negated_if(*negated)
            }
            Condition::Matches {
                value,
                pattern,
                insensitive,
                negated,
            } => {
                let regex = pattern::regex_parameter(pattern, *insensitive);
                self.matches(value, &regex).negated_if(*negated)
            }
            Condition::Between {
                value,
                low,
                high,
                negated,
            } => {
                let value = self.value(value);
                let above = self.compare(&value, Comparison::GreaterOrEqual, &self.value(low));
                let below = self.compare(&value, Comparison::LessOrEqual, &self.value(high));
                above.and(below).negated_if(*negated)
            }
            Condition::OneOf {
                value,
                list,
                negated,
            } => {
                let value = self.value(value);
                let equal = |item| self.compare(&value, Comparison::Equal, &self.value(item));
                list.iter()
                    .fold(Outcomes::FALSE, |sum, item| sum.or(equal(item)))
                    .negated_if(*negated)
            }
            // Other tables are out of sight.
            Condition::Selected { .. } => Outcomes::ANY,
            Condition::Null { value, negated } => match self.value(value) {
                Known::Unknown => Outcomes::NOT_NULL,
                known => Outcomes::of((known == Known::Null) != *negated),
            },
        }
    }

    fn matches(&self, value: &'a Value, regex: &str) -> Outcomes {
        match self.value(value) {
            Known::Null => Outcomes::NULL,
            Known::Text(text) => match Pattern::new(regex) {
                Ok(pattern) => Outcomes::of(pattern.is_match(&text)),
                Err(_) => Outcomes::ANY,
            },
            _ => Outcomes::ANY,
        }
    }

    fn compare(&self, left: &Known, comparison: Comparison, right: &Known) -> Outcomes {
        let order = match (left, right) {
            (Known::Null, _) | (_, Known::Null) => return Outcomes::NULL,
            (Known::Text(left), Known::Text(right)) => left.cmp(right),
            (Known::Number(left), Known::Number(right)) => number_order(*left, *right),
            (Known::Boolean(left), Known::Boolean(right)) => left.cmp(right),
            (Known::Time(left), Known::Time(right)) => left.cmp(right),
            _ => return Outcomes::ANY,
        };
        Outcomes::of(match comparison {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        })
    }

    fn value(&self, value: &'a Value) -> Known<'a> {
        match value {
            Value::Column(column) => self.column(column),
            Value::Json { base, path, text } => match self.document(*base, path) {
                Known::Json(part) if *text => json_text(part),
                part => part,
            },
            Value::Text(text) => Known::Text(Cow::Borrowed(text)),
            Value::Number(number) => Known::Number(*number),
            Value::Boolean(value) => Known::Boolean(*value),
            Value::Time(time) => Known::Time(*time),
            Value::Now(shifts) => Known::Time(fold(self.now, shifts)),
            Value::Cast { value, to } => cast(self.value(value), *to),
        }
    }

    fn column(&self, column: &'static Column) -> Known<'a> {
        use crate::schema::Kind;
        match (self.facts.fact(column), column.kind) {
            (Fact::Null, _) => Known::Null,
            (Fact::Text(text), Kind::Text) => Known::Text(Cow::Borrowed(text)),
            (Fact::Integer(number), Kind::Number) => Known::Number(Number::Integer(number)),
            (Fact::Time(time), Kind::Time) => Known::Time(to_micros(time)),
            (Fact::Json(document), Kind::Json) => Known::Json(document),
            _ => Known::Unknown,
        }
    }

    fn document(&self, base: Base, path: &[Step]) -> Known<'a> {
        let Base::Column(column) = base else {
            return Known::Unknown;
        };
        let document = match self.column(column) {
            Known::Json(document) => document,
            other => return other,
        };
        let part = path.iter().try_fold(document, |part, step| match step {
            Step::Key(key) => part.as_object()?.get(key),
            Step::Index(index) => part.as_array()?.get(*index as usize),
        });
        part.map_or(Known::Null, Known::Json)
    }
}

/// What `->>` makes of a JSON value.
fn json_text(part: &Json) -> Known<'_> {
    match part {
        Json::Null => Known::Null,
        Json::String(text) => Known::Text(Cow::Borrowed(text)),
        other => Known::Text(Cow::Owned(other.to_string())),
    }
}

fn cast(value: Known<'_>, to: CastTo) -> Known<'_> {
    match (value, to) {
        (Known::Null, _) => Known::Null,
        (Known::Text(text), CastTo::Number) => {
            castable_number(&text).map_or(Known::Null, Known::Number)
        }
        (Known::Text(text), CastTo::Boolean) => boolean(&text).map_or(Known::Null, Known::Boolean),
        (Known::Number(Number::Integer(number)), CastTo::Text) => {
            Known::Text(Cow::Owned(number.to_string()))
        }
        // The text form of a stored document is its stored spelling.
        _ => Known::Unknown,
    }
}

/// The numbers that all three parties read alike: [`CASTABLE_NUMBER`] as code.
///
/// [`CASTABLE_NUMBER`]: crate::sql::CASTABLE_NUMBER
fn castable_number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let fits = whole.len() <= 9 && fraction.len() <= 6 && !digits.starts_with('+');
    let long = !digits.contains('.') && whole.len() <= 18 && !digits.starts_with('+');
    if fits || long { number(text) } else { None }
}

fn number_order(left: Number, right: Number) -> Ordering {
    match (left, right) {
        (Number::Integer(left), Number::Integer(right)) => left.cmp(&right),
        (Number::Real(left), Number::Real(right)) => left.total_cmp(&right),
        (Number::Integer(left), Number::Real(right)) => integer_real(left, right),
        (Number::Real(left), Number::Integer(right)) => integer_real(right, left).reverse(),
    }
}

/// Exact, as in SQLite: an `i64` does not fit a double.
fn integer_real(integer: i64, real: f64) -> Ordering {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if real >= BEYOND {
        return Ordering::Less;
    }
    if real < -BEYOND {
        return Ordering::Greater;
    }
    // Within range after the checks above.
    #[allow(clippy::cast_possible_truncation)]
    let whole = real.trunc() as i64;
    integer.cmp(&whole).then_with(|| {
        if real.fract() > 0.0 {
            Ordering::Less
        } else if real.fract() < 0.0 {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    })
}
