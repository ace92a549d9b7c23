//! Managing investigators while the server is stopped.

use std::path::Path;

use mig_daemons::investigators::{self, InvestigatorTask};
use mig_store::SqliteStore;

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
        Ok(investigators::run(&store, task).await?)
    })
}
