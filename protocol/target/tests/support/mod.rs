//! Random syntax trees and random rows.

use mig_target::{
    AGENTS, Base, CastTo, Column, Comparison, Condition, Fact, Facts, Interval, Kind, Number,
    Shift, Step, Target, Value,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

/// Any tree of the agents' own columns; `selects` adds sub-selects.
pub fn condition(selects: bool) -> BoxedStrategy<Condition> {
    let leaf = if selects {
        prop_oneof![6 => predicate(), 1 => selected()].boxed()
    } else {
        predicate()
    };
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
            inner.prop_map(|one| Condition::Not(Box::new(one))),
        ]
    })
    .boxed()
}

fn predicate() -> BoxedStrategy<Condition> {
    let comparison = prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::Less),
        Just(Comparison::LessOrEqual),
        Just(Comparison::Greater),
        Just(Comparison::GreaterOrEqual),
    ];
    let pair = prop_oneof![
        (text_value(), text_value()),
        (number_value(), number_value()),
        (time_value(), time_value()),
        (
            truth(),
            prop_oneof![truth(), any::<bool>().prop_map(Value::Boolean)]
        ),
    ];
    let triple = prop_oneof![
        (text_value(), text_value(), text_value()),
        (number_value(), number_value(), number_value()),
        (time_value(), time_value(), time_value()),
    ];
    let list = prop_oneof![
        (
            text_value(),
            prop::collection::vec(small_text().prop_map(Value::Text), 1..4)
        ),
        (
            number_value(),
            prop::collection::vec(number().prop_map(Value::Number), 1..4)
        ),
    ];
    let any_value = prop_oneof![text_value(), number_value(), time_value(), json(false)];
    prop_oneof![
        any::<bool>().prop_map(Condition::Constant),
        truth().prop_map(Condition::Truth),
        (pair, comparison).prop_map(|((left, right), comparison)| Condition::Compare {
            left,
            comparison,
            right
        }),
        (text_value(), like_pattern(), any::<bool>(), any::<bool>()).prop_map(
            |(value, pattern, insensitive, negated)| Condition::Like {
                value,
                pattern,
                insensitive,
                negated
            }
        ),
        (text_value(), regex(), any::<bool>(), any::<bool>()).prop_map(
            |(value, pattern, insensitive, negated)| Condition::Matches {
                value,
                pattern,
                insensitive,
                negated
            }
        ),
        (triple, any::<bool>()).prop_map(|((value, low, high), negated)| Condition::Between {
            value,
            low,
            high,
            negated
        }),
        (list, any::<bool>()).prop_map(|((value, list), negated)| Condition::OneOf {
            value,
            list,
            negated
        }),
        (any_value, any::<bool>()).prop_map(|(value, negated)| Condition::Null { value, negated }),
    ]
    .boxed()
}

/// A few sub-selects, by parsing them: their columns are of other tables.
fn selected() -> BoxedStrategy<Condition> {
    let texts = [
        "id IN (SELECT agentid FROM commands WHERE actionid = 3)",
        "id NOT IN (SELECT agentid FROM commands, json_array_elements(commands.results) AS r \
         WHERE actionid = 3 AND r#>>'{foundanything}' = 'true')",
        "id IN (SELECT commands.agentid FROM commands, actions WHERE actionid = actions.id AND \
         (actions.name LIKE 'a%' OR commands.status = 'success'))",
    ];
    prop::sample::select(texts.to_vec())
        .prop_map(|text| {
            Target::parse(text)
                .expect("a valid target")
                .condition()
                .clone()
        })
        .boxed()
}

fn columns(kind: Kind) -> BoxedStrategy<&'static Column> {
    let found: Vec<_> = AGENTS
        .columns
        .iter()
        .filter(|column| column.kind == kind)
        .collect();
    prop::sample::select(found).boxed()
}

fn json(text: bool) -> BoxedStrategy<Value> {
    let key = prop::sample::select(vec!["a", "b", "C d", "é"]);
    let step = prop_oneof![
        3 => key.prop_map(|key| Step::Key(key.into())),
        1 => (0u32..3).prop_map(Step::Index),
    ];
    (columns(Kind::Json), prop::collection::vec(step, 1..3))
        .prop_map(move |(column, path)| Value::Json {
            base: Base::Column(column),
            path,
            text,
        })
        .boxed()
}

fn cast(value: impl Strategy<Value = Value> + 'static, to: CastTo) -> BoxedStrategy<Value> {
    value
        .prop_map(move |value| Value::Cast {
            value: Box::new(value),
            to,
        })
        .boxed()
}

fn truth() -> BoxedStrategy<Value> {
    cast(json(true), CastTo::Boolean)
}

fn text_value() -> BoxedStrategy<Value> {
    prop_oneof![
        3 => columns(Kind::Text).prop_map(Value::Column),
        3 => json(true),
        3 => small_text().prop_map(Value::Text),
        1 => cast(columns(Kind::Number).prop_map(Value::Column), CastTo::Text),
    ]
    .boxed()
}

fn number_value() -> BoxedStrategy<Value> {
    prop_oneof![
        columns(Kind::Number).prop_map(Value::Column),
        number().prop_map(Value::Number),
        cast(json(true), CastTo::Number),
        cast(columns(Kind::Text).prop_map(Value::Column), CastTo::Number),
    ]
    .boxed()
}

fn number() -> BoxedStrategy<Number> {
    prop_oneof![
        (-3i64..4).prop_map(Number::Integer),
        any::<i32>().prop_map(|number| Number::Integer(number.into())),
        prop::sample::select(vec![0.5, -1.25, 2.75, 1e16, -3e300]).prop_map(Number::Real),
    ]
    .boxed()
}

fn time_value() -> BoxedStrategy<Value> {
    let shift = (any::<bool>(), -2i32..3, -40i32..40, -9i64..9).prop_map(
        |(back, months, days, seconds)| Shift {
            back,
            interval: Interval {
                months,
                days,
                seconds,
            },
        },
    );
    prop_oneof![
        columns(Kind::Time).prop_map(Value::Column),
        moment().prop_map(Value::Time),
        prop::collection::vec(shift, 0..3).prop_map(Value::Now),
    ]
    .boxed()
}

/// Some instants with microseconds, the sentinels among them.
pub fn moment() -> BoxedStrategy<OffsetDateTime> {
    let micros = prop_oneof![
        Just(-61_880_936_928_999_999_i64),
        Just(253_340_654_271_000_000),
        Just(-62_135_596_800_000_000),
        1_709_000_000_000_000..1_709_900_000_000_000i64,
        prop::sample::select(vec![1_709_294_400_000_000, 1_709_294_399_999_999]),
    ];
    micros
        .prop_map(|micros| {
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
                .expect("within the calendar")
        })
        .boxed()
}

pub fn small_text() -> BoxedStrategy<String> {
    prop_oneof![
        "[aAbBéÉ%_*?.\\[ '\\\\]{0,4}",
        prop::sample::select(vec![
            "1", "-1.5", "05", "1e3", "true", "FALSE", " on ", "", "a\nb"
        ])
        .prop_map(String::from),
    ]
    .boxed()
}

fn like_pattern() -> BoxedStrategy<String> {
    "([aAé%_*?.\\[]|\\\\[%_\\\\a]){0,4}".boxed()
}

fn regex() -> BoxedStrategy<String> {
    "(\\^|)([aAbé.]|\\[a-b\\]|\\\\[dws.]|\\(a\\|B\\))[+?]?(\\$|)".boxed()
}

/// A row whose every column is known.
#[derive(Debug, Clone)]
pub struct Row(pub Vec<(&'static Column, Cell)>);

/// The content of a column.
#[derive(Debug, Clone)]
pub enum Cell {
    Null,
    Text(String),
    Integer(i64),
    Time(OffsetDateTime),
    Json(Json),
}

impl Facts for Row {
    fn fact(&self, column: &'static Column) -> Fact<'_> {
        match self
            .0
            .iter()
            .find(|(found, _)| *found == column)
            .map(|(_, cell)| cell)
        {
            None => Fact::Unknown,
            Some(Cell::Null) => Fact::Null,
            Some(Cell::Text(text)) => Fact::Text(text),
            Some(Cell::Integer(number)) => Fact::Integer(*number),
            Some(Cell::Time(time)) => Fact::Time(*time),
            Some(Cell::Json(document)) => Fact::Json(document),
        }
    }
}

/// A random row of the agents table.
pub fn row() -> BoxedStrategy<Row> {
    let cells: Vec<BoxedStrategy<(&'static Column, Cell)>> = AGENTS
        .columns
        .iter()
        .map(|column| {
            let cell = match column.kind {
                Kind::Text => small_text().prop_map(Cell::Text).boxed(),
                Kind::Number | Kind::Boolean => {
                    prop_oneof![-3i64..4, any::<i32>().prop_map(i64::from)]
                        .prop_map(Cell::Integer)
                        .boxed()
                }
                Kind::Time => moment().prop_map(Cell::Time).boxed(),
                Kind::Json => document().prop_map(Cell::Json).boxed(),
            };
            prop_oneof![1 => Just(Cell::Null), 4 => cell]
                .prop_map(move |cell| (column, cell))
                .boxed()
        })
        .collect();
    cells.prop_map(Row).boxed()
}

fn document() -> BoxedStrategy<Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-9i64..10).prop_map(|number| json!(number)),
        prop::sample::select(vec![0.5, -1.25]).prop_map(|number| json!(number)),
        small_text().prop_map(Json::String),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let key = prop::sample::select(vec!["a", "b", "C d", "é"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
            prop::collection::btree_map(key, inner, 0..4).prop_map(|map| map
                .into_iter()
                .map(|(key, value)| (key.to_string(), value))
                .collect()),
        ]
    })
    .boxed()
}
