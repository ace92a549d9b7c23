//! Searches: filters over several tables, every value a parameter.

use mig_protocol::{Action, Agent, Command, Id, Investigator};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::columns::{key, moment};
use super::connection::Tx;
use super::failure::Outcome;
use super::{actions, agents, commands, investigators, verbatim};
use crate::Search;

/// A condition under construction.
#[derive(Default)]
struct Filter {
    conditions: Vec<String>,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

/// An `ILIKE` pattern that PostgreSQL takes: a last backslash that escapes
/// nothing stands for itself.
fn pattern(given: &str) -> String {
    let open = given
        .bytes()
        .rev()
        .take_while(|byte| *byte == b'\\')
        .count()
        % 2
        == 1;
    let mut pattern = verbatim::text(given).into_owned();
    if open {
        pattern.push('\\');
    }
    pattern
}

impl Filter {
    /// Adds `sql` with its one `?` bound to the value, unless there is none.
    fn add<T: ToSql + Sync + Send + 'static>(&mut self, sql: &str, value: Option<T>) {
        if let Some(value) = value {
            self.values.push(Box::new(value));
            self.conditions
                .push(sql.replace('?', &format!("${}", self.values.len())));
        }
    }

    fn is(&mut self, column: &str, id: Option<Id>) {
        self.add(&format!("{column} = ?::bigint"), id.map(key));
    }

    fn like(&mut self, column: &str, given: Option<&String>) {
        // "%" is what clients send for "any", null included.
        let given = given.filter(|given| *given != "%");
        self.add(
            &format!("{column} ILIKE ?::text"),
            given.map(|p| pattern(p)),
        );
    }

    fn between(&mut self, from: &str, to: &str, search: &Search) {
        self.add(
            &format!("{from} >= ?::timestamptz"),
            search.after.map(moment),
        );
        self.add(
            &format!("{to} <= ?::timestamptz"),
            search.before.map(moment),
        );
    }

    /// Adds a condition on rows of other tables, if `inner` has any.
    fn exists(&mut self, from: &str, fill: impl FnOnce(&mut Filter)) {
        let before = self.conditions.len();
        fill(self);
        let inner = self.conditions.split_off(before);
        if !inner.is_empty() {
            let sql = format!("EXISTS (SELECT FROM {from} AND {})", inner.join(" AND "));
            self.conditions.push(sql);
        }
    }

    /// The rows of the search.
    async fn run(
        mut self,
        tx: &Tx<'_>,
        columns: &str,
        table: &str,
        order: &str,
        search: &Search,
    ) -> Outcome<Vec<Row>> {
        self.values.push(Box::new(i64::from(search.limit)));
        self.values.push(Box::new(i64::from(search.offset)));
        let count = self.values.len();
        let conditions = match self.conditions.as_slice() {
            [] => String::from("TRUE"),
            some => some.join(" AND "),
        };
        let sql = format!(
            "SELECT {columns} FROM {table} WHERE {conditions} ORDER BY {order}
             LIMIT ${}::bigint OFFSET ${count}::bigint",
            count - 1
        );
        let values: Vec<&(dyn ToSql + Sync)> = self
            .values
            .iter()
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect();
        tx.rows_once(&sql, &values).await
    }
}

impl Filter {
    fn action(&mut self, search: &Search) {
        self.is("actions.id", search.action_id);
        self.like("actions.name", search.action_name.as_ref());
        self.like(
            "coalesce(actions.threat ->> 'family', '')",
            search.threat_family.as_ref(),
        );
    }

    fn agent(&mut self, search: &Search) {
        self.is("agents.id", search.agent_id);
        self.like("agents.name", search.agent_name.as_ref());
        self.like("agents.version", search.agent_version.as_ref());
    }

    fn command(&mut self, search: &Search) {
        self.is("commands.id", search.command_id);
    }

    fn investigator(&mut self, search: &Search) {
        self.is("investigators.id", search.investigator_id);
        self.like("investigators.name", search.investigator_name.as_ref());
    }
}

pub(super) async fn of_actions(tx: &Tx<'_>, search: &Search) -> Outcome<Vec<Action>> {
    let mut filter = Filter::default();
    filter.action(search);
    filter.like("actions.status", search.status.as_ref());
    filter.between("actions.validfrom", "actions.expireafter", search);
    filter.exists(
        "signatures, investigators WHERE signatures.actionid = actions.id
         AND investigators.id = signatures.investigatorid",
        |inner| inner.investigator(search),
    );
    filter.exists(
        "commands, agents WHERE commands.actionid = actions.id AND agents.id = commands.agentid",
        |inner| {
            inner.command(search);
            inner.agent(search);
        },
    );
    let order = "actions.validfrom DESC, actions.id DESC";
    let rows = filter
        .run(tx, actions::COLUMNS, "actions", order, search)
        .await?;
    let mut found = rows
        .iter()
        .map(actions::from_row)
        .collect::<Outcome<Vec<_>>>()?;
    actions::complete(tx, &mut found).await?;
    Ok(found)
}

pub(super) async fn of_commands(tx: &Tx<'_>, search: &Search) -> Outcome<Vec<Command>> {
    let mut filter = Filter::default();
    filter.command(search);
    filter.is("commands.actionid", search.action_id);
    filter.is("commands.agentid", search.agent_id);
    filter.like("commands.status", search.status.as_ref());
    filter.between("commands.starttime", "commands.starttime", search);
    let flag = search.found_anything.map(|found| if found { 2 } else { 1 });
    filter.add(
        "commands.status = 'success' AND commands.found & ?::int <> 0",
        flag,
    );
    let others = Search {
        action_id: None,
        agent_id: None,
        ..search.clone()
    };
    filter.exists("actions WHERE actions.id = commands.actionid", |inner| {
        inner.action(&others);
    });
    filter.exists("agents WHERE agents.id = commands.agentid", |inner| {
        inner.agent(&others);
    });
    filter.exists(
        "signatures, investigators WHERE signatures.actionid = commands.actionid
         AND investigators.id = signatures.investigatorid",
        |inner| inner.investigator(search),
    );
    let order = "commands.starttime DESC, commands.id DESC";
    let rows = filter
        .run(tx, commands::COLUMNS, "commands", order, search)
        .await?;
    let mut found = commands::assembled(tx, &rows, true).await?;
    for command in &mut found {
        let agent = std::mem::take(&mut command.agent);
        command.agent = Agent {
            id: agent.id,
            name: agent.name,
            version: agent.version,
            tags: agent.tags,
            environment: agent.environment,
            ..Agent::default()
        };
    }
    Ok(found)
}

pub(super) async fn of_agents(tx: &Tx<'_>, search: &Search) -> Outcome<Vec<Agent>> {
    let mut filter = Filter::default();
    filter.agent(search);
    filter.like("agents.status", search.status.as_ref());
    filter.between("agents.heartbeattime", "agents.heartbeattime", search);
    filter.exists(
        "commands, actions WHERE commands.agentid = agents.id AND actions.id = commands.actionid",
        |inner| {
            inner.command(search);
            inner.action(search);
        },
    );
    filter.exists(
        "commands, signatures, investigators WHERE commands.agentid = agents.id
         AND signatures.actionid = commands.actionid
         AND investigators.id = signatures.investigatorid",
        |inner| inner.investigator(search),
    );
    let order = "agents.heartbeattime DESC, agents.id DESC";
    let rows = filter
        .run(tx, agents::COLUMNS, "agents", order, search)
        .await?;
    rows.iter().map(agents::from_row).collect()
}

pub(super) async fn of_investigators(tx: &Tx<'_>, search: &Search) -> Outcome<Vec<Investigator>> {
    let mut filter = Filter::default();
    filter.investigator(search);
    filter.like("investigators.status", search.status.as_ref());
    filter.between(
        "investigators.lastmodified",
        "investigators.lastmodified",
        search,
    );
    filter.exists(
        "signatures, actions WHERE signatures.investigatorid = investigators.id
         AND actions.id = signatures.actionid",
        |inner| inner.action(search),
    );
    filter.exists(
        "signatures, commands, agents WHERE signatures.investigatorid = investigators.id
         AND commands.actionid = signatures.actionid AND agents.id = commands.agentid",
        |inner| {
            inner.command(search);
            inner.agent(search);
        },
    );
    let rows = filter
        .run(
            tx,
            investigators::COLUMNS,
            "investigators",
            "investigators.id",
            search,
        )
        .await?;
    rows.iter()
        .map(|row| {
            let mut investigator = investigators::from_row(row)?;
            investigator.publickey.clear();
            Ok(investigator)
        })
        .collect()
}
