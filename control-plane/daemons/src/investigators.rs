//! Managing investigators without the API: the first one of a site cannot be
//! made by another one.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use mig_protocol::apikey::{StoredKey, generate_api_key};
use mig_protocol::openpgp::inspect_key;
use mig_protocol::{Id, InvestigatorStatus, Permissions, Time};
use mig_store::{ApiKeyChange, InvestigatorUpdate, NewInvestigator, Search, Store, StoreError};

/// What to do with investigators.
#[derive(Debug, Subcommand)]
pub enum InvestigatorTask {
    /// Add an investigator; the first one of a site is made this way.
    Create {
        /// Name of the person.
        #[arg(long)]
        name: String,
        /// File with the armored OpenPGP public key.
        #[arg(long, value_name = "FILE")]
        pubkey: PathBuf,
        /// May manage investigators too.
        #[arg(long)]
        admin: bool,
        /// Also make an API key, which is printed this once.
        #[arg(long)]
        apikey: bool,
    },
    /// Show all investigators.
    List,
    /// Disable an investigator at once.
    Disable {
        /// Identifier, as `list` shows it.
        id: u64,
    },
    /// Enable a disabled investigator.
    Enable {
        /// Identifier, as `list` shows it.
        id: u64,
    },
}

/// Why a task was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum InvestigatorError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was asked for does not go.
    #[error("{0}")]
    Refused(String),
}

/// Carries out a task.
///
/// # Errors
/// One line that says what is wrong.
pub async fn run(store: &dyn Store, task: &InvestigatorTask) -> Result<(), InvestigatorError> {
    match task {
        InvestigatorTask::Create {
            name,
            pubkey,
            admin,
            apikey,
        } => create(store, name, pubkey, *admin, *apikey).await,
        InvestigatorTask::List => list(store).await,
        InvestigatorTask::Disable { id } => {
            set_status(store, *id, InvestigatorStatus::Disabled).await
        }
        InvestigatorTask::Enable { id } => set_status(store, *id, InvestigatorStatus::Active).await,
    }
}

async fn create(
    store: &dyn Store,
    name: &str,
    pubkey: &Path,
    admin: bool,
    api_key: bool,
) -> Result<(), InvestigatorError> {
    let refused = |problem: String| {
        InvestigatorError::Refused(format!("public key {}: {problem}", pubkey.display()))
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
            return Err(InvestigatorError::Refused(format!(
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
        let failed = |error: mig_protocol::apikey::RandomError| {
            InvestigatorError::Refused(error.to_string())
        };
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

async fn list(store: &dyn Store) -> Result<(), InvestigatorError> {
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
    store: &dyn Store,
    id: u64,
    status: InvestigatorStatus,
) -> Result<(), InvestigatorError> {
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
