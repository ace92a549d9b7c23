//! A worker: takes events from the relay's exchange `toworkers` and posts each
//! to a webhook.
//!
//! An event is acknowledged once the webhook has answered with success, so it
//! arrives at least once; its identifier tells a repetition. What the webhook
//! refuses for good is given back to the relay as rejected, counted and logged.

#![forbid(unsafe_code)]

mod backoff;
mod deliver;
mod event;
mod session;
mod settings;
mod trust;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use settings::{Settings, SettingsError};

/// What the log and the relay call the program.
pub(crate) const NAME: &str = "mig-worker-webhook";
/// Exit code of a program of a MIG site that cannot start.
const CANNOT_START: u8 = 9;

/// Posts what happens at a MIG site to a webhook: new agents, refused agents,
/// results, and that the scheduler lives. Works until SIGTERM or SIGINT.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct CommandLine {
    /// Configuration file.
    #[arg(
        short = 'c',
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/mig/worker-webhook.cfg"
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
}

/// Why the program does not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Logging(#[from] mig_logging::LoggingError),
    #[error("{what}: {source}")]
    System {
        what: &'static str,
        source: std::io::Error,
    },
}

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let outcome = match line.task {
        None => run(&line),
        Some(Task::Check) => check(&line),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FATAL: {error}");
            ExitCode::from(CANNOT_START)
        }
    }
}

fn check(line: &CommandLine) -> Result<(), StartError> {
    let settings = Settings::load(&line.config)?;
    for warning in settings.warnings {
        eprintln!("warning: {warning}");
    }
    println!("{}: the configuration is valid", line.config.display());
    Ok(())
}

fn run(line: &CommandLine) -> Result<(), StartError> {
    let settings = Settings::load(&line.config)?;
    mig_logging::start(&settings.logging, NAME)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}.");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|source| StartError::System {
            what: "the asynchronous runtime cannot start",
            source,
        })?;
    let outcome = runtime.block_on(work(settings));
    // A request that hangs is not waited for: its event was not acknowledged.
    runtime.shutdown_background();
    outcome
}

async fn work(settings: Settings) -> Result<(), StartError> {
    let listen = |kind| {
        signal(kind).map_err(|source| StartError::System {
            what: "signals cannot be received",
            source,
        })
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let counts = deliver::Counts::default();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        never = session::run(&settings, &counts) => match never {},
    }
    tracing::info!("Stopping; {counts}.");
    Ok(())
}
