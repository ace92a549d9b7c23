//! Functions and operators that somebody left in a database to be run by whoever
//! works on it next, perhaps as a superuser. PostgreSQL takes a function of any schema
//! of the search path when it fits the arguments better than its own of that name
//! (CVE-2018-1058), and before version 15 everybody could make some in `public`.

use tokio_postgres::GenericClient;

use super::failure::Outcome;

/// Fails when there are any, and names them. Extensions may have what they like: only
/// the database's owner or a superuser installs those.
///
/// # Errors
/// SQLSTATE 55000 with the first three of them; whatever the connection fails with.
pub(super) async fn refuse(client: &impl GenericClient) -> Outcome<()> {
    // The question itself must not meet one.
    client.batch_execute("SET search_path = pg_catalog").await?;
    client
        .batch_execute(
            "DO $$ DECLARE planted text;
             BEGIN
                 SELECT string_agg(what, ', ') INTO planted FROM (
                     SELECT 'function ' || theirs.oid::regprocedure AS what
                     FROM pg_proc AS theirs
                     WHERE pronamespace = to_regnamespace('public')
                     AND EXISTS (SELECT FROM pg_proc AS own WHERE own.proname = theirs.proname
                         AND own.pronamespace = to_regnamespace('pg_catalog'))
                     AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = theirs.oid
                         AND classid = 'pg_proc'::regclass AND deptype = 'e')
                     UNION ALL
                     SELECT 'operator ' || theirs.oid::regoperator
                     FROM pg_operator AS theirs
                     WHERE oprnamespace = to_regnamespace('public')
                     AND EXISTS (SELECT FROM pg_operator AS own
                         WHERE own.oprname = theirs.oprname
                         AND own.oprnamespace = to_regnamespace('pg_catalog'))
                     AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = theirs.oid
                         AND classid = 'pg_operator'::regclass AND deptype = 'e')
                     ORDER BY 1 LIMIT 3
                 ) AS found;
                 IF planted IS NOT NULL THEN
                     RAISE EXCEPTION '% would run in place of what PostgreSQL has by that \
             name: find out who made it, and drop it', planted
                         USING ERRCODE = 'object_not_in_prerequisite_state';
                 END IF;
             END $$",
        )
        .await?;
    client.batch_execute("RESET search_path").await?;
    Ok(())
}
