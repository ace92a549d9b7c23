//! The program `mig-scheduler`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use mig_scheduler::{EventsConfig, RelayAccess, RelayTls, Scheduler, SchedulerConfig};
use mig_store::{Changes, PostgresStore, Wake};

use crate::database::{self, DatabaseTask};
use crate::life::{self, Ending, StartError};
use crate::settings::{Mq, SchedulerSettings};

const NAME: &str = "mig-scheduler";

/// The scheduler of MIG: turns the actions in a PostgreSQL database into commands
/// for agents, and stores their answers. Several may work on one database and
/// one relay. Without a subcommand it works until SIGTERM or SIGINT.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct CommandLine {
    /// Configuration file.
    #[arg(
        short = 'c',
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/mig/scheduler.cfg"
    )]
    config: PathBuf,
    /// What to do instead of working.
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check the configuration file.
    Check,
    /// Create the database, bring it up to date, or say how it is.
    Database {
        /// What to do.
        #[command(subcommand)]
        task: DatabaseTask,
    },
}

/// Runs the program.
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    life::exit(match line.task {
        None => run(&line.config),
        Some(Task::Check) => check(&line.config),
        Some(Task::Database { task }) => life::block_on(database::run(&line.config, &task)),
    })
}

fn check(config: &Path) -> Result<(), StartError> {
    let settings = SchedulerSettings::load(config)?;
    life::whitelist(settings.whitelist.as_deref())?;
    life::kill_key(settings.kill_key.as_deref())?;
    relay(&settings.mq)?;
    life::say_valid(config, &settings.warnings, &settings.notices);
    Ok(())
}

fn run(config: &Path) -> Result<(), StartError> {
    let settings = SchedulerSettings::load(config)?;
    life::begin(
        NAME,
        &settings.logging,
        &settings.warnings,
        &settings.notices,
    )?;
    life::block_on(work(settings))
}

async fn work(settings: SchedulerSettings) -> Result<(), StartError> {
    let mut ending = Ending::listen()?;
    let relay = relay(&settings.mq)?;
    let places = relay.shown_places();
    let mut config = SchedulerConfig::new(relay);
    config.agent_timeout = settings.agent_timeout;
    config.heartbeat_frequency = settings.heartbeat_frequency;
    config.periodic = settings.periodic;
    config.retention = settings.retention;
    config.whitelist = life::whitelist(settings.whitelist.as_deref())?;
    config.queues = settings.mq.queues;
    config.events = settings.mq.events.then(EventsConfig::default);
    config.log_commands = settings.log_commands;
    config.detect_duplicates = settings.detect_duplicates;
    config.kill_duplicates = life::kill_key(settings.kill_key.as_deref())?;
    config.queue_cleanup = settings.queue_cleanup;
    config.sole = false;
    config.abandoned_after = settings.takeover;

    let store = tokio::select! {
        store = PostgresStore::connect(settings.postgres) => store?,
        () = ending.told() => return Ok(()),
    };
    life::say_remarks(&store).await;
    let (wake, changes) = (Wake::new(), Changes::new());
    // What other schedulers and the APIs do arrives through the database.
    let following = store.follow(wake.clone(), changes.clone());
    let scheduler = Scheduler::start(config, Arc::new(store), wake, changes);
    // A relay that is not there yet is waited for; the log says what is wrong.
    tokio::select! {
        () = scheduler.reached() => {
            life::say_ready(NAME, format_args!("relay {places}"));
            ending.told().await;
        }
        () = ending.told() => {}
    }
    drop(following);
    scheduler.stop().await;
    Ok(())
}

fn relay(mq: &Mq) -> Result<RelayAccess, StartError> {
    let tls = match &mq.tls {
        None => None,
        Some(files) => Some(RelayTls {
            ca: String::from_utf8(read(&files.ca)?).map_err(|_| StartError::File {
                path: files.ca.clone(),
                problem: "this is not a certificate in PEM form".to_owned(),
            })?,
            identity: match &files.identity {
                None => None,
                Some((certificate, key)) => Some((read(certificate)?, read(key)?)),
            },
        }),
    };
    Ok(RelayAccess {
        host: mq.host.clone(),
        port: mq.port,
        vhost: mq.vhost.clone(),
        user: mq.user.clone(),
        password: mq.password.clone(),
        tls,
        heartbeat: mq.timeout,
        timeout: mq.timeout,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|error| StartError::File {
        path: path.to_owned(),
        problem: error.to_string(),
    })
}
