//! Who may do what in the database.

use tokio_postgres::Transaction;

use super::failure::Outcome;

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
