//! The running agent: everything its parts share.

mod answers;
mod life;
mod presence;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mig_host::{Cancel, Document, Job, Outcome};
use mig_protocol::clock::Clock;
use mig_protocol::{Agent as Record, Time};
use tokio::sync::{Notify, Semaphore, watch};

use crate::environment::Surroundings;
use crate::execution::Runner;
use crate::history::History;
use crate::identity::Identity;
use crate::journal::Journal;
use crate::persistent::{self, Persistent};
use crate::record::Record as OwnersRecord;
use crate::settings::Settings;
use crate::trust::Trust;

pub use life::Phase;

/// Commands accepted and not answered at one time; more wait with the relay.
const COMMANDS: usize = 32;

/// What an agent is made of.
pub struct Parts {
    /// Its configuration.
    pub settings: Settings,
    /// Who it is.
    pub identity: Identity,
    /// Whose orders it takes.
    pub trust: Trust,
    /// Its memory.
    pub journal: Journal,
    /// What the owner of the machine can read.
    pub owners_record: Arc<OwnersRecord>,
    /// What runs its modules.
    pub runner: Arc<dyn Runner>,
    /// Its modules that run for as long as it does; none when they are turned
    /// off.
    pub persistent: Option<Arc<Persistent>>,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// What it found out about its host.
    pub surroundings: Surroundings,
    /// Whether it leaves when there is nothing to do.
    pub checkin: bool,
}

/// The agent.
pub struct Agent {
    settings: Settings,
    identity: Identity,
    trust: Trust,
    owners_record: Arc<OwnersRecord>,
    runner: Arc<dyn Runner>,
    persistent: Option<Arc<Persistent>>,
    clock: Arc<dyn Clock>,
    checkin: bool,
    started: Time,
    journal: Mutex<Journal>,
    surroundings: Mutex<Surroundings>,
    /// When the surroundings were last looked at.
    looked: Mutex<Time>,
    /// What the scheduler was last told.
    told: Mutex<Option<Record>>,
    history: Mutex<History>,
    commands: Arc<Semaphore>,
    operations: Arc<Semaphore>,
    cancel: Cancel,
    phase: watch::Sender<Phase>,
    /// An answer was stored, or sent.
    answers: Notify,
    /// Commands that are running.
    active: watch::Sender<usize>,
    unsent: watch::Sender<usize>,
    connected: AtomicBool,
    /// There was a connection.
    reached: AtomicBool,
    /// A heartbeat arrived.
    alive: watch::Sender<bool>,
    /// Something was done that may have left memory behind.
    worked: Notify,
}

impl Agent {
    /// Puts an agent together.
    pub fn new(parts: Parts) -> Self {
        let now = parts.clock.now();
        let unsent = parts.journal.totals().unsent;
        Self {
            history: Mutex::new(History::new(parts.settings.history)),
            operations: Arc::new(Semaphore::new(parts.settings.concurrent_operations)),
            commands: Arc::new(Semaphore::new(COMMANDS)),
            settings: parts.settings,
            identity: parts.identity,
            trust: parts.trust,
            owners_record: parts.owners_record,
            runner: parts.runner,
            persistent: parts.persistent,
            clock: parts.clock,
            checkin: parts.checkin,
            started: now,
            journal: Mutex::new(parts.journal),
            surroundings: Mutex::new(parts.surroundings),
            looked: Mutex::new(now),
            told: Mutex::new(None),
            cancel: Cancel::new(),
            phase: watch::Sender::new(Phase::Running),
            answers: Notify::new(),
            active: watch::Sender::new(0),
            unsent: watch::Sender::new(unsent),
            connected: AtomicBool::new(false),
            reached: AtomicBool::new(false),
            alive: watch::Sender::new(false),
            worked: Notify::new(),
        }
    }

    /// Its configuration.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whose orders it takes.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What the owner of the machine can read.
    pub fn owners_record(&self) -> &Arc<OwnersRecord> {
        &self.owners_record
    }

    /// What runs its modules.
    pub fn runner(&self) -> &Arc<dyn Runner> {
        &self.runner
    }

    /// Its modules that run for as long as it does.
    pub fn persistent(&self) -> Option<&Arc<Persistent>> {
        self.persistent.as_ref()
    }

    /// The answer of a persistent module, or why there is none; `None` when the
    /// job is for another one.
    pub(crate) fn ask_persistent(
        &self,
        job: &Job<'_>,
    ) -> Option<Result<Outcome<Document>, String>> {
        let module = job.module;
        persistent::manifest_of(&*self.runner, module)?;
        Some(match &self.persistent {
            Some(persistent) => persistent.query(module, &job.input, job.limits.wall, &self.cancel),
            None => Err(persistent::not_running(
                module,
                "persistent modules are turned off",
            )),
        })
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Whether it leaves when there is nothing to do.
    pub fn is_checkin(&self) -> bool {
        self.checkin
    }

    /// Stops modules that are running.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The journal. Held for the time of a write to the disk at most; not to be
    /// taken where the runtime would wait for it.
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.journal)
    }

    /// The last actions.
    pub fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A document as it goes over the wire.
pub(crate) fn document<T: serde::Serialize>(document: &T) -> Vec<u8> {
    // Times outside the years 0 to 9999 cannot be written; none was read.
    mig_protocol::json::to_go_json(document).unwrap_or_else(|error| {
        tracing::error!("a document cannot be written: {error}");
        Vec::new()
    })
}
