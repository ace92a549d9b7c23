//! Investigators and their API keys.

use mig_protocol::{Id, Investigator, InvestigatorStatus, Permissions, Time};
use tokio_postgres::Row;

use super::columns::{id, key, moment, text, time};
use super::connection::Tx;
use super::failure::{Failure, Outcome, not_found};
use super::verbatim;
use crate::{ApiKey, ApiKeyChange, InvestigatorUpdate, NewInvestigator, StoreError};

/// What [`from_row`] reads, of the table `investigators`.
pub(super) const COLUMNS: &str = "investigators.id, investigators.name, \
     investigators.pgpfingerprint, investigators.publickey, investigators.status, \
     investigators.createdat, investigators.lastmodified, investigators.permissions, \
     investigators.apikey IS NOT NULL AS keyed";

/// Held by whoever changes who may manage investigators: two who each leave one
/// manager, another one each, would leave none.
const MANAGERS: i64 = 0x4d49_4700_0002;

/// An investigator with public key, never with the private one.
pub(super) fn from_row(row: &Row) -> Outcome<Investigator> {
    let keyed: bool = row.try_get("keyed")?;
    let mask: i64 = row.try_get("permissions")?;
    Ok(Investigator {
        id: id(row, "id")?,
        name: text(row, "name")?,
        pgpfingerprint: text(row, "pgpfingerprint")?,
        publickey: row
            .try_get::<_, Option<Vec<u8>>>("publickey")?
            .unwrap_or_default(),
        privatekey: Vec::new(),
        status: text(row, "status")?.into(),
        createdat: time(row, "createdat")?,
        lastmodified: time(row, "lastmodified")?,
        apikey: if keyed { "set".into() } else { String::new() },
        permissions: Permissions::from_mask(u64::try_from(mask).unwrap_or(0)),
    })
}

pub(super) async fn get(tx: &Tx<'_>, investigator: Id) -> Outcome<Investigator> {
    let sql = format!("SELECT {COLUMNS} FROM investigators WHERE id = $1");
    match tx.row(&sql, &[&key(investigator)]).await? {
        Some(row) => from_row(&row),
        None => Err(not_found("investigator", investigator)),
    }
}

pub(super) async fn by_fingerprint(tx: &Tx<'_>, fingerprint: &str) -> Outcome<Investigator> {
    let sql = format!("SELECT {COLUMNS} FROM investigators WHERE pgpfingerprint = $1");
    let upper = fingerprint.to_ascii_uppercase();
    match tx.row(&sql, &[&verbatim::text(&upper)]).await? {
        Some(row) => from_row(&row),
        None => Err(not_found("investigator", fingerprint)),
    }
}

pub(super) async fn active(tx: &Tx<'_>) -> Outcome<Vec<Investigator>> {
    let rows = tx
        .rows(
            &format!(
                "SELECT {COLUMNS} FROM investigators
                 WHERE status = 'active' AND publickey IS NOT NULL ORDER BY id"
            ),
            &[],
        )
        .await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn create(tx: &Tx<'_>, new: &NewInvestigator) -> Outcome<Id> {
    let fingerprint = new.fingerprint.to_ascii_uppercase();
    // An earlier try that is about to be committed is waited for.
    tx.rows("SELECT pg_advisory_xact_lock($1)", &[&MANAGERS])
        .await?;
    if tx.may_have_happened()
        && let Some(ours) = tx
            .row(
                "SELECT id FROM investigators
                 WHERE name = $1 AND coalesce(pgpfingerprint, '') = $2 AND createdat = $3
                 ORDER BY id DESC LIMIT 1",
                &[
                    &verbatim::text(&new.name),
                    &verbatim::text(&fingerprint),
                    &moment(new.created),
                ],
            )
            .await?
    {
        return id(&ours, "id");
    }
    let row = tx
        .row(
            "INSERT INTO investigators
                 (name, pgpfingerprint, publickey, status, createdat, lastmodified, permissions)
             VALUES ($1, nullif($2::text, ''), $3, 'active', $4, $4, $5) RETURNING id",
            &[
                &verbatim::text(&new.name),
                &verbatim::text(&fingerprint),
                &(!new.public_key.is_empty()).then_some(&new.public_key),
                &moment(new.created),
                &mask(new.permissions),
            ],
        )
        .await
        .map_err(|failure| {
            failure.or_duplicate(|| format!("an investigator with key {fingerprint}"))
        })?;
    match row {
        Some(row) => id(&row, "id"),
        None => Err(not_found("investigator", &new.name)),
    }
}

fn mask(permissions: Permissions) -> i64 {
    i64::try_from(permissions.mask()).unwrap_or(0)
}

pub(super) async fn update(
    tx: &Tx<'_>,
    investigator: Id,
    update: &InvestigatorUpdate,
    now: Time,
) -> Outcome<()> {
    tx.rows("SELECT pg_advisory_xact_lock($1)", &[&MANAGERS])
        .await?;
    let managed = somebody_manages(tx).await?;
    let changed = tx
        .change(
            "UPDATE investigators SET lastmodified = $2, status = coalesce($3, status),
                 permissions = coalesce($4, permissions)
             WHERE id = $1",
            &[
                &key(investigator),
                &moment(now),
                &update.status.as_ref().map(InvestigatorStatus::as_str),
                &update.permissions.map(mask),
            ],
        )
        .await?;
    if changed != 1 {
        return Err(not_found("investigator", investigator));
    }
    if managed && !somebody_manages(tx).await? {
        return Err(Failure::Store(StoreError::LastAdmin));
    }
    let (hash, salt) = match &update.api_key {
        None => return Ok(()),
        Some(ApiKeyChange::Set { salt, hash }) => (Some(hash), Some(salt)),
        Some(ApiKeyChange::Remove) => (None, None),
    };
    tx.change(
        "UPDATE investigators SET apikey = $2, apisalt = $3 WHERE id = $1",
        &[&key(investigator), &hash, &salt],
    )
    .await?;
    Ok(())
}

/// True when an active investigator may change investigators.
async fn somebody_manages(tx: &Tx<'_>) -> Outcome<bool> {
    let needed = mask(Permissions::INVESTIGATOR | Permissions::INVESTIGATOR_UPDATE);
    let row = tx
        .row(
            "SELECT FROM investigators
             WHERE status = 'active' AND permissions & $1 = $1 LIMIT 1",
            &[&needed],
        )
        .await?;
    Ok(row.is_some())
}

pub(super) async fn api_keys(tx: &Tx<'_>) -> Outcome<Vec<ApiKey>> {
    let rows = tx
        .rows(
            "SELECT id, apisalt, apikey FROM investigators
             WHERE status = 'active' AND apikey IS NOT NULL AND apisalt IS NOT NULL ORDER BY id",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ApiKey {
                investigator: id(row, "id")?,
                salt: row.try_get("apisalt")?,
                hash: row.try_get("apikey")?,
            })
        })
        .collect()
}
