//! Creating a database, and what its roles may and may not do.

use std::collections::BTreeSet;
use std::sync::Arc;

use mig_protocol::{Id, Permissions, Time};
use mig_store::contract_tests::fixtures::{
    action, agent, answer, at, claimed, heard, investigator, start, stored,
};
use mig_store::postgres::administer::{self, AdminAccess, Created};
use mig_store::{
    AgeLimits, ApiKeyChange, DestroyOrder, Holding, InvestigatorUpdate, PostgresAccess,
    PostgresStore, Retention, Search, SslMode, StatisticsRound, Store, StoreError,
};
use mig_target::Target;
use mig_test_servers::Postgres;

/// Roles belong to a whole server, so each test has one of its own.
struct Server {
    server: Arc<Postgres>,
    created: Created,
}

pub fn admin(server: &Postgres) -> AdminAccess {
    AdminAccess {
        host: server.socket_dir().display().to_string(),
        port: server.port(),
        user: server.superuser().into(),
        password: String::new(),
        sslmode: SslMode::Disable,
        ca: None,
    }
}

impl Server {
    async fn new() -> Option<Server> {
        let server = Arc::new(Postgres::start()?);
        let created = administer::create(&admin(&server), "mig", false)
            .await
            .expect("created");
        Some(Server { server, created })
    }

    fn access(&self, role: &str) -> PostgresAccess {
        let mut all = self.created.credentials.iter();
        let credential = all
            .find(|credential| credential.role == role)
            .expect("a role");
        PostgresAccess {
            host: "127.0.0.1".into(),
            port: self.server.port(),
            dbname: "mig".into(),
            user: role.into(),
            password: credential.password.clone().expect("a password"),
            sslmode: SslMode::VerifyFull,
            ca: Some(self.server.ca()),
            maxconn: None,
        }
    }

    async fn store(&self, role: &str) -> PostgresStore {
        PostgresStore::connect(self.access(role))
            .await
            .expect("connected")
    }
}

/// A whole investigation, each step as the role that takes it.
#[tokio::test]
async fn each_role_can_do_its_work() {
    let Some(server) = Server::new().await else {
        return;
    };
    let (api, scheduler) = (
        server.store("migapi").await,
        server.store("migscheduler").await,
    );
    let ada = investigator(&api, "Ada", "aa11").await;
    let update = InvestigatorUpdate {
        permissions: Some(Permissions::ALL),
        api_key: Some(ApiKeyChange::Set {
            salt: vec![1],
            hash: vec![2],
        }),
        ..InvestigatorUpdate::default()
    };
    api.update_investigator(ada, &update, at(0)).await.unwrap();
    assert_eq!(api.api_keys().await.unwrap().len(), 1);
    assert_eq!(api.active_investigators().await.unwrap().len(), 1);
    assert_eq!(
        api.investigator_by_fingerprint("AA11").await.unwrap().id,
        ada
    );
    api.investigator(ada).await.unwrap();
    let a = heard(&api, &agent("a", "linux.a", 1), at(0)).await;
    let b = heard(&scheduler, &agent("b", "linux.b", 1), at(0)).await;
    let ids = api.issue_ids(1, Time::now()).await.unwrap();
    stored(&api, &action(ids.first.0, "go"), &[ada]).await;

    let target = Target::parse("environment->>'os' = 'linux'").unwrap();
    assert_eq!(
        scheduler
            .agents_by_target(&target, at(0), 9)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        api.agents_by_target(&target, at(0), 9).await.unwrap().len(),
        2
    );
    assert_eq!(claimed(&scheduler, at(1)).await, [ids.first]);
    let commands = scheduler.issue_ids(2, Time::now()).await.unwrap().first.0;
    let both = [(commands, a, "linux.a"), (commands + 1, b, "linux.b")];
    scheduler
        .start_action(&start(ids.first.0, &both))
        .await
        .unwrap();
    let holding = Holding {
        holder: 7,
        now: at(3),
        abandoned_before: at(0),
    };
    assert_eq!(
        scheduler
            .take_outbox(&holding, Id(0), 9)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(scheduler.outbox(Id(0), 9).await.unwrap().len(), 2);
    scheduler.outbox_done(&[Id(commands)]).await.unwrap();
    scheduler.release_outbox(7).await.unwrap();
    scheduler
        .finish_commands(&[answer(commands, "linux.a", at(4))])
        .await
        .unwrap();
    assert!(scheduler.next_deadline(at(4)).await.unwrap().is_some());
    assert_eq!(scheduler.expire_due(at(600)).await.unwrap().commands, 1);
    stored(&api, &action(ids.first.0 + 1000, "never"), &[]).await;
    scheduler
        .invalidate_action(Id(ids.first.0 + 1000), "no", at(5))
        .await
        .unwrap();

    let everything = Search {
        limit: 9,
        ..Search::default()
    };
    assert_eq!(api.search_actions(&everything).await.unwrap().len(), 2);
    assert_eq!(api.search_commands(&everything).await.unwrap().len(), 2);
    assert_eq!(api.search_agents(&everything).await.unwrap().len(), 2);
    assert_eq!(
        api.search_investigators(&everything).await.unwrap().len(),
        1
    );
    assert_eq!(api.latest_actions(9).await.unwrap().len(), 2);
    api.action(ids.first).await.unwrap();
    api.action_progress(ids.first).await.unwrap();
    api.command(Id(commands)).await.unwrap();
    api.agent(a).await.unwrap();
    api.agent_statistics(at(9)).await.unwrap();
    let silent = AgeLimits {
        idle_before: at(700),
        offline_before: at(700),
    };
    let never = scheduler.agent(b).await.unwrap().destructiontime;
    let order = DestroyOrder {
        agent: b,
        destroyed_before: never,
        action: action(ids.first.0 + 2000, "Kill agent b"),
        signer: "aa11".into(),
        now: at(6),
    };
    scheduler.destroy_agent(&order).await.unwrap();
    assert!(
        scheduler
            .record_statistics(&round(7))
            .await
            .unwrap()
            .written
    );
    let duplicates = scheduler.duplicate_agents(at(0), "", 9).await;
    assert_eq!(duplicates.unwrap(), []);
    let news = scheduler.unannounced_agents(at(0), 9).await.unwrap();
    assert_eq!(news.len(), 2);
    assert_eq!(scheduler.announce_agents(&[a, b]).await.unwrap().len(), 2);
    scheduler.age_agents(silent).await.unwrap();
    scheduler.age_agents(silent).await.unwrap();
    let gone = scheduler.lost_queues(at(700), "", 9).await.unwrap();
    assert_eq!(gone, ["linux.a", "linux.b"]);
    scheduler.queues_deleted(&gone, at(700)).await.unwrap();
    assert_eq!(
        scheduler
            .expire_due(at(600))
            .await
            .unwrap()
            .invalidated
            .len(),
        1
    );
    let pruned = scheduler.prune(old(1000)).await.unwrap();
    assert_eq!((pruned.actions, pruned.commands, pruned.agents), (3, 2, 2));
}

fn old(before: i64) -> Retention {
    Retention {
        before: at(before),
        queues_before: at(before),
    }
}

fn round(now: i64) -> StatisticsRound {
    StatisticsRound {
        now: at(now),
        none_since: at(now - 1),
        keep_since: at(-1000),
    }
}

/// What a role may do with which table, or with which column where it may not
/// with the whole table.
pub fn rights(server: &Postgres, role: &str) -> BTreeSet<String> {
    let rights = server.sql(
        "mig",
        &format!(
            "SELECT lower(privilege), relname FROM pg_class,
                 unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
                     'TRIGGER']) AS privilege
             WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
             AND has_table_privilege('{role}', pg_class.oid, privilege)
             UNION ALL
             SELECT lower(privilege), relname || '.' || attname FROM pg_class
             JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped,
                 unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS privilege
             WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
             AND has_column_privilege('{role}', pg_class.oid, attnum, privilege)
             AND NOT has_table_privilege('{role}', pg_class.oid, privilege)
             UNION ALL
             SELECT 'sequence', relname FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND CASE relkind WHEN 'S'
                 THEN has_sequence_privilege('{role}', pg_class.oid, 'USAGE, SELECT, UPDATE') END
             UNION ALL
             SELECT 'may', privilege FROM unnest(ARRAY['CREATE', 'TEMPORARY']) AS privilege
             WHERE has_database_privilege('{role}', 'mig', privilege)
             UNION ALL
             SELECT 'may create in', nspname FROM pg_namespace
             WHERE has_schema_privilege('{role}', oid, 'CREATE')
             UNION ALL
             SELECT 'is', rolname FROM pg_roles
             WHERE rolname <> '{role}' AND pg_has_role('{role}', oid, 'MEMBER')
             UNION ALL
             SELECT 'is more than others', rolname FROM pg_roles WHERE rolname = '{role}'
             AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)"
        ),
    );
    rights.lines().map(|line| line.replace('|', " ")).collect()
}

fn expected(lines: &[(&str, &str, &str)]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (privileges, table, columns) in lines {
        for privilege in privileges.split(' ') {
            for column in columns.split(' ') {
                let dot = if column.is_empty() { "" } else { "." };
                all.insert(format!("{privilege} {table}{dot}{column}"));
            }
        }
    }
    all
}

/// What a role may do; everything else is denied.
pub fn allowed(role: &str) -> BTreeSet<String> {
    let scheduler = [
        ("select", "mig_schema", ""),
        ("select", "identifiers", ""),
        ("update", "identifiers", "next"),
        ("select insert delete", "actions", ""),
        ("insert", "signatures", ""),
        ("select", "investigators", "id pgpfingerprint status"),
        ("select insert delete", "agents_stats", ""),
        (
            "update",
            "actions",
            "status reason starttime finishtime lastupdatetime",
        ),
        ("select insert update delete", "agents", ""),
        ("select insert delete", "commands", ""),
        (
            "update",
            "commands",
            "status results verbatim finishtime answered found",
        ),
        ("select insert delete", "outbox", ""),
        ("update", "outbox", "holder"),
        ("select insert delete", "schedulers", ""),
        ("update", "schedulers", "seen"),
    ];
    let api = [
        ("select", "mig_schema", ""),
        ("select", "identifiers", ""),
        ("update", "identifiers", "next"),
        ("select insert", "actions", ""),
        ("select insert", "signatures", ""),
        ("select insert update", "agents", ""),
        ("select", "commands", ""),
        ("select", "outbox", ""),
        (
            "select",
            "investigators",
            "id name pgpfingerprint publickey status createdat lastmodified permissions apikey apisalt",
        ),
        (
            "insert",
            "investigators",
            "name pgpfingerprint publickey status createdat lastmodified permissions",
        ),
        (
            "update",
            "investigators",
            "permissions status lastmodified apikey apisalt",
        ),
        ("sequence", "investigators_id_seq", ""),
    ];
    let readonly = [
        ("select", "actions", ""),
        ("select", "agents", ""),
        ("select", "agents_stats", ""),
        ("select", "commands", ""),
        ("select", "signatures", ""),
        (
            "select",
            "investigators",
            "id name pgpfingerprint publickey status createdat lastmodified",
        ),
    ];
    match role {
        "migscheduler" => expected(&scheduler),
        "migapi" => expected(&api),
        "migreadonly" => expected(&readonly),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn no_role_may_do_more_than_its_work() {
    let Some(server) = Server::new().await else {
        return;
    };
    for role in ["migscheduler", "migapi", "migreadonly"] {
        assert_eq!(rights(&server.server, role), allowed(role), "{role}");
    }
    let owner = rights(&server.server, "migadmin");
    for more in [
        "is migapi",
        "is postgres",
        "is pg_read_server_files",
        "is more than others migadmin",
    ] {
        assert!(!owner.contains(more), "{more}");
    }

    // The database says so too, in a way that shows nothing of the statement.
    let scheduler = server.store("migscheduler").await;
    let refused = [
        scheduler.investigator(Id(1)).await.err(),
        scheduler.active_investigators().await.err(),
        scheduler.api_keys().await.err(),
        scheduler
            .update_investigator(Id(1), &InvestigatorUpdate::default(), at(0))
            .await
            .err(),
    ];
    let api = server.store("migapi").await;
    let more = [
        api.prune(old(0)).await.err(),
        api.record_statistics(&round(0)).await.err(),
        api.expire_due(at(0)).await.err(),
    ];
    for error in refused.into_iter().chain(more) {
        let error = error.expect("denied");
        let StoreError::Database { source, .. } = &error else {
            panic!("{error}");
        };
        let line = format!("{error}: {source}");
        assert!(line.contains("permission denied for table"), "{line}");
        assert!(
            !line.contains("SELECT") && !line.contains("UPDATE"),
            "{line}"
        );
    }
}
