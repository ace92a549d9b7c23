//! What an operator does with a database: create, migrate, look.

use postgres_protocol::password::scram_sha_256;
use rand::RngExt;
use tokio_postgres::{Client, NoTls};

use super::access::{PostgresAccess, SslMode};
use super::failure::{Failure, Outcome};
use super::hosts::Hosts;
use super::migrations::{self, Found, NEWEST};
use super::planted;
use super::roles::{self, ADMIN, API, READONLY, SCHEDULER};
use crate::{StoreError, StoreResult};

/// Keeps two from creating at once: `MIG` and a number.
const LOCK: i64 = 0x4d49_4700_0003;

/// Letters and digits of a generated password.
const PASSWORD_LENGTH: usize = 40;

/// How an administrator of the server logs in: locally over the socket's
/// directory (as the system user `postgres`, without a password), or remotely.
#[derive(Clone)]
pub struct AdminAccess {
    /// As [`PostgresAccess::host`].
    pub host: String,
    /// As [`PostgresAccess::port`].
    pub port: u16,
    /// A superuser, or a role that may create roles and databases.
    pub user: String,
    /// Its password; empty for none.
    pub password: String,
    /// How the connection is protected.
    pub sslmode: SslMode,
    /// As [`PostgresAccess::ca`].
    pub ca: Option<std::path::PathBuf>,
}

impl std::fmt::Debug for AdminAccess {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "AdminAccess({}@{}:{}, sslmode {})",
            self.user, self.host, self.port, self.sslmode
        )
    }
}

impl AdminAccess {
    fn to(&self, dbname: &str) -> PostgresAccess {
        PostgresAccess {
            host: self.host.clone(),
            port: self.port,
            dbname: dbname.to_owned(),
            user: self.user.clone(),
            password: self.password.clone(),
            sslmode: self.sslmode,
            ca: self.ca.clone(),
            maxconn: None,
        }
    }
}

/// A role that logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// `migadmin`, `migscheduler` or `migapi`.
    pub role: &'static str,
    /// The password it has now; `None` when it was there before and keeps its own.
    pub password: Option<String>,
}

/// What [`create`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Whether the database is new.
    pub new: bool,
    /// What became of its schema.
    pub migrated: Migrated,
    /// The roles that log in: owner, scheduler, API.
    pub credentials: Vec<Credential>,
}

/// What a database was before and is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version before; 0 for a database without a schema of ours.
    pub from: i64,
    /// The version now.
    pub to: i64,
    /// Whether the database was an original's, whose rows were taken over.
    pub adopted: bool,
}

impl Migrated {
    fn of(found: Found, to: i64) -> Migrated {
        Migrated {
            from: match found {
                Found::Version(version) => version,
                _ => 0,
            },
            to,
            adopted: found == Found::Original,
        }
    }
}

/// Creates database, owner and roles with generated passwords, as far as they
/// are not there, and migrates the database. With `new_passwords` roles that are
/// there get new passwords too. Can be repeated; if it fails in the middle,
/// repeating it goes on from there (with `new_passwords`, since passwords that
/// were generated before are not shown again).
///
/// # Errors
/// [`StoreError::Unreachable`]; [`StoreError::Database`] when the administrator
/// may not do what is needed; [`StoreError::Corrupt`] for a database of another
/// program.
pub async fn create(
    admin: &AdminAccess,
    dbname: &str,
    new_passwords: bool,
) -> StoreResult<Created> {
    let access = admin.to("postgres");
    let server = connect(&access).await?;
    let failed = |failure: Failure| failure.into_store("created the database", &access.to_string());
    let credentials = log_ins(&server, new_passwords).await.map_err(failed)?;
    let new = database(&server, dbname).await.map_err(failed)?;
    let access = admin.to(dbname);
    let mut inside = connect(&access).await?;
    let failed =
        |failure: Failure| failure.into_store("migrated the database", &access.to_string());
    schema(&inside).await.map_err(failed)?;
    let found = migrations::migrate(&mut inside, &access.to_string())
        .await
        .map_err(failed)?;
    Ok(Created {
        new,
        migrated: Migrated::of(found, NEWEST),
        credentials,
    })
}

/// Brings a database to the newest schema, an original's in place, and gives the
/// roles that exist the rights they need: all of it or nothing. `access` is the
/// database's owner or a superuser.
///
/// # Errors
/// [`StoreError::NewerSchema`]; [`StoreError::Corrupt`] for a database of
/// another program; [`StoreError::Database`] when the role may not do it.
pub async fn migrate(access: &PostgresAccess) -> StoreResult<Migrated> {
    let mut client = connect(access).await?;
    let found = migrations::migrate(&mut client, &access.to_string())
        .await
        .map_err(|failure| failure.into_store("migrated the database", &access.to_string()))?;
    Ok(Migrated::of(found, NEWEST))
}

/// What a database is: its version (0 without a schema of ours), the one that
/// this program needs, and whether it is an original's.
///
/// # Errors
/// [`StoreError::Unreachable`]; [`StoreError::Database`] when the role may not
/// look.
pub async fn status(access: &PostgresAccess) -> StoreResult<Migrated> {
    let mut client = connect(access).await?;
    let found = async {
        let look = client.transaction().await?;
        migrations::look(&look).await
    };
    let failed = |failure: Failure| failure.into_store("looked at the schema", &access.to_string());
    let found = found.await.map_err(failed)?;
    if found == Found::Foreign {
        return Err(StoreError::Corrupt {
            what: access.to_string(),
            reason: "this is a database of another program".into(),
        });
    }
    Ok(Migrated::of(found, NEWEST))
}

/// How much an original's database holds, for people; `None` for any other.
///
/// # Errors
/// As [`status`].
pub async fn size_of_original(access: &PostgresAccess) -> StoreResult<Option<String>> {
    let mut client = connect(access).await?;
    let size = async {
        let look = client.transaction().await?;
        if migrations::look(&look).await? != Found::Original {
            return Ok(None);
        }
        let size = look
            .query_one(
                "SELECT pg_size_pretty(pg_database_size(current_database()))",
                &[],
            )
            .await?;
        Ok(Some(size.try_get(0)?))
    };
    let failed = |failure: Failure| failure.into_store("looked at the schema", &access.to_string());
    size.await.map_err(failed)
}

/// What an operator should know of a database although it works, a line each.
///
/// # Errors
/// [`StoreError::Unreachable`].
pub async fn remarks(access: &PostgresAccess) -> StoreResult<Vec<String>> {
    let mut client = connect(access).await?;
    let found = async {
        let look = client.transaction().await?;
        super::remarks::of(&look, access.has_several_hosts()).await
    };
    let failed = |failure: Failure| failure.into_store("looked at the server", &access.to_string());
    found.await.map_err(failed)
}

/// One connection outside the pool.
async fn connect(access: &PostgresAccess) -> StoreResult<Client> {
    let hosts = Hosts::new(access, "mig administration");
    let connected = match access.tls()?.connector() {
        Some(tls) => hosts.reach(tls).await.map(|(client, connection)| {
            // Its end is seen by whoever uses the client.
            tokio::spawn(async move { drop(connection.await) });
            client
        }),
        None => hosts.reach(NoTls).await.map(|(client, connection)| {
            tokio::spawn(async move { drop(connection.await) });
            client
        }),
    };
    let client = connected.map_err(|error| access.unreachable(error))?;
    planted::refuse(&client)
        .await
        .map_err(|failure| failure.into_store("looked at the functions", &access.to_string()))?;
    Ok(client)
}

/// Roles belong to the server, not to a database.
async fn log_ins(server: &Client, new_passwords: bool) -> Outcome<Vec<Credential>> {
    server
        .query("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await?;
    let known = async |role: &str| -> Outcome<bool> {
        let found = server
            .query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role])
            .await?;
        Ok(found.is_some())
    };
    let mut credentials = Vec::new();
    for role in [ADMIN, SCHEDULER, API] {
        // Only a superuser may say what a role that exists is not, even if it is not.
        let (action, nothing_else) = match known(role).await? {
            true if !new_passwords => {
                credentials.push(Credential {
                    role,
                    password: None,
                });
                continue;
            }
            true => ("ALTER", ""),
            false => (
                "CREATE",
                "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION",
            ),
        };
        let password = password();
        // The verifier: neither the server nor its log sees the password.
        let verifier = scram_sha_256(password.as_bytes());
        server
            .batch_execute(&format!(
                "{action} ROLE {role} LOGIN {nothing_else} PASSWORD '{verifier}'"
            ))
            .await?;
        credentials.push(Credential {
            role,
            password: Some(password),
        });
    }
    if !known(READONLY).await? {
        server
            .batch_execute(&format!("CREATE ROLE {READONLY} NOLOGIN"))
            .await?;
    }
    // An original's roles were members of it, which they need no longer.
    for role in [SCHEDULER, API] {
        server
            .batch_execute(&format!("REVOKE {READONLY} FROM {role}"))
            .await?;
    }
    Ok(credentials)
}

fn password() -> String {
    let mut random = rand::rng();
    (0..PASSWORD_LENGTH)
        .map(|_| char::from(random.sample(rand::distr::Alphanumeric)))
        .collect()
}

/// Creates the database if it is not there; nobody but our roles may connect.
async fn database(server: &Client, dbname: &str) -> Outcome<bool> {
    let found = server
        .query_opt("SELECT FROM pg_database WHERE datname = $1", &[&dbname])
        .await?;
    let name = quoted(dbname);
    // Who is no superuser gives a database only to a role it is a member of.
    let superuser: bool = server
        .query_one(
            "SELECT usesuper FROM pg_user WHERE usename = current_user",
            &[],
        )
        .await?
        .try_get(0)?;
    if !superuser {
        server
            .batch_execute(&format!("GRANT {ADMIN} TO CURRENT_USER"))
            .await?;
    }
    if found.is_none() {
        let create =
            format!("CREATE DATABASE {name} OWNER {ADMIN} TEMPLATE template0 ENCODING 'UTF8'");
        // Letters of all scripts are compared without regard to case; a server
        // without that locale takes its own.
        let with_locale = format!("{create} LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'");
        if server.batch_execute(&with_locale).await.is_err() {
            server.batch_execute(&create).await?;
        }
    }
    server
        .batch_execute(&format!(
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC;
             GRANT CONNECT ON DATABASE {name} TO {SCHEDULER}, {API}, {READONLY}"
        ))
        .await?;
    Ok(found.is_none())
}

/// Prepares the schema for the migration, which is the owner's work: tables of
/// an original's database that belong to somebody else stay theirs.
async fn schema(inside: &Client) -> Outcome<()> {
    let owner: String = inside
        .query_one(
            "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()",
            &[],
        )
        .await?
        .try_get(0)?;
    // Whoever installed the original owns this table; the others go on reading it.
    inside
        .batch_execute(
            "DO $$ BEGIN
                 IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.agents_stats')
                     AND pg_has_role(relowner, 'USAGE')) THEN
                     EXECUTE format('ALTER TABLE public.agents_stats OWNER TO %I',
                         (SELECT pg_get_userbyid(datdba) FROM pg_database
                          WHERE datname = current_database()));
                 END IF;
             END $$",
        )
        .await?;
    // While it can be done: before version 15 the schema was the superuser's, and
    // everybody's to create in.
    roles::close_schema(inside).await?;
    inside
        .batch_execute(&format!("SET ROLE {}", quoted(&owner)))
        .await?;
    inside
        .batch_execute(&format!(
            "GRANT USAGE ON SCHEMA public TO {SCHEDULER}, {API}, {READONLY}"
        ))
        .await?;
    Ok(())
}

/// A name in a statement.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\"").replace('\0', ""))
}
