//! What an operator should know of a database although it works.

use tokio_postgres::Transaction;

use super::failure::Outcome;
use super::roles::{ADMIN, API, READONLY, SCHEDULER};

/// One line each, with what to do about it. `several_hosts` is whether another
/// server may take this one's place.
pub(super) async fn of(look: &Transaction<'_>, several_hosts: bool) -> Outcome<Vec<String>> {
    let mut remarks = keys(look).await?;
    remarks.extend(roles(look).await?);
    if several_hosts {
        remarks.extend(standbys(look).await?);
    }
    Ok(remarks)
}

/// Where the original kept the key of its scheduler. Who may not read it is not
/// told.
async fn keys(look: &Transaction<'_>) -> Outcome<Vec<String>> {
    let readable = look
        .query_one(
            "SELECT coalesce((SELECT bool_and(has_column_privilege(attrelid, attnum, 'SELECT'))
                 FROM pg_attribute WHERE attrelid = to_regclass('public.investigators')
                 AND attname IN ('id', 'name', 'privatekey')), false)",
            &[],
        )
        .await?;
    if !readable.try_get::<_, bool>(0)? {
        return Ok(Vec::new());
    }
    let owners = look
        .query(
            "SELECT name::text FROM public.investigators
             WHERE length(privatekey) > 0 ORDER BY id",
            &[],
        )
        .await?;
    let mut remarks = Vec::new();
    for owner in &owners {
        let owner: &str = owner.try_get(0)?;
        remarks.push(format!(
            "the private key of investigator {} lies in the database and in each backup of it, \
             and nothing needs it there any more; save it if it is to be the scheduler's `killkey`, \
             and then run `UPDATE investigators SET privatekey = NULL`",
            owner.escape_debug()
        ));
    }
    Ok(remarks)
}

/// What roles may do that were there before and keep what they had.
async fn roles(look: &Transaction<'_>) -> Outcome<Vec<String>> {
    let more = look
        .query(
            "SELECT rolname::text, concat_ws(' ',
                 CASE WHEN rolsuper THEN 'NOSUPERUSER' END,
                 CASE WHEN rolcreatedb THEN 'NOCREATEDB' END,
                 CASE WHEN rolcreaterole THEN 'NOCREATEROLE' END,
                 CASE WHEN rolreplication THEN 'NOREPLICATION' END,
                 CASE WHEN rolbypassrls THEN 'NOBYPASSRLS' END)
             FROM pg_roles WHERE rolname = ANY ($1)
             AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)
             ORDER BY 1",
            &[&[ADMIN, SCHEDULER, API, READONLY].as_slice()],
        )
        .await?;
    let mut remarks = Vec::new();
    for role in &more {
        let (role, remedy): (&str, &str) = (role.try_get(0)?, role.try_get(1)?);
        remarks.push(format!(
            "role {role} may do more than its work needs; let a superuser run \
             `ALTER ROLE {role} {remedy}`"
        ));
    }
    Ok(remarks)
}

/// What a server confirms before any other one has it is lost with it.
async fn standbys(look: &Transaction<'_>) -> Outcome<Option<String>> {
    let none = look
        .query_one(
            "SELECT current_setting('synchronous_standby_names') = ''",
            &[],
        )
        .await?;
    Ok(none.try_get::<_, bool>(0)?.then(|| {
        "[postgres] host names several servers, but none of them waits for another one to have \
         what it confirms: a fail-over can lose accepted actions and stored answers; set \
         synchronous_standby_names on each"
            .to_owned()
    }))
}
