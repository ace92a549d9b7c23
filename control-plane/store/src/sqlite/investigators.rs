//! Investigators and their API keys.

use mig_protocol::{Id, Investigator, InvestigatorStatus, Permissions, Time};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params, params};

use super::columns::{Key, Micros, id, text, time};
use super::failure::{Failure, Outcome, not_found};
use crate::{ApiKey, ApiKeyChange, InvestigatorUpdate, NewInvestigator, StoreError};

/// An investigator with public key, never with the private one.
pub(super) fn from_row(row: &Row<'_>) -> Outcome<Investigator> {
    let has_key: Option<Vec<u8>> = row.get("apikey")?;
    let mask: i64 = row.get("permissions")?;
    Ok(Investigator {
        id: id(row, "id")?,
        name: text(row, "name")?,
        pgpfingerprint: text(row, "pgpfingerprint")?,
        publickey: row
            .get::<_, Option<Vec<u8>>>("publickey")?
            .unwrap_or_default(),
        privatekey: Vec::new(),
        status: text(row, "status")?.into(),
        createdat: time(row, "createdat")?,
        lastmodified: time(row, "lastmodified")?,
        apikey: has_key.map(|_| String::from("set")).unwrap_or_default(),
        permissions: Permissions::from_mask(u64::try_from(mask).unwrap_or(0)),
    })
}

fn one(db: &Connection, column: &str, value: &dyn ToSql, asked: &str) -> Outcome<Investigator> {
    let sql = format!("SELECT * FROM investigators WHERE {column} = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([value])?;
    match rows.next()? {
        Some(row) => from_row(row),
        None => Err(not_found("investigator", asked)),
    }
}

pub(super) fn get(db: &Connection, investigator: Id) -> Outcome<Investigator> {
    one(db, "id", &Key(investigator), &investigator.to_string())
}

pub(super) fn by_fingerprint(db: &Connection, fingerprint: &str) -> Outcome<Investigator> {
    one(
        db,
        "pgpfingerprint",
        &fingerprint.to_ascii_uppercase(),
        fingerprint,
    )
}

pub(super) fn active(db: &Connection) -> Outcome<Vec<Investigator>> {
    let mut statement = db.prepare_cached(
        "SELECT * FROM investigators WHERE status = 'active' AND publickey IS NOT NULL ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_row(row)?);
    }
    Ok(found)
}

pub(super) fn create(db: &Connection, new: &NewInvestigator) -> Outcome<Id> {
    let fingerprint = new.fingerprint.to_ascii_uppercase();
    db.prepare_cached(
        "INSERT INTO investigators
             (name, pgpfingerprint, publickey, status, createdat, lastmodified, permissions)
         VALUES (:name, nullif(:fingerprint, ''), :key, 'active', :now, :now, :permissions)",
    )?
    .execute(named_params! {
        ":name": new.name,
        ":fingerprint": fingerprint,
        ":key": (!new.public_key.is_empty()).then_some(&new.public_key),
        ":now": Micros(new.created),
        ":permissions": mask(new.permissions),
    })
    .map_err(|error| {
        Failure::from(error).or_duplicate(|| format!("an investigator with key {fingerprint}"))
    })?;
    Ok(Id(u64::try_from(db.last_insert_rowid()).unwrap_or(0)))
}

fn mask(permissions: Permissions) -> i64 {
    i64::try_from(permissions.mask()).unwrap_or(0)
}

pub(super) fn update(
    db: &Connection,
    investigator: Id,
    update: &InvestigatorUpdate,
    now: Time,
) -> Outcome<()> {
    let managed = somebody_manages(db)?;
    let changed = db
        .prepare_cached(
            "UPDATE investigators SET lastmodified = :now, status = coalesce(:status, status),
                 permissions = coalesce(:permissions, permissions)
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": Key(investigator),
            ":now": Micros(now),
            ":status": update.status.as_ref().map(InvestigatorStatus::as_str),
            ":permissions": update.permissions.map(mask),
        })?;
    if changed != 1 {
        return Err(not_found("investigator", investigator));
    }
    if managed && !somebody_manages(db)? {
        return Err(Failure::Store(StoreError::LastAdmin));
    }
    let (hash, salt) = match &update.api_key {
        None => return Ok(()),
        Some(ApiKeyChange::Set { salt, hash }) => (Some(hash), Some(salt)),
        Some(ApiKeyChange::Remove) => (None, None),
    };
    db.prepare_cached("UPDATE investigators SET apikey = ?2, apisalt = ?3 WHERE id = ?1")?
        .execute(params![Key(investigator), hash, salt])?;
    Ok(())
}

/// True when an active investigator may change investigators.
fn somebody_manages(db: &Connection) -> Outcome<bool> {
    let needed = mask(Permissions::INVESTIGATOR | Permissions::INVESTIGATOR_UPDATE);
    let found: Option<i64> = db
        .prepare_cached(
            "SELECT 1 FROM investigators
             WHERE status = 'active' AND permissions & ?1 = ?1 LIMIT 1",
        )?
        .query_row([needed], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

pub(super) fn api_keys(db: &Connection) -> Outcome<Vec<ApiKey>> {
    let keys = db
        .prepare_cached(
            "SELECT id, apisalt, apikey FROM investigators
             WHERE status = 'active' AND apikey IS NOT NULL AND apisalt IS NOT NULL ORDER BY id",
        )?
        .query_map([], |row| {
            let Key(investigator) = row.get(0)?;
            Ok(ApiKey {
                investigator,
                salt: row.get(1)?,
                hash: row.get(2)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(keys)
}
