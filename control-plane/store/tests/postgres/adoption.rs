//! Schemas: an original's database is taken over, others are refused.

use std::collections::HashSet;

use mig_protocol::{ActionStatus, AgentStatus, CommandStatus, Id, Time};
use mig_store::contract_tests::fixtures::{answer, at, ids};
use mig_store::postgres::administer::{self, Migrated};
use mig_store::{AnswerOutcome, Claim, Expired, PostgresStore, Search, Store, StoreError};
use mig_target::Target;
use mig_test_servers::Postgres;

use super::site::Site;

const ORIGINAL: &str = include_str!("data/original.sql");

/// Everything that a database has in the tables of this program.
fn shape(site: &Site) -> HashSet<String> {
    site.database
        .sql(
            "SELECT 'column', table_name, column_name, data_type, is_nullable, column_default
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name IN
                 ('actions', 'agents', 'commands', 'investigators', 'signatures', 'outbox',
                  'schedulers', 'identifiers', 'mig_schema')
             UNION ALL
             SELECT 'index', tablename, indexdef, '', '', '' FROM pg_indexes WHERE tablename IN
                 ('actions', 'agents', 'commands', 'investigators', 'signatures', 'outbox')
             UNION ALL
             SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
             FROM pg_constraint WHERE conrelid::regclass::text IN
                 ('actions', 'agents', 'commands', 'investigators', 'signatures', 'outbox')",
        )
        .lines()
        .map(str::to_owned)
        .collect()
}

async fn adopted() -> Option<Site> {
    let site = Site::empty(&Postgres::shared()?);
    site.database.sql(ORIGINAL);
    let before = administer::status(&site.access()).await.unwrap();
    assert_eq!((before.from, before.adopted), (0, true));
    let migrated = administer::migrate(&site.access()).await.unwrap();
    let expected = Migrated {
        from: 0,
        to: before.to,
        adopted: true,
    };
    assert_eq!(migrated, expected);
    Some(site)
}

#[tokio::test]
async fn an_originals_database_becomes_what_a_new_one_is() {
    let (Some(adopted), Some(new)) = (adopted().await, Site::new().await) else {
        return;
    };
    let (adopted, new) = (shape(&adopted), shape(&new));
    let missing: Vec<_> = new.difference(&adopted).collect();
    let more: Vec<_> = adopted.difference(&new).collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "{missing:#?} {more:#?}"
    );
    assert!(new.len() > 80, "{}", new.len());
}

#[tokio::test]
async fn nothing_of_an_originals_database_is_lost() {
    let Some(site) = adopted().await else {
        return;
    };
    let store = site.store().await;
    let done = store.action(Id(22_750_001)).await.unwrap().action;
    assert_eq!(done.status, ActionStatus::Completed);
    assert_eq!(
        (
            done.counters.success,
            done.counters.expired,
            done.counters.failed
        ),
        (1, 2, 1)
    );
    assert_eq!(done.investigators[0].name, "Ada");
    assert_eq!(
        (
            done.description.author.as_str(),
            done.threat.family.as_str()
        ),
        ("Ada", "audit")
    );
    assert_eq!(done.pgpsignatures, Some(vec!["sig1".into()]));
    let command = store.command(Id(33_750_001)).await.unwrap();
    assert_eq!(command.results()[0].elements["s1"][0], "\0");
    assert_eq!(command.agent.loadername, "loader1");
    assert_eq!(
        command.agent.heartbeatts,
        Time::parse("2019-09-02T10:00:00.123456Z").unwrap()
    );
    let expired = store.command(Id(33_750_002)).await.unwrap();
    assert_eq!(
        (expired.results().len(), expired.finishtime),
        (0, Time::FAR_FUTURE.truncated_to_micros())
    );

    // One row for a process, and no null.
    let statuses = [
        (11_750_001, AgentStatus::Offline),
        (11_750_002, AgentStatus::Online),
        (11_750_003, AgentStatus::Offline),
    ];
    for (id, status) in statuses {
        assert_eq!(store.agent(Id(id)).await.unwrap().status, status, "{id}");
    }
    let everybody = Search {
        limit: 9,
        ..Search::default()
    };
    let people = store.search_investigators(&everybody).await.unwrap();
    assert_eq!(ids(&people, |person| person.id), [1, 2, 3]);
    let secret = site
        .database
        .sql("SELECT privatekey FROM investigators WHERE id = 2");
    assert_eq!(secret.trim(), "\\x736563726574");
    let others = site.database.sql(
        "SELECT online_agents FROM agents_stats UNION ALL SELECT minimumweight FROM agtmodreq
         UNION ALL SELECT weight FROM invagtmodperm UNION ALL SELECT count(*) FROM manifestsig",
    );
    assert_eq!(
        others.split_whitespace().collect::<Vec<_>>(),
        ["2", "5", "9", "1"]
    );
}

#[tokio::test]
async fn what_an_original_left_undone_goes_on() {
    let Some(site) = adopted().await else {
        return;
    };
    let store = site.store().await;
    // It could not say that the action is in flight; the agent answers now.
    let stuck = store.action(Id(22_750_002)).await.unwrap().action;
    assert_eq!(stuck.status, ActionStatus::Inflight);
    let parameters = &stuck.operations.as_ref().unwrap()[0].parameters;
    assert_eq!(parameters["bytes"], "\0\\u0000");
    assert_eq!(
        (stuck.description.author.as_str(), stuck.name.as_str()),
        ("", "stuck")
    );
    assert!(store.outbox(Id(0), 9).await.unwrap().is_empty());
    let outcome = store
        .finish_commands(&[answer(33_750_003, "linux.a", at(0))])
        .await
        .unwrap();
    let stored = AnswerOutcome::Stored {
        action: Id(22_750_002),
        replaced_expired: false,
        completed: true,
    };
    assert_eq!(outcome, [stored]);
    // A result that came is not replaced.
    let outcome = store
        .finish_commands(&[answer(33_750_001, "linux.a", at(0))])
        .await
        .unwrap();
    assert_eq!(
        outcome,
        [AnswerOutcome::AlreadyAnswered {
            action: Id(22_750_001)
        }]
    );

    let now = Time::parse("2019-09-01T10:30:00Z").unwrap();
    let claim = Claim {
        now,
        abandoned_before: now,
        limit: 9,
    };
    let claimed = store.claim_actions(&claim).await.unwrap();
    assert_eq!(ids(&claimed, |action| action.id), [22_750_003]);
    assert!(store.issue_ids(1, Time::ZERO).await.unwrap().first.0 > 33_750_007);

    let text = "id IN (select agentid from commands, json_array_elements(commands.results) as r \
                where actionid=22750001 and r#>>'{foundanything}' = 'true')";
    let target = Target::parse(text).unwrap();
    let agents = store.agents_by_target(&target, at(0), 9).await.unwrap();
    assert_eq!(ids(&agents, |agent| agent.id), [11_750_002]);
    let found = Search {
        found_anything: Some(true),
        limit: 9,
        ..Search::default()
    };
    let commands = store.search_commands(&found).await.unwrap();
    assert!(ids(&commands, |command| command.id).contains(&33_750_001));
}

/// Years of it would otherwise be the first thing that schedulers have to do.
#[tokio::test]
async fn what_was_over_before_ends_with_the_migration() {
    let Some(site) = adopted().await else {
        return;
    };
    let store = site.store().await;
    let expiry = Time::parse("2019-09-01T11:00:00Z").unwrap();
    let stuck = store.action(Id(22_750_005)).await.unwrap().action;
    assert_eq!(
        (stuck.status, stuck.finishtime, stuck.counters.expired),
        (ActionStatus::Completed, expiry, 1)
    );
    let command = store.command(Id(33_750_005)).await.unwrap();
    assert_eq!(
        (command.status, command.finishtime),
        (CommandStatus::Expired, expiry)
    );
    let answered = store.command(Id(33_750_006)).await.unwrap();
    assert_eq!(answered.status, CommandStatus::Success);
    let forgotten = store.command(Id(33_750_007)).await.unwrap();
    assert_eq!(forgotten.status, CommandStatus::Expired);
    let waited = store.action(Id(22_750_006)).await.unwrap();
    assert_eq!(waited.action.status, ActionStatus::Invalid);
    assert_eq!(
        waited.reason.as_deref(),
        Some("expired before a scheduler took it up")
    );
    let due = store.expire_due(Time::now()).await.unwrap();
    assert_eq!(due, Expired::default());
    // An agent that answers after years is still heard.
    let outcome = store
        .finish_commands(&[answer(33_750_005, "linux.a", at(0))])
        .await
        .unwrap();
    let stored = AnswerOutcome::Stored {
        action: Id(22_750_005),
        replaced_expired: true,
        completed: false,
    };
    assert_eq!(outcome, [stored]);
}

#[tokio::test]
async fn a_schema_that_is_not_this_programs_is_refused_and_left_alone() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let site = Site::empty(&server);
    let refusal = async || PostgresStore::connect(site.access()).await.unwrap_err();
    let name = format!(
        "PostgreSQL database {} at 127.0.0.1:{}",
        site.database.name(),
        server.port()
    );
    assert_eq!(
        refusal().await.to_string(),
        format!(
            "{name}: the database has schema version 0, this program needs 2; \
             run `mig-scheduler database migrate`"
        )
    );
    site.database.sql("CREATE TABLE notes (x int)");
    assert!(matches!(refusal().await, StoreError::Corrupt { .. }));
    let error = administer::migrate(&site.access()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{name}: stored data cannot be understood: this is a database of another program")
    );
    site.database.sql("DROP TABLE notes");

    let new = administer::migrate(&site.access()).await.unwrap();
    assert_eq!((new.from, new.to, new.adopted), (0, 2, false));
    // Again, and by two at once.
    let access = site.access();
    let both = tokio::join!(administer::migrate(&access), administer::migrate(&access));
    assert_eq!((both.0.unwrap().from, both.1.unwrap().from), (2, 2));
    PostgresStore::connect(site.access()).await.unwrap();

    site.database.sql("INSERT INTO mig_schema VALUES (99)");
    let newer = format!(
        "{name}: the database has schema version 99, this program knows up to 2; use a newer program"
    );
    assert_eq!(refusal().await.to_string(), newer);
    let error = administer::migrate(&site.access()).await.unwrap_err();
    assert_eq!(error.to_string(), newer);
}

/// What was known before is no news, and nobody's table is taken from them.
#[tokio::test]
async fn a_database_of_version_1_is_brought_up_to_date() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (site, new) = (Site::empty(&server), Site::empty(&server));
    for tables in [
        include_str!("../../src/postgres/migrations/0001.sql"),
        include_str!("../../src/postgres/migrations/links.sql"),
        "CREATE TABLE mig_schema (
             version bigint PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now());
         INSERT INTO mig_schema (version) VALUES (1);
         INSERT INTO agents VALUES (7, 'a', 'linux.a', 'daemon', '1', 1, now(), now(), now(),
             now(), 'online', '{}', '{}')",
    ] {
        site.database.sql(tables);
    }
    let migrated = administer::migrate(&site.access()).await.unwrap();
    assert_eq!(
        (migrated.from, migrated.to, migrated.adopted),
        (1, 2, false)
    );
    administer::migrate(&new.access()).await.unwrap();
    assert_eq!(shape(&site), shape(&new));
    let store = site.store().await;
    assert_eq!(store.agent(Id(7)).await.unwrap().name, "a");
    let news = store.unannounced_agents(Time::ZERO, 9).await.unwrap();
    assert!(news.is_empty(), "{news:?}");
}

/// A migration that cannot finish leaves the database as it was.
#[tokio::test]
async fn a_migration_that_fails_changes_nothing() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let site = Site::empty(&server);
    site.database.sql(ORIGINAL);
    site.database
        .sql("CREATE VIEW mine AS SELECT name FROM agents");
    let before = shape(&site);
    let error = administer::migrate(&site.access()).await.unwrap_err();
    assert!(!error.to_string().contains('\n'), "{error}");
    assert_eq!(shape(&site), before);
    site.database.sql("DROP VIEW mine");
    administer::migrate(&site.access()).await.unwrap();
}
