//! The program `mig-api`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use mig_api::{Api, ApiConfig};
use mig_store::{Changes, PostgresStore, Wake};

use crate::descriptors;
use crate::investigators::{self, InvestigatorTask};
use crate::life::{self, Ending, StartError};
use crate::settings::ApiSettings;
use crate::tls::server_config;

const NAME: &str = "mig-api";

/// The API of MIG: the HTTP interface for investigators, on a PostgreSQL
/// database. Several may serve one database. Without a subcommand it serves until
/// SIGTERM or SIGINT.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct CommandLine {
    /// Configuration file.
    #[arg(
        short = 'c',
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/mig/api.cfg"
    )]
    config: PathBuf,
    /// Log everything, on standard error.
    #[arg(short = 'd', long)]
    debug: bool,
    /// What to do instead of serving.
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check the configuration file.
    Check,
    /// Manage investigators.
    Investigator {
        /// What to do.
        #[command(subcommand)]
        task: InvestigatorTask,
    },
}

/// Runs the program.
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    life::exit(match line.task {
        None => run(&line.config, line.debug),
        Some(Task::Check) => check(&line.config),
        Some(Task::Investigator { task }) => manage(&line.config, &task),
    })
}

fn check(config: &Path) -> Result<(), StartError> {
    let settings = ApiSettings::load(config)?;
    serving(&settings)?;
    life::say_valid(config, &settings.warnings, &settings.notices);
    Ok(())
}

fn manage(config: &Path, task: &InvestigatorTask) -> Result<(), StartError> {
    let settings = ApiSettings::load(config)?;
    life::block_on(async {
        let store = PostgresStore::connect(settings.postgres).await?;
        Ok(investigators::run(&store, task).await?)
    })
}

fn run(config: &Path, debug: bool) -> Result<(), StartError> {
    let mut settings = ApiSettings::load(config)?;
    if debug {
        settings.logging = mig_logging::Settings {
            mode: mig_logging::Mode::Stdout,
            level: mig_logging::Severity::Debug,
        };
    }
    life::begin(
        NAME,
        &settings.logging,
        &settings.warnings,
        &settings.notices,
    )?;
    life::block_on(serve(settings))
}

async fn serve(settings: ApiSettings) -> Result<(), StartError> {
    let mut ending = Ending::listen()?;
    let config = serving(&settings)?;
    let store = tokio::select! {
        store = PostgresStore::connect(settings.postgres) => store?,
        () = ending.told() => return Ok(()),
    };
    life::say_remarks(&store).await;
    let (wake, changes) = (Wake::new(), Changes::new());
    // What schedulers and other APIs do arrives through the database.
    let following = store.follow(wake.clone(), changes.clone());
    let api = Api::start(config, Arc::new(store), wake, changes).await?;
    life::say_ready(NAME, api.url());
    ending.told().await;
    api.stop().await;
    drop(following);
    Ok(())
}

fn serving(settings: &ApiSettings) -> Result<ApiConfig, StartError> {
    let mut config = ApiConfig::new(settings.listen);
    config.tls = match &settings.tls {
        None => None,
        Some((certificate, key)) => Some(server_config(certificate, key)?),
    };
    config.host.clone_from(&settings.host);
    config.base_route.clone_from(&settings.base_route);
    config.client_address = settings.client_address;
    config.authentication = settings.authentication;
    config.token_duration = settings.token_duration;
    config.connections = descriptors::connections(settings.connections);
    let whitelist = life::whitelist(settings.whitelist.as_deref())?;
    config.heartbeats = settings.http_heartbeats.then(|| {
        Arc::new(move |queueloc: &str| whitelist.as_ref().is_none_or(|list| list.allows(queueloc)))
            as _
    });
    Ok(config)
}
