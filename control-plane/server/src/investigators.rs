//! Managing investigators without the API: the first one of a site cannot be
//! made by another one.

use std::path::Path;

use mig_protocol::apikey::{StoredKey, generate_api_key};
use mig_protocol::openpgp::inspect_key;
use mig_protocol::{Id, InvestigatorStatus, Permissions, Time};
use mig_store::{
    ApiKeyChange, InvestigatorUpdate, NewInvestigator, Search, SqliteStore, Store, StoreError,
};

use crate::command_line::InvestigatorTask;
use crate::run::{StartError, runtime};
use crate::settings::Settings;

/// Carries out a task.
///
/// # Errors
/// One line that says what is wrong.
pub fn run(config: &Path, task: &InvestigatorTask) -> Result<(), StartError> {
    let settings = Settings::load(config)?;
    runtime()?.block_on(async {
        let store = SqliteStore::open(&settings.database)?;
        match task {
            InvestigatorTask::Create {
                name,
                pubkey,
                admin,
                apikey,
            } => create(&store, name, pubkey, *admin, *apikey).await,
            InvestigatorTask::List => list(&store).await,
            InvestigatorTask::Disable { id } => {
                set_status(&store, *id, InvestigatorStatus::Disabled).await
            }
            InvestigatorTask::Enable { id } => {
                set_status(&store, *id, InvestigatorStatus::Active).await
            }
        }
    })
}

async fn create(
    store: &SqliteStore,
    name: &str,
    pubkey: &Path,
    admin: bool,
    api_key: bool,
) -> Result<(), StartError> {
    let refused = |problem: String| {
        StartError::Investigator(format!("public key {}: {problem}", pubkey.display()))
    };
    let public_key = std::fs::read(pubkey).map_err(|error| refused(error.to_string()))?;
    let report = inspect_key(&public_key).map_err(|error| refused(error.to_string()))?;
    for warning in &report.warnings {
        eprintln!("warning: {}: {warning}", pubkey.display());
    }
    let permissions = if admin {
        Permissions::DEFAULT | Permissions::ADMIN
    } else {
        Permissions::DEFAULT
    };
    let fingerprint = report.fingerprint.to_string();
    let new = NewInvestigator {
        name: name.to_owned(),
        fingerprint: fingerprint.clone(),
        public_key,
        permissions,
        created: Time::now(),
    };
    let id = match store.create_investigator(&new).await {
        Err(StoreError::Duplicate { .. }) => {
            return Err(StartError::Investigator(format!(
                "there is an investigator with the key {fingerprint} already"
            )));
        }
        other => other?,
    };
    println!(
        "investigator {id}: {} {fingerprint} {}",
        name.escape_debug(),
        permissions.describe()
    );
    if api_key {
        let failed =
            |error: mig_protocol::apikey::RandomError| StartError::Investigator(error.to_string());
        let key = generate_api_key().map_err(failed)?;
        let stored = StoredKey::new(&key).map_err(failed)?;
        let update = InvestigatorUpdate {
            api_key: Some(ApiKeyChange::Set {
                salt: stored.salt.to_vec(),
                hash: stored.hash.to_vec(),
            }),
            ..InvestigatorUpdate::default()
        };
        store.update_investigator(id, &update, Time::now()).await?;
        println!("API key, shown this once: {key}");
    }
    Ok(())
}

async fn list(store: &SqliteStore) -> Result<(), StartError> {
    let everybody = Search {
        limit: u32::MAX,
        ..Search::default()
    };
    for investigator in store.search_investigators(&everybody).await? {
        println!(
            "{} {} {} {} {}",
            investigator.id,
            investigator.status,
            investigator.pgpfingerprint,
            investigator.permissions.describe(),
            investigator.name.escape_debug()
        );
    }
    Ok(())
}

async fn set_status(
    store: &SqliteStore,
    id: u64,
    status: InvestigatorStatus,
) -> Result<(), StartError> {
    let update = InvestigatorUpdate {
        status: Some(status.clone()),
        ..InvestigatorUpdate::default()
    };
    store
        .update_investigator(Id(id), &update, Time::now())
        .await?;
    println!("investigator {id} is {status}");
    Ok(())
}
