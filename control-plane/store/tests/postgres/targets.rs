//! Three who evaluate a target must say the same: SQLite, PostgreSQL, and the
//! agent in memory.

#[allow(dead_code)]
#[path = "../../../../protocol/target/tests/support/mod.rs"]
mod support;

use mig_target::{Condition, Param, Pattern, Target, Verdict};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use support::{Cell, Row, condition, moment, row};
use time::OffsetDateTime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use super::site::Site;

/// Both databases with the tables of a target, empty.
struct Databases {
    sqlite: Connection,
    postgres: Client,
}

impl Databases {
    async fn new(site: &Site) -> Databases {
        let sqlite = Connection::open_in_memory().expect("open");
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        sqlite
            .create_scalar_function("regexp", 2, flags, |context| {
                let pattern = Pattern::new(context.get_raw(0).as_str()?)
                    .map_err(|error| rusqlite::Error::UserFunctionError(error.into()))?;
                let text = context.get::<Option<String>>(1)?;
                Ok(text.map(|text| pattern.is_match(&text)))
            })
            .expect("function");
        let names: Vec<_> = mig_target::AGENTS
            .columns
            .iter()
            .map(|column| column.name)
            .collect();
        sqlite
            .execute_batch(&format!(
                "CREATE TABLE agents ({});
                 CREATE TABLE actions (id INTEGER, name TEXT);
                 CREATE TABLE commands (actionid INTEGER, agentid INTEGER, status TEXT, results TEXT);
                 INSERT INTO actions VALUES (3, 'abc'), (4, 'b');
                 {COMMANDS}",
                names.join(",")
            ))
            .expect("tables");
        let access = site.access();
        let (postgres, connection) = tokio_postgres::Config::new()
            .host(&access.host)
            .port(access.port)
            .user(&access.user)
            .password(&access.password)
            .dbname(&access.dbname)
            .connect(NoTls)
            .await
            .expect("connected");
        tokio::spawn(connection);
        // The columns of the schema, each of which may be null here.
        postgres
            .batch_execute(&format!(
                "CREATE TEMPORARY TABLE agents AS SELECT * FROM public.agents;
                 CREATE TEMPORARY TABLE actions AS SELECT * FROM public.actions;
                 CREATE TEMPORARY TABLE commands AS SELECT * FROM public.commands;
                 INSERT INTO actions (id, name) VALUES (3, 'abc'), (4, 'b');
                 {COMMANDS}"
            ))
            .await
            .expect("tables");
        Databases { sqlite, postgres }
    }

    async fn fill(&self, row: &Row) {
        let names: Vec<_> = row.0.iter().map(|(column, _)| column.name).collect();
        let cells = row.0.iter().map(|(_, cell)| match cell {
            Cell::Null => Sql::Null,
            Cell::Text(text) => Sql::Text(text.clone()),
            Cell::Integer(number) => Sql::Integer(*number),
            Cell::Time(time) => {
                Sql::Integer(i64::try_from(time.unix_timestamp_nanos() / 1000).expect("in range"))
            }
            Cell::Json(document) => Sql::Text(document.to_string()),
        });
        let (list, marks) = (names.join(","), vec!["?"; names.len()].join(","));
        self.sqlite
            .execute("DELETE FROM agents", [])
            .expect("emptied");
        self.sqlite
            .execute(
                &format!("INSERT INTO agents ({list}) VALUES ({marks})"),
                params_from_iter(cells),
            )
            .expect("stored");

        let mut marks = Vec::new();
        let values: Vec<Box<dyn ToSql + Sync + Send>> = row
            .0
            .iter()
            .zip(1..)
            .map(|((_, cell), number)| -> Box<dyn ToSql + Sync + Send> {
                let (kind, value): (&str, Box<dyn ToSql + Sync + Send>) = match cell {
                    Cell::Null => {
                        marks.push(String::from("NULL"));
                        return Box::new(number);
                    }
                    Cell::Text(text) => ("text", Box::new(text.clone())),
                    Cell::Integer(number) => ("bigint", Box::new(*number)),
                    Cell::Time(time) => ("timestamptz", Box::new(*time)),
                    Cell::Json(document) => ("text::json", Box::new(document.to_string())),
                };
                marks.push(format!("${number}::{kind}"));
                value
            })
            .collect();
        // Numbers of parameters must have no gap.
        let mut bound: Vec<&(dyn ToSql + Sync)> = Vec::new();
        for (mark, value) in marks.iter_mut().zip(&values) {
            if let Some((_, kind)) = mark.clone().split_once("::") {
                bound.push(&**value);
                *mark = format!("${}::{kind}", bound.len());
            }
        }
        self.postgres
            .batch_execute("TRUNCATE agents")
            .await
            .expect("emptied");
        let insert = format!("INSERT INTO agents ({list}) VALUES ({})", marks.join(","));
        self.postgres
            .execute(&insert, &bound)
            .await
            .expect("stored");
    }

    fn sqlite_selects(&self, target: &Target, now: OffsetDateTime) -> Result<bool, String> {
        let compiled = target.sqlite(now, 1);
        let values = compiled.params.into_iter().map(|param| match param {
            Param::Text(text) => Sql::Text(text),
            Param::Integer(number) => Sql::Integer(number),
            Param::Real(number) => Sql::Real(number),
            Param::Time(_) => Sql::Null,
        });
        let sql = format!("SELECT count(*) FROM agents WHERE {}", compiled.sql);
        self.sqlite
            .query_row(&sql, params_from_iter(values), |row| row.get::<_, i64>(0))
            .map(|count| count == 1)
            .map_err(|error| error.to_string())
    }

    async fn postgres_selects(&self, target: &Target, now: OffsetDateTime) -> Result<bool, String> {
        let compiled = target.postgres(now, 1);
        let values: Vec<Box<dyn ToSql + Sync>> = compiled
            .params
            .into_iter()
            .map(|param| -> Box<dyn ToSql + Sync> {
                match param {
                    Param::Text(text) => Box::new(text),
                    Param::Integer(number) => Box::new(number),
                    Param::Real(number) => Box::new(number),
                    Param::Time(time) => Box::new(time),
                }
            })
            .collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value).collect();
        let sql = format!("SELECT count(*) FROM agents WHERE {}", compiled.sql);
        match self.postgres.query_one(&sql, &values).await {
            Ok(row) => Ok(row.get::<_, i64>(0) == 1),
            Err(error) => Err(format!("{error:?}: {sql}")),
        }
    }
}

const COMMANDS: &str = r#"INSERT INTO commands (actionid, agentid, status, results) VALUES
    (3, 1, 'success', '[{"foundanything":true}]'), (3, 2, 'failed', 'null'),
    (4, 0, 'success', '[{"foundanything":false},{"foundanything":true}]'),
    (4, -1, 'expired', '[]');"#;

fn agree(cases: impl Strategy<Value = (Condition, Row, OffsetDateTime)>, whole: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let Some(site) = runtime.block_on(Site::new()) else {
        return;
    };
    let databases = runtime.block_on(Databases::new(&site));
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let agreed = TestRunner::new(config).run(&cases, |(condition, row, now)| {
        let target = Target::from_condition(condition);
        runtime.block_on(databases.fill(&row));
        let there = runtime.block_on(databases.postgres_selects(&target, now));
        let here = databases.sqlite_selects(&target, now);
        prop_assert_eq!(&there, &here, "{} on {:?}", target, row);
        if whole {
            let verdict = target.evaluate(now, &row);
            prop_assert_eq!(
                there,
                Ok(verdict == Verdict::True),
                "{} on {:?}",
                target,
                row
            );
        }
        Ok(())
    });
    if let Err(error) = agreed {
        panic!("{error}");
    }
}

#[test]
fn sqlite_postgresql_and_memory_agree_on_a_fully_known_row() {
    agree((condition(false), row(), moment()), true);
}

#[test]
fn sqlite_and_postgresql_agree_on_sub_selects() {
    agree((condition(true), row(), moment()), false);
}
