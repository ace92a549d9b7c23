//! The running agent: everything its parts share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mig_host::{Cancel, Document, Job, Outcome};
use mig_protocol::clock::Clock;
use mig_protocol::{Agent as Record, AgentMode, AgentStatus, HeartbeatPost, Time};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::environment::{Surroundings, cloud};
use crate::execution::Runner;
use crate::history::History;
use crate::identity::Identity;
use crate::journal::{EntryId, Journal, Totals};
use crate::persistent::{self, Persistent};
use crate::record::Record as OwnersRecord;
use crate::settings::Settings;
use crate::trust::Trust;
use crate::{VERSION, answer, sys};

/// Commands accepted and not answered at one time; more wait with the relay.
const COMMANDS: usize = 32;

/// Quiet after which memory is given back.
const QUIET: Duration = Duration::from_millis(500);

/// Most time that persistent modules get to start before the first heartbeat
/// tells how they do.
const SETTLE: Duration = Duration::from_secs(3);

/// Where the agent is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// At work.
    Running,
    /// Takes no more commands; running modules are stopped and answers sent.
    Stopping,
    /// The connection may be closed.
    Over,
}

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

/// Most time for asking for the public address, whatever the number of ways.
const PUBLIC: Duration = Duration::from_secs(20);

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

    /// Waits until the agent is no longer at work.
    pub async fn until_stopping(&self) {
        let _ = self
            .phase
            .subscribe()
            .wait_for(|phase| *phase != Phase::Running)
            .await;
    }

    /// Waits until the connection may be closed.
    pub async fn until_over(&self) {
        let _ = self
            .phase
            .subscribe()
            .wait_for(|phase| *phase == Phase::Over)
            .await;
    }

    /// Moves on to the next phase; never back.
    pub fn enter(&self, next: Phase) {
        self.phase.send_if_modified(|phase| {
            let forward = matches!(
                (*phase, next),
                (Phase::Running, Phase::Stopping | Phase::Over) | (Phase::Stopping, Phase::Over)
            );
            if forward {
                *phase = next;
            }
            forward
        });
        if next == Phase::Stopping {
            self.cancel.cancel();
        }
    }

    /// Whether there is a connection to the relay.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Whether there ever was one.
    pub fn was_connected(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
        self.reached.fetch_or(connected, Ordering::Relaxed);
    }

    /// Whether a command is running, or an answer waits for the relay.
    pub(crate) fn has_work(&self) -> bool {
        *self.active.borrow() > 0 || *self.unsent.borrow() > 0
    }

    /// Room for one more command.
    pub async fn command_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.commands).acquire_owned().await.ok()
    }

    /// Room for one more operation.
    pub(crate) async fn operation_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.operations).acquire_owned().await.ok()
    }

    /// Counts a running command while the guard lives.
    pub(crate) fn activity(self: &Arc<Self>) -> Activity {
        self.active.send_modify(|count| *count += 1);
        Activity(Arc::clone(self))
    }

    /// Waits until no command is running.
    pub async fn until_inactive(&self) {
        let _ = self.active.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Waits until a command is running.
    #[cfg(test)]
    pub(crate) async fn until_active(&self) {
        let _ = self.active.subscribe().wait_for(|count| *count > 0).await;
    }

    /// Waits until no command is running and every answer was sent.
    pub async fn until_quiet(&self) {
        self.until_inactive().await;
        let _ = self.unsent.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Answers may have been stored.
    pub(crate) fn answers_waiting(&self) {
        self.answers.notify_one();
    }

    /// Keeps the count of unsent answers current, after a change of the journal.
    pub(crate) fn count_unsent(&self, totals: Totals) {
        self.unsent.send_replace(totals.unsent);
    }

    /// The oldest answer that was not sent yet; waits for one.
    pub(crate) async fn next_answer(self: &Arc<Self>) -> (EntryId, Vec<u8>) {
        loop {
            let agent = Arc::clone(self);
            let next = tokio::task::spawn_blocking(move || agent.oldest_answer()).await;
            if let Ok(Some(next)) = next {
                return next;
            }
            self.answers.notified().await;
        }
    }

    fn oldest_answer(&self) -> Option<(EntryId, Vec<u8>)> {
        let mut journal = self.journal();
        while let Some(entry) = journal.next_unsent(None) {
            match journal.answer(entry) {
                Ok(Some(answer)) => return Some((entry, answer)),
                Ok(None) => journal.sent(entry, self.now().unix_seconds()),
                Err(error) => {
                    tracing::error!("a stored result is lost: {error}");
                    journal.sent(entry, self.now().unix_seconds());
                }
            }
        }
        self.count_unsent(journal.totals());
        None
    }

    /// The relay has it.
    pub(crate) fn answer_sent(&self, entry: EntryId) {
        let mut journal = self.journal();
        journal.sent(entry, self.now().unix_seconds());
        self.count_unsent(journal.totals());
        drop(journal);
        tracing::debug!("the relay has a result");
        self.worked.notify_one();
    }

    /// The relay will never take this answer: a notice takes its place.
    pub(crate) fn give_up(&self, entry: EntryId, reason: &str) {
        tracing::error!("a result is dropped, the relay does not accept it: {reason}");
        let own = self.record();
        let mut journal = self.journal();
        journal.shorten(entry, &|command| {
            self.record_unsent(command, reason);
            answer::dropped(command, reason, &own)
        });
        self.count_unsent(journal.totals());
    }

    /// The connection goes through this proxy, or none.
    pub(crate) fn set_proxy(&self, proxy: Option<&str>) {
        let mut surroundings = lock(&self.surroundings);
        let before = surroundings.clone();
        let environment = &mut surroundings.environment;
        environment.isproxied = proxy.is_some();
        environment.proxy = proxy.unwrap_or_default().to_owned();
        let changed = surroundings.clone().changed_since(&before, self.now());
        *surroundings = changed;
    }

    /// Asks the network about this host, where the settings say so.
    pub async fn ask_network(&self) {
        let settings = &self.settings;
        let public = async {
            if settings.discover_public_ip {
                let authority = settings.authority();
                let asking = cloud::public_address(&settings.api, &settings.proxies, authority);
                tokio::time::timeout(PUBLIC, asking).await.ok().flatten()
            } else {
                None
            }
        };
        let aws = async {
            if settings.discover_aws && cloud::on_aws() {
                Some(cloud::aws().await)
            } else {
                None
            }
        };
        let (public, aws) = tokio::join!(public, aws);
        if settings.discover_public_ip && public.is_none() {
            tracing::warn!(
                "the public address of this host is unknown: {} does not tell it",
                settings.api
            );
        }
        let mut surroundings = lock(&self.surroundings);
        let before = surroundings.clone();
        if let Some(public) = public {
            surroundings.environment.publicip = public;
        }
        if let Some(aws) = aws {
            surroundings.environment.aws = aws;
        }
        let changed = surroundings.clone().changed_since(&before, self.now());
        *surroundings = changed;
    }

    /// The agent as it is now.
    pub fn record(&self) -> Record {
        let surroundings = lock(&self.surroundings).clone();
        Record {
            name: surroundings.name,
            queueloc: self.identity.queueloc.clone(),
            mode: if self.checkin {
                AgentMode::Checkin
            } else {
                AgentMode::Daemon
            },
            version: VERSION.to_owned(),
            pid: i64::from(std::process::id()),
            starttime: self.started,
            heartbeatts: self.now(),
            refreshts: surroundings.changed,
            status: AgentStatus::Online,
            environment: surroundings.environment,
            tags: self.settings.tags.clone(),
            ..Record::default()
        }
    }

    /// The agent as the scheduler knows it.
    pub fn told(&self) -> Option<Record> {
        lock(&self.told).clone()
    }

    /// Looks at the surroundings again if it is time, and returns the record to
    /// be sent.
    async fn refreshed_record(self: &Arc<Self>) -> Record {
        let now = self.now();
        let period = self.settings.refresh;
        let due = !period.is_zero() && now.since(*lock(&self.looked)) >= period;
        if due {
            *lock(&self.looked) = now;
            let agent = Arc::clone(self);
            let _ = tokio::task::spawn_blocking(move || {
                let before = lock(&agent.surroundings).clone();
                let after = before.refresh(agent.now());
                *lock(&agent.surroundings) = after;
            })
            .await;
            self.ask_network().await;
        }
        if let Some(persistent) = &self.persistent {
            if self.told().is_none() {
                // To schedulers of the original every change of an environment
                // is another agent: better to begin with the lasting one.
                let starting = Arc::clone(persistent);
                let _ = tokio::task::spawn_blocking(move || starting.settle(SETTLE)).await;
            }
            let mut surroundings = lock(&self.surroundings);
            let before = surroundings.clone();
            surroundings.environment.persistent = persistent.in_heartbeat();
            let changed = surroundings.clone().changed_since(&before, now);
            *surroundings = changed;
            drop(surroundings);
            persistent.set_surroundings(&self.record());
        }
        self.record()
    }

    /// Body of a heartbeat over the relay.
    pub(crate) async fn heartbeat_record(self: &Arc<Self>) -> Vec<u8> {
        let record = self.refreshed_record().await;
        let body = document(&record);
        *lock(&self.told) = Some(record);
        body
    }

    /// Body of a heartbeat to the API.
    pub(crate) async fn heartbeat_post(self: &Arc<Self>) -> Vec<u8> {
        let record = self.refreshed_record().await;
        let body = document(&HeartbeatPost::from_agent(&record, self.now()));
        *lock(&self.told) = Some(record);
        body
    }

    /// A heartbeat arrived: monitoring may look at the age of the file. It is
    /// put in place whole, so that nobody ever reads it empty.
    pub(crate) fn heartbeat_sent(&self) {
        let path = self.settings.run_directory.join(crate::heartbeat::MARKER);
        let new = path.with_extension("ok.new");
        let written = std::fs::write(&new, self.now().to_string())
            .and_then(|()| std::fs::rename(&new, &path));
        if let Err(error) = written {
            tracing::warn!("cannot write {}: {error}", path.display());
        }
        self.alive.send_replace(true);
        self.worked.notify_one();
    }

    /// Waits until a heartbeat has arrived.
    pub async fn until_alive(&self) {
        let _ = self.alive.subscribe().wait_for(|alive| *alive).await;
    }

    /// Gives memory back whenever there was work and then a moment's quiet, so
    /// that an idle agent weighs little and a busy one is not disturbed.
    pub async fn settle(&self) {
        loop {
            self.worked.notified().await;
            while tokio::time::timeout(QUIET, self.worked.notified())
                .await
                .is_ok()
            {}
            self.until_inactive().await;
            sys::return_memory();
        }
    }

    /// Stops: no more commands, modules are cancelled within `patience`, answers
    /// are stored and, as far as the relay takes them within `sending`, sent.
    pub async fn stop(&self, patience: Duration, sending: Duration) {
        self.enter(Phase::Stopping);
        if tokio::time::timeout(patience, self.until_inactive())
            .await
            .is_err()
        {
            tracing::error!("a module did not stop; its command is resumed at the next start");
        }
        if self.is_connected() {
            let _ = tokio::time::timeout(sending, self.until_quiet()).await;
        }
        self.enter(Phase::Over);
    }
}

/// A running command.
pub(crate) struct Activity(Arc<Agent>);

impl Drop for Activity {
    fn drop(&mut self) {
        self.0
            .active
            .send_modify(|count| *count = count.saturating_sub(1));
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
