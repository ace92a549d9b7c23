//! Walks the syntax tree and writes SQL.

use std::fmt::Write;

use time::OffsetDateTime;

use super::dialect::{Dialect, ParamType};
use super::{CASTABLE_NUMBER, Compiled, Param};
use crate::ast::{Base, CastTo, Comparison, Condition, Number, Select, Source, Step, Value};
use crate::pattern::{glob_parameter, like_parameter, regex_parameter};
use crate::schema::{Column, Kind};
use crate::time_values::{epoch_micros, fold};

pub(crate) fn compile(
    condition: &Condition,
    dialect: Dialect,
    now: OffsetDateTime,
    first: usize,
) -> Compiled {
    let mut writer = Writer {
        dialect,
        now,
        first,
        sql: String::new(),
        params: Vec::new(),
    };
    writer.condition(condition);
    Compiled {
        sql: writer.sql,
        params: writer.params,
    }
}

struct Writer {
    dialect: Dialect,
    now: OffsetDateTime,
    first: usize,
    sql: String,
    params: Vec<Param>,
}

impl Writer {
    fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Keeps a value and returns its placeholder.
    fn bind(&mut self, value: Param, kind: ParamType) -> String {
        let number = self.first + self.params.len();
        self.params.push(value);
        self.dialect.placeholder(number, kind)
    }

    fn bind_text(&mut self, text: impl Into<String>) -> String {
        self.bind(Param::Text(text.into()), ParamType::Text)
    }

    fn nested(&mut self, condition: &Condition) {
        self.push("(");
        self.condition(condition);
        self.push(")");
    }

    fn chain(&mut self, all: &[Condition], between: &str) {
        for (index, one) in all.iter().enumerate() {
            if index > 0 {
                self.push(between);
            }
            self.nested(one);
        }
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Or(all) => self.chain(all, " OR "),
            Condition::And(all) => self.chain(all, " AND "),
            Condition::Not(inner) => {
                self.push("NOT ");
                self.nested(inner);
            }
            Condition::Constant(value) => self.push(if *value { "TRUE" } else { "FALSE" }),
            Condition::Truth(value) => self.value(value),
            Condition::Compare {
                left,
                comparison,
                right,
            } => {
                self.compare(left, *comparison, right);
            }
            Condition::Like {
                value,
                pattern,
                insensitive,
                negated,
            } => {
                self.like(value, pattern, *insensitive, *negated);
            }
            Condition::Matches {
                value,
                pattern,
                insensitive,
                negated,
            } => {
                self.matches(value, pattern, *insensitive, *negated);
            }
            Condition::Between {
                value,
                low,
                high,
                negated,
            } => {
                self.ordered(value);
                self.negation(*negated);
                self.push(" BETWEEN ");
                self.value(low);
                self.push(" AND ");
                self.value(high);
            }
            Condition::OneOf {
                value,
                list,
                negated,
            } => {
                self.value(value);
                self.negation(*negated);
                self.push(" IN (");
                for (index, item) in list.iter().enumerate() {
                    if index > 0 {
                        self.push(", ");
                    }
                    self.value(item);
                }
                self.push(")");
            }
            Condition::Selected {
                value,
                select,
                negated,
            } => {
                self.selected(value, select, *negated);
            }
            Condition::Null { value, negated } => {
                self.push("(");
                self.value(value);
                self.push(if *negated {
                    ") IS NOT NULL"
                } else {
                    ") IS NULL"
                });
            }
        }
    }

    fn negation(&mut self, negated: bool) {
        if negated {
            self.push(" NOT");
        }
    }

    /// A value about to be ordered: text by its bytes, whatever the database's
    /// collation.
    fn ordered(&mut self, value: &Value) {
        if value.kind() == Kind::Text && self.dialect == Dialect::Postgres {
            self.push("(");
            self.value(value);
            self.push(") COLLATE \"C\"");
        } else {
            self.value(value);
        }
    }

    fn compare(&mut self, left: &Value, comparison: Comparison, right: &Value) {
        match comparison {
            Comparison::Equal | Comparison::NotEqual => self.value(left),
            _ => self.ordered(left),
        }
        self.push(" ");
        self.push(comparison.operator());
        self.push(" ");
        self.value(right);
    }

    fn like(&mut self, value: &Value, pattern: &str, insensitive: bool, negated: bool) {
        self.value(value);
        self.negation(negated);
        let (operator, pattern) = match (self.dialect, insensitive) {
            (Dialect::Sqlite, false) => (" GLOB ", glob_parameter(pattern)),
            (Dialect::Sqlite, true) => (" REGEXP ", like_parameter(pattern, true)),
            (Dialect::Postgres, false) => (" LIKE ", pattern.to_string()),
            (Dialect::Postgres, true) => (" ILIKE ", pattern.to_string()),
        };
        let placeholder = self.bind_text(pattern);
        self.push(operator);
        self.push(&placeholder);
    }

    fn matches(&mut self, value: &Value, pattern: &str, insensitive: bool, negated: bool) {
        self.value(value);
        match self.dialect {
            Dialect::Sqlite => {
                self.negation(negated);
                let placeholder = self.bind_text(regex_parameter(pattern, insensitive));
                self.push(" REGEXP ");
                self.push(&placeholder);
            }
            Dialect::Postgres => {
                let bang = if negated { "!" } else { "" };
                let star = if insensitive { "*" } else { "" };
                let placeholder = self.bind_text(pattern);
                let _ = write!(self.sql, " {bang}~{star} {placeholder}");
            }
        }
    }

    fn selected(&mut self, value: &Value, select: &Select, negated: bool) {
        let is = |value: &Value, name| matches!(value, Value::Column(Column { table: "agents", name: n, .. }) if *n == name);
        let by_agent = select.column.table == "commands" && select.column.name == "agentid";
        // An agent gets a new row when it restarts; its identity is its queue. So
        // "the agents that answered" means all rows of the same queue.
        let by_queue = by_agent && is(value, "id");
        if by_queue {
            self.push("agents.queueloc");
        } else {
            self.value(value);
        }
        self.negation(negated);
        self.push(" IN (");
        if by_queue {
            self.push("SELECT same.queueloc FROM agents AS same WHERE same.id IN (");
        }
        self.select(select);
        self.push(if by_queue { "))" } else { ")" });
    }

    fn select(&mut self, select: &Select) {
        let _ = write!(
            self.sql,
            "SELECT {}.{} FROM ",
            select.column.table, select.column.name
        );
        for (index, source) in select.from.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.push(match source {
                Source::Commands => "commands",
                Source::Actions => "actions",
                Source::Results => self.dialect.results(),
            });
        }
        if let Some(condition) = &select.condition {
            self.push(" WHERE ");
            self.condition(condition);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Column(column) => {
                let _ = write!(self.sql, "{}.{}", column.table, column.name);
            }
            Value::Json { base, path, text } => match self.dialect {
                Dialect::Sqlite => self.sqlite_json(*base, path, *text),
                Dialect::Postgres => self.postgres_json(*base, path, *text),
            },
            Value::Text(text) => {
                let placeholder = self.bind_text(text.as_str());
                self.push(&placeholder);
            }
            Value::Number(number) => {
                let placeholder = match number {
                    Number::Integer(number) => {
                        self.bind(Param::Integer(*number), ParamType::Integer)
                    }
                    Number::Real(number) => self.bind(Param::Real(*number), ParamType::Real),
                };
                self.push(&placeholder);
            }
            Value::Boolean(value) => self.push(if *value { "TRUE" } else { "FALSE" }),
            Value::Time(time) => self.time(*time),
            Value::Now(shifts) => self.time(fold(self.now, shifts)),
            Value::Cast { value, to } => self.cast(value, *to),
        }
    }

    fn time(&mut self, time: OffsetDateTime) {
        let value = match self.dialect {
            Dialect::Sqlite => Param::Integer(epoch_micros(time)),
            Dialect::Postgres => Param::Time(time),
        };
        let placeholder = self.bind(value, ParamType::Time);
        self.push(&placeholder);
    }

    /// `json_extract` turns `true` into 1; `->` keeps the spelling of everything
    /// but text.
    fn sqlite_json(&mut self, base: Base, path: &[Step], text: bool) {
        let element = base == Base::Element;
        let base = match base {
            Base::Column(column) => format!("{}.{}", column.table, column.name),
            // An element that is bare text is no JSON document; the array holding it is.
            Base::Element => "commands.results".into(),
        };
        let place = match self.sqlite_path(path, element) {
            Some(place) => place,
            None => return self.push(&base),
        };
        let _ = if text {
            write!(
                self.sql,
                "(CASE json_type({base}, {place}) WHEN 'text' THEN json_extract({base}, {place}) \
                 WHEN 'null' THEN NULL ELSE {base} -> {place} END)"
            )
        } else {
            write!(self.sql, "({base} -> {place})")
        };
    }

    /// The path as an SQL expression; none for the whole column.
    fn sqlite_path(&mut self, path: &[Step], element: bool) -> Option<String> {
        let mut text = String::from("$");
        for step in path {
            let _ = match step {
                Step::Key(key) => write!(text, ".\"{key}\""),
                Step::Index(index) => write!(text, "[{index}]"),
            };
        }
        match (element, path.is_empty()) {
            (false, true) => None,
            (false, false) => Some(self.bind_text(text)),
            (true, true) => Some("r.fullkey".into()),
            (true, false) => {
                let placeholder = self.bind_text(&text[1..]);
                Some(format!("(r.fullkey || {placeholder})"))
            }
        }
    }

    fn postgres_json(&mut self, base: Base, path: &[Step], text: bool) {
        let opening = if path.is_empty() { "" } else { "(" };
        let _ = match base {
            Base::Column(column) => write!(self.sql, "{opening}{}.{}", column.table, column.name),
            Base::Element => write!(self.sql, "{opening}r.value"),
        };
        for (index, step) in path.iter().enumerate() {
            let last = index + 1 == path.len();
            self.push(if last && text { " ->> " } else { " -> " });
            let placeholder = match step {
                Step::Key(key) => self.bind_text(key.as_str()),
                Step::Index(index) => {
                    self.bind(Param::Integer(i64::from(*index)), ParamType::Position)
                }
            };
            self.push(&placeholder);
        }
        if !path.is_empty() {
            self.push(")");
        }
    }

    fn cast(&mut self, value: &Value, to: CastTo) {
        match to {
            CastTo::Text => {
                self.push("CAST(");
                self.value(value);
                self.push(" AS text)");
            }
            CastTo::Number => {
                self.push("(CASE WHEN ");
                self.value(value);
                let operator = match self.dialect {
                    Dialect::Sqlite => "REGEXP",
                    Dialect::Postgres => "~",
                };
                let _ = write!(self.sql, " {operator} '{CASTABLE_NUMBER}' THEN CAST(");
                self.value(value);
                self.push(" AS numeric) END)");
            }
            CastTo::Boolean => {
                self.push("(CASE WHEN lower(trim(");
                self.value(value);
                self.push(")) IN ('true','t','yes','y','on','1') THEN TRUE WHEN lower(trim(");
                self.value(value);
                self.push(")) IN ('false','f','no','n','off','0') THEN FALSE END)");
            }
        }
    }
}
