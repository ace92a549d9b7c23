//! Properties of random targets: printing and parsing are inverse, SQLite and
//! the evaluation in memory agree, and PostgreSQL's grammar reads them alike.

mod support;

use mig_target::{Condition, Param, Pattern, Target, Verdict};
use proptest::prelude::*;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use support::{Cell, Row, condition, moment, row};

/// The boolean structure alone.
#[derive(Debug, PartialEq)]
enum Skeleton {
    Or(Vec<Skeleton>),
    And(Vec<Skeleton>),
    Not(Box<Skeleton>),
    Leaf,
}

fn ours(condition: &Condition) -> Skeleton {
    match condition {
        Condition::Or(all) => Skeleton::Or(all.iter().map(ours).collect()),
        Condition::And(all) => Skeleton::And(all.iter().map(ours).collect()),
        Condition::Not(inner) => Skeleton::Not(Box::new(ours(inner))),
        _ => Skeleton::Leaf,
    }
}

/// sqlparser's chains lean to the left; ours are flat.
fn theirs(expression: &Expr) -> Skeleton {
    match expression {
        Expr::Nested(inner) => theirs(inner),
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr,
        } => Skeleton::Not(Box::new(theirs(expr))),
        Expr::BinaryOp {
            left,
            op: op @ (BinaryOperator::And | BinaryOperator::Or),
            right,
        } => {
            let mut all = vec![theirs(right)];
            let mut rest = left;
            while let Expr::BinaryOp {
                left,
                op: next,
                right,
            } = rest.as_ref()
                && next == op
            {
                all.insert(0, theirs(right));
                rest = left;
            }
            all.insert(0, theirs(rest));
            if *op == BinaryOperator::And {
                Skeleton::And(all)
            } else {
                Skeleton::Or(all)
            }
        }
        _ => Skeleton::Leaf,
    }
}

fn postgresql_reads(text: &str) -> Result<Expr, String> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect)
        .try_with_sql(text)
        .map_err(|error| error.to_string())?;
    let expression = parser.parse_expr().map_err(|error| error.to_string())?;
    match parser.peek_token().token {
        sqlparser::tokenizer::Token::EOF => Ok(expression),
        other => Err(format!("left over: {other}")),
    }
}

/// A database with one agent.
fn database(row: &Row) -> Connection {
    let connection = Connection::open_in_memory().expect("open");
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection
        .create_scalar_function("regexp", 2, flags, |context| {
            let pattern = Pattern::new(context.get_raw(0).as_str()?)
                .map_err(|error| rusqlite::Error::UserFunctionError(error.into()))?;
            match context.get::<Option<String>>(1)? {
                Some(text) => Ok(Some(pattern.is_match(&text))),
                None => Ok(None),
            }
        })
        .expect("function");
    let names: Vec<_> = row.0.iter().map(|(column, _)| column.name).collect();
    let marks = vec!["?"; names.len()].join(",");
    connection
        .execute_batch(
            "CREATE TABLE commands (id INTEGER, actionid INTEGER, agentid INTEGER, status TEXT, results TEXT);
             CREATE TABLE actions (id INTEGER, name TEXT);",
        )
        .expect("tables");
    connection
        .execute(&format!("CREATE TABLE agents ({})", names.join(",")), [])
        .expect("table");
    let cells = row.0.iter().map(|(_, cell)| match cell {
        Cell::Null => Sql::Null,
        Cell::Text(text) => Sql::Text(text.clone()),
        Cell::Integer(number) => Sql::Integer(*number),
        Cell::Time(time) => {
            Sql::Integer(i64::try_from(time.unix_timestamp_nanos() / 1000).unwrap())
        }
        Cell::Json(document) => Sql::Text(document.to_string()),
    });
    connection
        .execute(
            &format!("INSERT INTO agents VALUES ({marks})"),
            params_from_iter(cells),
        )
        .expect("insert");
    connection
}

fn sqlite_selects(
    connection: &Connection,
    target: &Target,
    now: time::OffsetDateTime,
) -> Result<bool, rusqlite::Error> {
    let compiled = target.sqlite(now, 1);
    let values = compiled.params.into_iter().map(|param| match param {
        Param::Text(text) => Sql::Text(text),
        Param::Integer(number) => Sql::Integer(number),
        Param::Real(number) => Sql::Real(number),
        Param::Time(_) => unreachable!("SQLite gets times as integers"),
    });
    let sql = format!("SELECT COUNT(*) FROM agents WHERE {}", compiled.sql);
    connection
        .query_row(&sql, params_from_iter(values), |row| row.get::<_, i64>(0))
        .map(|count| count == 1)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_parses_to_the_same_tree(condition in condition(true)) {
        let target = Target::from_condition(condition);
        let text = target.to_string();
        prop_assume!(text.len() <= mig_target::MAX_LENGTH);
        let parsed = Target::parse(&text);
        prop_assert_eq!(parsed.as_ref(), Ok(&target), "{}", text);
    }

    #[test]
    fn what_we_accept_postgresql_reads_with_the_same_structure(condition in condition(true)) {
        let target = Target::from_condition(condition);
        let text = target.to_string();
        let expression = postgresql_reads(&text);
        prop_assert!(expression.is_ok(), "{text}: {expression:?}");
        prop_assert_eq!(theirs(&expression.unwrap()), ours(target.condition()), "{}", text);
    }

    #[test]
    fn the_compiled_sql_parses_too(condition in condition(true), now in moment()) {
        let sql = Target::from_condition(condition).postgres(now, 1).sql;
        let expression = postgresql_reads(&sql);
        prop_assert!(expression.is_ok(), "{sql}: {expression:?}");
    }

    #[test]
    fn sqlite_and_memory_agree_on_a_fully_known_row(
        condition in condition(false),
        row in row(),
        now in moment(),
    ) {
        let target = Target::from_condition(condition);
        let selected = sqlite_selects(&database(&row), &target, now);
        let verdict = target.evaluate(now, &row);
        prop_assert_ne!(verdict, Verdict::Unknown, "{} on {:?}", target, row);
        prop_assert_eq!(selected, Ok(verdict == Verdict::True), "{} on {:?}", target, row);
    }

    #[test]
    fn a_definite_verdict_on_part_of_a_row_holds_for_the_whole_row(
        condition in condition(true),
        row in row(),
        hidden in prop::collection::vec(any::<bool>(), 14),
        now in moment(),
    ) {
        let target = Target::from_condition(condition);
        let seen = row.0.iter().cloned().zip(hidden).filter(|(_, hide)| !hide).map(|(cell, _)| cell);
        let verdict = target.evaluate(now, &Row(seen.collect()));
        if verdict != Verdict::Unknown {
            let selected = sqlite_selects(&database(&row), &target, now);
            prop_assert_eq!(selected, Ok(verdict == Verdict::True), "{} on {:?}", target, row);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = Target::parse(&text);
    }

    #[test]
    fn no_heap_of_tokens_panics_and_what_is_accepted_postgresql_reads(
        words in prop::collection::vec(prop::sample::select(vec![
            "(", ")", "id", "name", "tags", "->>", "->", "#>>", "'{a}'", "'a'", "=", "<", "~", "LIKE",
            "IN", "NOT", "AND", "OR", "IS", "NULL", "BETWEEN", "1", "-", "NOW()", "INTERVAL", "'1 day'",
            "::", "text", "int", "SELECT", "agentid", "FROM", "commands", "WHERE", ",", "true",
            "starttime", "agents", ".", "'5'",
        ]), 1..16),
    ) {
        let text = words.join(" ");
        if let Ok(target) = Target::parse(&text) {
            let expression = postgresql_reads(&text);
            prop_assert!(expression.is_ok(), "{text}: {expression:?}");
            prop_assert_eq!(Target::parse(&target.to_string()), Ok(target), "{}", text);
        }
    }
}

/// The sub-selects run on a real database, also where results are no array.
#[test]
fn documented_sub_selects_find_the_agents_that_answered() {
    let connection = database(&Row(vec![]).with_agent());
    connection
        .execute_batch(
            r#"INSERT INTO agents (id, queueloc) VALUES (10, 'linux.a'), (11, 'linux.a'), (12, 'linux.b');
               INSERT INTO actions VALUES (7, 'file search');
               INSERT INTO commands VALUES
                 (1, 7, 10, 'success', '[{"foundanything":false},{"foundanything":true}]'),
                 (2, 7, 12, 'success', '[{"foundanything":false}, "odd"]'),
                 (3, 7, 12, 'failed', 'null'), (4, 7, 12, 'failed', NULL);"#,
        )
        .expect("rows");
    let now = time::OffsetDateTime::UNIX_EPOCH;
    let cases: [(&str, &[i64]); 6] = [
        // Row 11 is the agent of row 10 after a restart.
        (
            "id IN (select agentid from commands, json_array_elements(commands.results) as r where actionid=7 and r#>>'{foundanything}' = 'true')",
            &[10, 11],
        ),
        (
            "id IN (select agentid from commands, json_array_elements(commands.results) as r where commands.actionid = 7 and r#>>'{foundanything}' = 'false')",
            &[10, 11, 12],
        ),
        (
            "id IN (SELECT agentid FROM commands WHERE actionid=7 AND status='failed')",
            &[12],
        ),
        (
            "queueloc IS NOT NULL AND id NOT IN (SELECT agentid FROM commands WHERE actionid=7 AND status='failed')",
            &[10, 11],
        ),
        (
            "id IN (SELECT agentid FROM commands, actions WHERE actionid=actions.id AND name='file search' AND results->0->>'foundanything'='true')",
            &[],
        ),
        (
            "id IN (SELECT agentid FROM commands c, json_array_elements(c.results) r WHERE r.value::text = '\"odd\"')",
            &[12],
        ),
    ];
    for (text, expected) in cases {
        let compiled = Target::parse(text)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .sqlite(now, 1);
        let sql = format!("SELECT id FROM agents WHERE {} ORDER BY id", compiled.sql);
        let values = compiled.params.into_iter().map(|param| match param {
            Param::Text(text) => Sql::Text(text),
            Param::Integer(number) => Sql::Integer(number),
            other => panic!("unexpected {other:?}"),
        });
        let mut statement = connection
            .prepare(&sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let found: Vec<i64> = statement
            .query_map(params_from_iter(values), |row| row.get(0))
            .and_then(Iterator::collect)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(found, expected, "{text}");
    }
}

impl Row {
    /// A row of nulls, which no case selects.
    fn with_agent(mut self) -> Row {
        self.0 = mig_target::AGENTS
            .columns
            .iter()
            .map(|column| (column, Cell::Null))
            .collect();
        self
    }
}
