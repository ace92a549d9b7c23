//! Who may do what in the database.

use tokio_postgres::{GenericClient, Transaction};

use super::failure::{Failure, Outcome};

/// Owns the database and migrates it.
pub(super) const ADMIN: &str = "migadmin";
/// What the scheduler logs in as.
pub(super) const SCHEDULER: &str = "migscheduler";
/// What the API logs in as.
pub(super) const API: &str = "migapi";
/// For people and reports; the original's scheduler and API switched to it for
/// targets, which are no longer SQL of somebody else.
pub(super) const READONLY: &str = "migreadonly";

/// What each role may do, and nothing else. Nobody but the owner reads private
/// keys; only the API reads what it authenticates investigators with.
const RIGHTS: [(&str, &[&str]); 3] = [
    (
        SCHEDULER,
        &[
            "SELECT ON mig_schema, identifiers, actions, agents, commands, outbox, schedulers",
            "UPDATE (next) ON identifiers",
            "UPDATE (status, reason, starttime, finishtime, lastupdatetime) ON actions",
            "DELETE ON actions",
            // Its orders to end an agent, and whether its key may sign them.
            "INSERT ON actions, signatures",
            "SELECT (id, pgpfingerprint, status) ON investigators",
            "SELECT, INSERT, DELETE ON agents_stats",
            "INSERT, DELETE ON agents, commands, outbox, schedulers",
            "UPDATE ON agents",
            "UPDATE (status, results, verbatim, finishtime, answered, found) ON commands",
            "UPDATE (holder) ON outbox",
            "UPDATE (seen) ON schedulers",
        ],
    ),
    (
        API,
        &[
            "SELECT ON mig_schema, identifiers, actions, agents, commands, outbox, signatures",
            "SELECT (id, name, pgpfingerprint, publickey, status, createdat, lastmodified, \
             permissions, apikey, apisalt) ON investigators",
            "UPDATE (next) ON identifiers",
            "INSERT ON actions, signatures, agents",
            "UPDATE ON agents",
            "INSERT (name, pgpfingerprint, publickey, status, createdat, lastmodified, \
             permissions) ON investigators",
            "UPDATE (permissions, status, lastmodified, apikey, apisalt) ON investigators",
            "USAGE ON SEQUENCE investigators_id_seq",
        ],
    ),
    (
        READONLY,
        &[
            "SELECT ON actions, agents, agents_stats, commands, signatures",
            "SELECT (id, name, pgpfingerprint, publickey, status, createdat, lastmodified) \
             ON investigators",
        ],
    ),
];

/// Gives the roles that exist exactly their rights. What an original's database
/// granted goes, as far as the tables belong to whoever migrates.
pub(super) async fn grant(change: &Transaction<'_>) -> Outcome<()> {
    let owned = change
        .query(
            "SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END || oid::regclass::text
             FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v')
             AND pg_has_role(relowner, 'USAGE')",
            &[],
        )
        .await?;
    close_schema(change).await?;
    refuse_open_schema(change).await?;
    for (role, rights) in RIGHTS {
        let known = change
            .query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role])
            .await?;
        if known.is_none() {
            continue;
        }
        for thing in &owned {
            let thing: &str = thing.try_get(0)?;
            change
                .batch_execute(&format!("REVOKE ALL ON {thing} FROM {role}"))
                .await?;
        }
        for right in rights {
            change
                .batch_execute(&format!("GRANT {right} TO {role}"))
                .await?;
        }
    }
    Ok(())
}

/// Leaves it to the owner of the database to make things in the schema, as far as
/// whoever asks for it may. Functions and tables of others would be met by whoever
/// works on this database next, perhaps as a superuser.
pub(super) async fn close_schema(client: &impl GenericClient) -> Outcome<()> {
    let others: Vec<&str> = vec![SCHEDULER, API, READONLY];
    let known = client
        .query(
            "SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1)",
            &[&others],
        )
        .await?;
    let mut everybody = String::from("PUBLIC");
    for role in &known {
        everybody.push_str(", ");
        everybody.push_str(role.try_get(0)?);
    }
    client
        .batch_execute(&format!(
            "DO $$ BEGIN
                 IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
                     AND (SELECT nspowner <> datdba AND nspowner <> 'pg_database_owner'::regrole
                          FROM pg_namespace, pg_database
                          WHERE nspname = 'public' AND datname = current_database()) THEN
                     ALTER SCHEMA public OWNER TO pg_database_owner;
                 END IF;
                 IF (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace
                     WHERE nspname = 'public') THEN
                     REVOKE CREATE ON SCHEMA public FROM {everybody};
                 END IF;
             END $$"
        ))
        .await?;
    Ok(())
}

/// What could not be taken from our roles is said, with whom to ask. (Superusers
/// may do anything; [`super::remarks`] names them.)
async fn refuse_open_schema(change: &Transaction<'_>) -> Outcome<()> {
    let others: Vec<&str> = vec![SCHEDULER, API, READONLY];
    let open = change
        .query(
            "SELECT rolname::text, pg_get_userbyid(nspowner)::text FROM pg_roles, pg_namespace
             WHERE rolname = ANY ($1) AND NOT rolsuper AND nspname = 'public'
             AND has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'CREATE')
             ORDER BY 1",
            &[&others],
        )
        .await?;
    let Some(first) = open.first() else {
        return Ok(());
    };
    let owner: &str = first.try_get(1)?;
    let mut roles = Vec::new();
    for role in &open {
        roles.push(role.try_get::<_, &str>(0)?);
    }
    let roles = roles.join(", ");
    Err(Failure::refusal(
        "migrated the database",
        format!(
            "schema public belongs to {owner}, and {roles} may create things in it: let {owner} run \
             `ALTER SCHEMA public OWNER TO pg_database_owner; REVOKE CREATE ON SCHEMA public \
             FROM PUBLIC, {roles}` in this database first"
        ),
    ))
}
