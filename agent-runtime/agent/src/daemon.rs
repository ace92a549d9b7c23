//! The life of the agent, from settings to the last goodbye.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mig_protocol::clock::{Clock, SystemClock};
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::agent::{Agent, Parts};
use crate::environment::Surroundings;
use crate::execution::Runner;
use crate::identity::{self, IdentityError};
use crate::intake::Received;
use crate::journal::{Journal, JournalError};
use crate::persistent::Persistent;
use crate::record::Record;
use crate::relay::{self, Ended, Endpoint, EndpointError, RelayError};
use crate::settings::Settings;
use crate::status::{self, Page, Subject};
use crate::trust::{Trust, TrustError};
use crate::{VERSION, heartbeat};

/// Keeps a second agent out of the run directory, and holds the first one's pid.
pub(crate) const LOCK: &str = "mig-agent.lock";
/// Time for modules to stop and, once more, for answers to leave.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time between looks at counts of the owner's record.
const COUNTS: Duration = Duration::from_secs(60);
/// Idle threads end soon: they are needed for moments, hours apart.
const THREAD_IDLE: Duration = Duration::from_millis(200);
/// Threads beside those that run modules: disk, names, discovery.
const SPARE_THREADS: usize = 4;
/// Why a check-in ended that had not come to an end.
const TIME_OVER: &str = "the time for a check-in is over";
/// Stack of a thread; JSON is the deepest thing on it.
const STACK: usize = 1 << 20;

/// Why the agent does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// There is no configuration.
    #[error(
        "there is no configuration: {} does not exist; name one with -c",
        crate::settings::DEFAULT_FILE
    )]
    NoConfiguration,
    /// No identity.
    #[error("{0}")]
    Identity(#[from] IdentityError),
    /// Another agent is there.
    #[error("another mig-agent uses {}; stop it with mig-agent -q shutdown", .0.display())]
    Running(PathBuf),
    /// The lock cannot be made.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No memory.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// Nobody to obey.
    #[error("{0}")]
    Trust(#[from] TrustError),
    /// No relay.
    #[error("{0}")]
    Endpoint(#[from] EndpointError),
    /// Check-in mode could not check in.
    #[error("{0}")]
    Relay(#[from] RelayError),
    /// Check-in mode spent its time on the way.
    #[error("the relay was not reached within {0:?}, the time for a check-in")]
    NotReached(Duration),
    /// Persistent modules cannot be prepared.
    #[error("cannot prepare persistent modules: {0}")]
    Persistent(io::Error),
    /// The runtime cannot be made.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
}

/// Everything that can fail before the agent is at work.
pub struct Start {
    agent: Arc<Agent>,
    relays: Vec<Endpoint>,
    refused: Vec<(String, String)>,
    resumed: Vec<Received>,
    /// Held for the life of the process.
    _lock: File,
}

impl Start {
    /// Puts the agent together.
    ///
    /// # Errors
    /// Anything without which it could not do its work.
    pub fn prepare(
        settings: Settings,
        runner: Arc<dyn Runner>,
        refused: Vec<(String, String)>,
        checkin: bool,
    ) -> Result<Self, StartError> {
        if settings.relay.is_empty() {
            return Err(StartError::NoConfiguration);
        }
        let mut relays = Endpoint::all(
            &settings.relay,
            settings.certificates.as_ref(),
            &settings.proxies,
            settings.heartbeat.as_secs(),
        )?;
        if settings.certificate_login {
            relays = relays
                .into_iter()
                .map(Endpoint::with_certificate_login)
                .collect::<Result<_, _>>()?;
        }
        let identity = identity::load_or_create(&settings.run_directory)?;
        let lock = take_lock(&settings.run_directory)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let now = clock.now();
        let journal = Journal::open(&settings.run_directory, settings.spool, now.unix_seconds())?;
        let condition = journal.condition();
        if condition.torn > 0 {
            tracing::warn!(
                "the last {} bytes of the journal were never completely written",
                condition.torn
            );
        }
        if condition.damaged > 0 {
            tracing::error!(
                "{} bytes in the middle of the journal are damaged",
                condition.damaged
            );
        }
        let owners_record = Arc::new(Record::open(
            &settings.run_directory,
            settings.record,
            Arc::clone(&clock),
        ));
        let trust = Trust::load(&settings.keyring, &settings.acl, settings.only_verify_key)?;
        let surroundings = Surroundings::discover(runner.names(), now);
        if settings.install_service {
            tracing::debug!(
                "installservice: this build leaves that to the package or the service unit"
            );
        }
        let persistent = if settings.spawn_persistent && !checkin {
            let prepared =
                Persistent::new(Arc::clone(&runner), &settings, Arc::clone(&owners_record));
            Some(Arc::new(prepared.map_err(StartError::Persistent)?))
        } else {
            None
        };
        let open = journal.open_commands()?;
        let agent = Arc::new(Agent::new(Parts {
            settings,
            identity,
            trust,
            journal,
            owners_record,
            runner,
            persistent,
            clock,
            surroundings,
            checkin,
        }));
        agent.owners_record().started(agent.settings().privacy);
        let resumed = open.into_iter().map(|open| agent.resume(open)).collect();
        Ok(Self {
            agent,
            relays,
            refused,
            resumed,
            _lock: lock,
        })
    }

    /// Works until a signal, a shutdown on the status page, or, in check-in
    /// mode, until there is nothing more to do.
    ///
    /// # Errors
    /// The runtime cannot be made, or a check-in failed.
    pub fn run(self, ready: impl FnOnce()) -> Result<(), StartError> {
        let operations = self.agent.settings().concurrent_operations;
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(operations + SPARE_THREADS)
            .thread_keep_alive(THREAD_IDLE)
            .thread_stack_size(STACK)
            .thread_name("mig-work")
            .build()
            .map_err(StartError::Runtime)?
            .block_on(self.live(ready))
    }

    async fn live(self, ready: impl FnOnce()) -> Result<(), StartError> {
        let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Runtime)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Runtime)?;
        // A closed terminal is no reason to end.
        let hangup = signal(SignalKind::hangup()).map_err(StartError::Runtime)?;
        let agent = self.agent;
        let (ask_to_stop, mut asked) = tokio::sync::mpsc::channel(1);
        for received in self.resumed {
            if let Received::Run(task) = received {
                let agent = Arc::clone(&agent);
                tokio::spawn(async move {
                    let permit = agent.command_permit().await;
                    agent.execute(*task, permit).await;
                });
            }
        }
        if !agent.is_checkin() && !agent.settings().socket.is_empty() {
            let subject = Arc::new(Shown {
                agent: Arc::clone(&agent),
                refused: self.refused,
                stop: ask_to_stop.clone(),
            });
            tokio::spawn(status::serve(agent.settings().socket.clone(), subject));
        }
        ready();
        tracing::info!(
            "mig-agent {VERSION} with pid {} is {}",
            std::process::id(),
            agent.identity().queue()
        );
        let settling = Arc::clone(&agent);
        tokio::spawn(async move { settling.settle().await });
        tokio::spawn(keep_counts(Arc::clone(&agent)));
        let mut relay = tokio::spawn(work(Arc::clone(&agent), self.relays, hangup));
        let whole = checkin_limit(&agent);
        let mut checked_in = Ok(());
        let reason = tokio::select! {
            _ = terminate.recv() => "terminated",
            _ = interrupt.recv() => "interrupted",
            _ = asked.recv() => "shutdown requested",
            ended = &mut relay => {
                if let Ok(Err(error)) = ended {
                    checked_in = Err(error.into());
                }
                "nothing more to do"
            }
            () = tokio::time::sleep(whole) => TIME_OVER,
        };
        tracing::info!("stopping: {reason}");
        if reason == TIME_OVER {
            if agent.was_connected() {
                // Whoever reads the mail of cron shall know, whatever the log is.
                eprintln!("mig-agent: {TIME_OVER}; what is left is taken up by the next one");
            } else {
                checked_in = Err(StartError::NotReached(whole));
            }
        }
        let persistent = agent.persistent().map(Arc::clone);
        let modules = tokio::task::spawn_blocking(move || {
            if let Some(persistent) = persistent {
                persistent.stop();
            }
        });
        // The answers of a check-in have had their time.
        let sending = match reason {
            TIME_OVER => Duration::from_secs(1),
            _ => PATIENCE,
        };
        let _ = tokio::join!(agent.stop(PATIENCE, sending), modules);
        if !relay.is_finished() {
            let _ = tokio::time::timeout(PATIENCE, &mut relay).await;
        }
        agent.owners_record().stopped();
        checked_in
    }
}

/// Everything that goes over the network. First the network is asked about this
/// host, so that heartbeats begin with what lasts; that takes its time where
/// proxies are slow, and stopping does not wait for it.
async fn work(
    agent: Arc<Agent>,
    relays: Vec<Endpoint>,
    hangup: Signal,
) -> Result<Ended, RelayError> {
    tokio::select! {
        () = agent.ask_network() => {}
        () = agent.until_stopping() => return Ok(Ended::Stopped),
    }
    if let Some(persistent) = agent.persistent() {
        persistent.set_surroundings(&agent.record());
        tokio::spawn(keep_looking(
            Arc::clone(persistent),
            agent.settings().refresh,
            hangup,
        ));
    }
    if agent.settings().heartbeat_over_http {
        if agent.is_checkin() {
            // It leaves soon, and one heartbeat has to be out by then.
            tokio::select! {
                () = heartbeat::post_one(&agent) => {}
                () = agent.until_stopping() => return Ok(Ended::Stopped),
            }
        } else {
            tokio::spawn(heartbeat::post(Arc::clone(&agent)));
        }
    }
    relay::run(agent, relays).await
}

/// Looks at the configuration files of the persistent modules at once, in every
/// `period` that is not zero, and when told to.
async fn keep_looking(persistent: Arc<Persistent>, period: Duration, mut told: Signal) {
    loop {
        let looking = Arc::clone(&persistent);
        let _ = tokio::task::spawn_blocking(move || looking.look()).await;
        let next = async {
            if period.is_zero() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(period).await;
        };
        tokio::select! {
            () = next => {}
            _ = told.recv() => tracing::info!("looking at the configuration of persistent modules"),
        }
    }
}

/// Writes the counts of repeated refusals when their minute is over.
async fn keep_counts(agent: Arc<Agent>) {
    loop {
        tokio::time::sleep(COUNTS).await;
        let agent = Arc::clone(&agent);
        let _ = tokio::task::spawn_blocking(move || {
            if agent.owners_record().pending() > 0 {
                agent.owners_record().tidy();
            }
        })
        .await;
    }
}

/// A check-in takes a tenth longer than a module may; an agent stays for ever.
fn checkin_limit(agent: &Agent) -> Duration {
    if agent.is_checkin() {
        agent.settings().module_timeout.mul_f64(1.1)
    } else {
        Duration::from_secs(u64::from(u32::MAX))
    }
}

fn take_lock(directory: &Path) -> Result<File, StartError> {
    let path = directory.join(LOCK);
    let failed = |source| StartError::Lock {
        path: path.clone(),
        source,
    };
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match crate::sys::lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StartError::Running(directory.to_owned())),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    // For people only; the lock is what counts.
    let _ = file
        .set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

/// The agent as its status page sees it.
struct Shown {
    agent: Arc<Agent>,
    refused: Vec<(String, String)>,
    stop: tokio::sync::mpsc::Sender<()>,
}

impl Subject for Shown {
    fn page(&self) -> Page {
        let agent = &self.agent;
        let record = agent.record();
        let totals = agent.journal().totals();
        let program = std::env::current_exe()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let pretty = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
        Page {
            facts: vec![
                ("version", VERSION.to_owned()),
                ("host name", record.name),
                ("program", program),
                (
                    "run directory",
                    agent.settings().run_directory.display().to_string(),
                ),
                ("pid", std::process::id().to_string()),
                ("connected to the relay", agent.is_connected().to_string()),
                (
                    "results waiting",
                    format!("{} ({} bytes)", totals.unsent, totals.unsent_bytes),
                ),
                ("results dropped", totals.dropped.to_string()),
                ("owner's record", agent.owners_record().to_line()),
            ],
            environment: pretty(serde_json::to_string_pretty(&record.environment)),
            tags: pretty(serde_json::to_string_pretty(&record.tags)),
            settings: agent.settings().for_page(),
            refused: self.refused.clone(),
            persistent: agent
                .persistent()
                .map(|persistent| persistent.for_page())
                .unwrap_or_default(),
            history: agent.history().iter().cloned().collect(),
        }
    }

    fn secret(&self) -> &str {
        &self.agent.identity().secret
    }

    fn shut_down(&self) {
        // Full means that it was asked already.
        let _ = self.stop.try_send(());
    }
}
