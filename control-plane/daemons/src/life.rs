//! What both programs do from start to end.

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use mig_scheduler::{KillKey, Whitelist};
use mig_store::PostgresStore;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::investigators::InvestigatorError;
use crate::settings::SettingsError;
use crate::tls::TlsError;

/// Exit code of a program of a MIG site that cannot start.
const CANNOT_START: u8 = 9;

/// Why a program does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The log.
    #[error(transparent)]
    Logging(#[from] mig_logging::LoggingError),
    /// The database.
    #[error(transparent)]
    Store(#[from] mig_store::StoreError),
    /// The API.
    #[error(transparent)]
    Api(#[from] mig_api::StartError),
    /// Certificate or key of the API.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The whitelist of agents.
    #[error(transparent)]
    Whitelist(#[from] mig_scheduler::WhitelistError),
    /// The key that signs orders to end agents.
    #[error(transparent)]
    KillKey(#[from] mig_scheduler::KillKeyError),
    /// A task on investigators.
    #[error(transparent)]
    Investigator(#[from] InvestigatorError),
    /// A file cannot be read.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The operating system.
    #[error("{what}: {source}")]
    System {
        /// What could not be done.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

/// The exit code of an outcome, and the line people see.
pub(crate) fn exit(outcome: Result<(), StartError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FATAL: {}", mig_logging::causes(&error));
            ExitCode::from(CANNOT_START)
        }
    }
}

/// Runs a future to its end: answers are verified and keys are hashed on all
/// processors.
pub(crate) fn block_on<F: Future<Output = Result<(), StartError>>>(
    work: F,
) -> Result<(), StartError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| StartError::System {
            what: "the asynchronous runtime cannot start",
            source,
        })?
        .block_on(work)
}

/// The signals that end a program. Made before anything else, so that none is
/// lost during the start.
pub(crate) struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

impl Ending {
    pub(crate) fn listen() -> Result<Ending, StartError> {
        let listen = |kind| {
            signal(kind).map_err(|source| StartError::System {
                what: "signals cannot be received",
                source,
            })
        };
        Ok(Ending {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them.
    pub(crate) async fn told(&mut self) {
        let signal = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!("{signal} received; stopping.");
    }
}

/// Starts the log, says what the file needs said, and takes the descriptors that
/// connections need.
pub(crate) fn begin(
    program: &str,
    logging: &mig_logging::Settings,
    warnings: &[String],
    notices: &[String],
) -> Result<(), StartError> {
    mig_logging::start(logging, program)?;
    for warning in warnings {
        tracing::warn!("{warning}.");
    }
    for notice in notices {
        tracing::info!("{notice}.");
    }
    crate::descriptors::take_all();
    Ok(())
}

/// Says what is to be known of the database. Nobody has to wait for it.
pub(crate) async fn say_remarks(store: &PostgresStore) {
    match store.remarks().await {
        Ok(remarks) => {
            for remark in remarks {
                tracing::warn!("Database: {remark}.");
            }
        }
        Err(error) => tracing::warn!("{}.", mig_logging::causes(&error)),
    }
}

/// For people and for scripts that wait for it; nobody has to listen.
pub(crate) fn say_ready(program: &str, what: impl Display) {
    let _ = writeln!(std::io::stdout(), "{program} is ready: {what}");
}

/// Says that a configuration is valid, and what is to be known of it.
pub(crate) fn say_valid(file: &Path, warnings: &[String], notices: &[String]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    for notice in notices {
        eprintln!("notice: {notice}");
    }
    println!("{}: the configuration is valid", file.display());
}

/// The key that signs orders to end agents, if the site wants that.
pub(crate) fn kill_key(path: Option<&Path>) -> Result<Option<KillKey>, StartError> {
    Ok(path.map(KillKey::open).transpose()?)
}

pub(crate) fn whitelist(path: Option<&Path>) -> Result<Option<Arc<Whitelist>>, StartError> {
    Ok(match path {
        None => None,
        Some(path) => Some(Arc::new(Whitelist::open(path)?)),
    })
}
