//! Creating a database, also over an original's, and what is said about it.

use std::sync::Arc;

use mig_store::postgres::administer::{self, AdminAccess};
use mig_store::{PostgresAccess, PostgresStore, SslMode, StoreError};
use mig_test_servers::Postgres;

use super::roles::{admin, allowed, rights};

fn access(server: &Postgres, role: &str, password: &str) -> PostgresAccess {
    PostgresAccess {
        host: "localhost".into(),
        port: server.port(),
        dbname: "mig".into(),
        user: role.into(),
        password: password.into(),
        sslmode: SslMode::Require,
        ca: None,
        maxconn: Some(1),
    }
}

/// Why a migration as the owner is refused, as far as only the source says it.
async fn refusal(owner: &PostgresAccess) -> String {
    let refused = administer::migrate(owner).await.unwrap_err();
    let StoreError::Database { source, .. } = &refused else {
        panic!("{refused}");
    };
    source.to_string()
}

#[tokio::test]
async fn creating_can_be_repeated_and_takes_an_originals_database_over() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let server = Arc::new(server);
    // As the original's script leaves it: its roles, of which two read all.
    server.sql(
        "postgres",
        "CREATE ROLE migadmin LOGIN PASSWORD 'old'; CREATE ROLE migscheduler LOGIN PASSWORD 'old';
         CREATE ROLE migreadonly; CREATE ROLE migapi LOGIN PASSWORD 'old';
         GRANT migreadonly TO migapi; GRANT migreadonly TO migscheduler",
    );
    server.sql("postgres", "CREATE DATABASE mig OWNER migadmin");
    // As servers of that time made databases.
    server.sql(
        "mig",
        "ALTER SCHEMA public OWNER TO postgres; GRANT ALL ON SCHEMA public TO PUBLIC",
    );
    let original = format!("SET ROLE migadmin; {}", include_str!("data/original.sql"));
    server.sql("mig", &original);
    server.sql(
        "mig",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO migscheduler",
    );
    server.sql("mig", "ALTER TABLE agents_stats OWNER TO postgres");

    // The owner of the rest cannot take over what is not its own, and says whose
    // word it needs.
    let owner = access(&server, "migadmin", "old");
    let refused = refusal(&owner).await;
    assert!(
        refused.contains(
            "table agents_stats belongs to postgres: let postgres run \
             `ALTER TABLE agents_stats OWNER TO migadmin`"
        ),
        "{refused}"
    );
    // Nor can it keep others from making functions that it would meet.
    server.sql("mig", "ALTER TABLE agents_stats OWNER TO migadmin");
    let refused = refusal(&owner).await;
    assert!(
        refused.contains(
            "schema public belongs to postgres, and migapi, migreadonly, migscheduler may create \
             things in it: let postgres run \
             `ALTER SCHEMA public OWNER TO pg_database_owner; REVOKE CREATE ON SCHEMA public"
        ),
        "{refused}"
    );
    server.sql("mig", "ALTER TABLE agents_stats OWNER TO postgres");

    let first = administer::create(&admin(&server), "mig", false)
        .await
        .unwrap();
    assert_eq!((first.new, first.migrated.adopted), (false, true));
    let kept = first
        .credentials
        .iter()
        .all(|credential| credential.password.is_none());
    assert!(kept, "passwords stay");
    let mut scheduler = access(&server, "migscheduler", "old");
    PostgresStore::connect(scheduler.clone()).await.unwrap();
    for role in ["migscheduler", "migapi", "migreadonly"] {
        assert_eq!(rights(&server, role), allowed(role), "{role}");
    }
    // The planner knows what was written anew.
    let known = server.sql(
        "mig",
        "SELECT reltuples FROM pg_class WHERE oid = 'public.commands'::regclass",
    );
    let rows = server.sql("mig", "SELECT count(*) FROM commands");
    assert_eq!(known, rows);

    // The original's scheduler had its key in there; who may not read it is not told.
    let remarks = administer::remarks(&owner).await.unwrap();
    assert_eq!(remarks.len(), 1, "{remarks:?}");
    assert!(
        remarks[0].contains("the private key of investigator migscheduler lies in the database")
            && remarks[0].contains("`UPDATE investigators SET privatekey = NULL`"),
        "{remarks:?}"
    );
    let told = administer::remarks(&scheduler).await.unwrap();
    assert!(told.is_empty(), "{told:?}");
    server.sql("mig", "UPDATE investigators SET privatekey = NULL");
    let remarks = administer::remarks(&owner).await.unwrap();
    assert!(remarks.is_empty(), "{remarks:?}");

    let remote = AdminAccess {
        host: "127.0.0.1".into(),
        password: server.password().into(),
        sslmode: SslMode::Require,
        ..admin(&server)
    };
    let second = administer::create(&remote, "mig", true).await.unwrap();
    assert_eq!(
        (second.new, second.migrated.from, second.migrated.adopted),
        (false, first.migrated.to, false)
    );
    let roles: Vec<_> = second
        .credentials
        .iter()
        .map(|credential| credential.role)
        .collect();
    assert_eq!(roles, ["migadmin", "migscheduler", "migapi"]);
    let error = PostgresStore::connect(scheduler.clone()).await.unwrap_err();
    assert!(
        error.to_string().contains("password authentication failed"),
        "{error}"
    );
    scheduler.password = second.credentials[1].password.clone().unwrap();
    assert!(
        scheduler.password.len() >= 32 && !format!("{scheduler:?}").contains(&scheduler.password)
    );
    PostgresStore::connect(scheduler).await.unwrap();

    let wrong = AdminAccess {
        password: "wrong".into(),
        ..remote
    };
    let error = administer::create(&wrong, "mig", false).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
}

/// No superuser is needed, neither the first time nor for new passwords; what only
/// a superuser could change is said.
#[tokio::test]
async fn who_may_create_roles_and_databases_creates_and_renews() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.sql("postgres", "CREATE ROLE operator LOGIN CREATEROLE CREATEDB");
    let operator = AdminAccess {
        user: "operator".into(),
        ..admin(&server)
    };
    let first = administer::create(&operator, "mig", false).await.unwrap();
    assert!(first.new);
    for role in ["migscheduler", "migapi", "migreadonly"] {
        assert_eq!(rights(&server, role), allowed(role), "{role}");
    }
    let again = administer::create(&operator, "mig", true).await.unwrap();
    assert!(!again.new);
    let password = again.credentials[2].password.clone().unwrap();
    let api = access(&server, "migapi", &password);
    let store = PostgresStore::connect(api.clone()).await.unwrap();
    let remarks = store.remarks().await.unwrap();
    assert!(remarks.is_empty(), "{remarks:?}");

    server.sql("postgres", "ALTER ROLE migapi SUPERUSER CREATEDB");
    let remarks = store.remarks().await.unwrap();
    assert_eq!(
        remarks,
        [
            "role migapi may do more than its work needs; let a superuser run \
             `ALTER ROLE migapi NOSUPERUSER NOCREATEDB`"
        ]
    );
    server.sql("postgres", "ALTER ROLE migapi NOSUPERUSER NOCREATEDB");

    // Another server that may take over has what was confirmed only if somebody
    // waits for that.
    let both = PostgresAccess {
        host: "localhost,127.0.0.1".into(),
        ..api
    };
    let remarks = administer::remarks(&both).await.unwrap();
    assert!(
        remarks.len() == 1 && remarks[0].contains("set synchronous_standby_names"),
        "{remarks:?}"
    );
}

/// Whoever could make functions in an original's database is not run by who migrates
/// it; what an extension brought is no matter.
#[tokio::test]
async fn what_was_planted_in_a_database_is_named_and_not_run() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.sql("postgres", "CREATE ROLE migapi LOGIN");
    server.sql("postgres", "CREATE DATABASE mig");
    server.sql("mig", "GRANT ALL ON SCHEMA public TO PUBLIC");
    server.sql("mig", "CREATE EXTENSION citext SCHEMA public");
    server.sql(
        "mig",
        "SET ROLE migapi;
         CREATE FUNCTION public.same(name, varchar) RETURNS boolean LANGUAGE plpgsql AS
             'BEGIN RAISE EXCEPTION ''it ran''; END';
         CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = varchar, FUNCTION = public.same);
         CREATE FUNCTION public.concat(integer) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'",
    );
    let refused = administer::create(&admin(&server), "mig", false)
        .await
        .unwrap_err();
    let StoreError::Database { source, .. } = &refused else {
        panic!("{refused}");
    };
    let source = source.to_string();
    assert!(
        source.contains(
            "function public.concat(integer), operator public.=(name,character varying) would run"
        ),
        "{source}"
    );
    let tables = server.sql(
        "mig",
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    );
    assert_eq!(tables.trim(), "0", "nothing was done");

    server.sql(
        "mig",
        "DROP OPERATOR public.= (name, varchar); DROP FUNCTION public.concat(integer)",
    );
    // Nothing of PostgreSQL's has that name.
    let kept = server.sql("mig", "SELECT to_regproc('public.same')");
    assert_eq!(kept.trim(), "same");
    administer::create(&admin(&server), "mig", false)
        .await
        .unwrap();
}
