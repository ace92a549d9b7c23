//! Modules that run for as long as the agent does: which of them are enabled,
//! how they do, and the way of alerts and queries between them and everybody
//! else.
//!
//! A module is enabled by its configuration file. The file is looked at when
//! the agent starts, whenever it refreshes its environment, and on a SIGHUP:
//! one that is new, repaired or changed starts the module with it, one that is
//! gone ends the module, and a running module keeps what it has when its file
//! no longer makes sense.

mod alert_log;
mod alerts;
mod attendant;
pub(crate) mod configuration;
pub mod foreground;

mod slot;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mig_host::{Cancel, Document, Limits, Mailbox, Outcome, ServiceJob};
use mig_plugin_payload::{Capability, Manifest};
use mig_protocol::Agent as Record;
use serde_json::{Value, json};

use crate::execution::Runner;
use crate::record::Record as OwnersRecord;
use crate::settings::Settings;
use alerts::{Alerts, Counts};
use attendant::Watcher;
use slot::{Slot, State};

/// Stack of a thread that serves a module.
const STACK: usize = 256 << 10;
/// When the agent ends: time for the module that takes alerts to take the last
/// ones.
const LAST_ALERTS: Duration = Duration::from_secs(3);
/// Most time a question waits for a module that is just being started.
const EARLY: Duration = Duration::from_secs(20);
/// Directory below the run directory that holds those of the modules.
const STATE: &str = "modules";

/// The persistent modules of an agent.
pub struct Persistent {
    runner: Arc<dyn Runner>,
    directory: PathBuf,
    state_directory: PathBuf,
    limits: Limits,
    privacy: bool,
    slots: Vec<Arc<Slot>>,
    alerts: Arc<Alerts>,
    record: Arc<OwnersRecord>,
    /// Held while files are looked at; queries and alerts do not need it.
    running: Mutex<Running>,
    surroundings: Mutex<Value>,
}

#[derive(Default)]
struct Running {
    started: BTreeMap<Arc<str>, Started>,
    stopping: bool,
}

/// A module that has a thread.
struct Started {
    config: Value,
    cancel: Cancel,
    thread: JoinHandle<()>,
}

impl Started {
    /// Asks the module to end and waits until it did.
    fn end(self) {
        self.cancel.cancel();
        // A panic was reported by the thread itself.
        let _ = self.thread.join();
    }
}

impl Persistent {
    /// The persistent modules that `runner` has. None is started yet.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new(
        runner: Arc<dyn Runner>,
        settings: &Settings,
        record: Arc<OwnersRecord>,
    ) -> io::Result<Self> {
        let mut slots = Vec::new();
        for manifest in runner.persistent() {
            let takes_alerts = manifest.needs(&Capability::Alerts);
            let slot = Slot::new(&manifest.name, takes_alerts, Mailbox::new()?);
            slots.push(Arc::new(slot));
        }
        slots.sort_by(|one, other| one.name.cmp(&other.name));
        let of_alerts = slots.clone();
        let alerts = Alerts::new(move |name| {
            if let Some(slot) = of_alerts.iter().find(|slot| *slot.name == *name) {
                slot.mailbox.wake();
            }
        });
        Ok(Self {
            runner,
            directory: settings.module_configuration.clone(),
            // The host wants to know the whole way.
            state_directory: std::path::absolute(settings.run_directory.join(STATE))?,
            limits: settings.limits,
            privacy: settings.privacy,
            slots,
            alerts: Arc::new(alerts),
            record,
            running: Mutex::default(),
            surroundings: Mutex::new(Value::Null),
        })
    }

    /// Looks at the configuration files, and starts, changes and ends modules
    /// as they say. Blocks while modules end.
    pub fn look(&self) {
        let mut running = self.lock();
        if running.stopping {
            return;
        }
        // A flood that is over has nobody else to say what it cost.
        self.alerts.counts();
        let mut starting = Vec::new();
        for slot in &self.slots {
            if let Some(config) = self.wanted(slot, &mut running) {
                starting.push((slot, config));
            }
        }
        // Before anything runs: no alert shall miss the module that takes it.
        let takes = |slot: &&Arc<Slot>| {
            slot.takes_alerts
                && (running.started.contains_key(&slot.name)
                    || starting.iter().any(|(other, _)| Arc::ptr_eq(other, slot)))
        };
        let mut takers = self.slots.iter().filter(takes);
        self.alerts.set_taker(takers.next().map(|slot| &*slot.name));
        for other in takers {
            tracing::warn!(
                "module {} gets no alerts: another module takes them",
                other.name
            );
        }
        for (slot, config) in starting {
            if let Some(started) = self.start(slot, config) {
                running.started.insert(Arc::clone(&slot.name), started);
            }
        }
    }

    /// The configuration a module shall be started with now, if it shall be. One
    /// that runs with another is ended first.
    fn wanted(&self, slot: &Slot, running: &mut Running) -> Option<Value> {
        let file = self.file(&slot.name);
        let manifest = manifest_of(&*self.runner, &slot.name);
        let schema = manifest.and_then(Manifest::configuration);
        let name = &slot.name;
        match configuration::read(&file, schema) {
            Ok(Some(config)) => {
                slot.remark(None);
                match running.started.remove(name) {
                    Some(same) if same.config == config && !same.thread.is_finished() => {
                        running.started.insert(Arc::clone(name), same);
                        return None;
                    }
                    Some(other) => {
                        tracing::info!(
                            "module {name} is started again: {} has changed",
                            file.display()
                        );
                        other.end();
                    }
                    None => {}
                }
                Some(config)
            }
            Ok(None) => {
                if let Some(started) = running.started.remove(name) {
                    started.end();
                }
                if slot.set(State::NotConfigured) {
                    tracing::info!("module {name} does not run: there is no {}", file.display());
                }
                None
            }
            Err(reason) if running.started.contains_key(name) => {
                if slot.remark(Some(reason.clone())) {
                    tracing::error!("{reason}; module {name} runs on with what it has");
                }
                None
            }
            Err(reason) => {
                if slot.set(State::Misconfigured(reason.clone())) {
                    tracing::error!("{reason}; module {name} is not started");
                }
                None
            }
        }
    }

    fn start(&self, slot: &Arc<Slot>, config: Value) -> Option<Started> {
        slot.set(State::Starting);
        let cancel = Cancel::new();
        let watcher = Watcher {
            slot: Arc::clone(slot),
            alerts: Arc::clone(&self.alerts),
            record: Arc::clone(&self.record),
            privacy: self.privacy,
        };
        let serving = Serving {
            runner: Arc::clone(&self.runner),
            config: config.clone(),
            surroundings: lock(&self.surroundings).clone(),
            directory: self.state_directory.join(&*slot.name),
            limits: self.limits,
            privacy: self.privacy,
            cancel: cancel.clone(),
            watcher,
        };
        let thread = std::thread::Builder::new()
            .name(format!("mig-{}", slot.name))
            .stack_size(STACK)
            .spawn(move || serving.run());
        match thread {
            Ok(thread) => Some(Started {
                config,
                cancel,
                thread,
            }),
            Err(error) => {
                let reason = format!("there is no thread for it: {error}");
                tracing::error!("module {} is not started: {reason}", slot.name);
                slot.set(State::Misconfigured(reason));
                None
            }
        }
    }

    /// The machine, as it is described from now on. Modules hear of it when
    /// something is different.
    pub fn set_surroundings(&self, record: &Record) {
        let mut environment = record.environment.clone();
        // How they do themselves is no news to them.
        environment.persistent = BTreeMap::new();
        let surroundings =
            json!({"hostname": record.name, "environment": environment, "tags": record.tags});
        let mut known = lock(&self.surroundings);
        if *known == surroundings {
            return;
        }
        known.clone_from(&surroundings);
        for slot in &self.slots {
            slot.mailbox.surroundings(surroundings.clone());
        }
    }

    /// Asks a running module, or one that is about to run.
    ///
    /// # Errors
    /// Why it is not asked, in one line.
    pub fn query(
        &self,
        module: &str,
        parameters: &Value,
        wall: Duration,
        cancel: &Cancel,
    ) -> Result<Outcome<Document>, String> {
        let slot = self.slots.iter().find(|slot| *slot.name == *module);
        let slot = slot.ok_or_else(|| not_running(module, "it is not part of this agent"))?;
        let file = self.file(module).display().to_string();
        let asked = Instant::now();
        slot.wait_for_start(wall.min(EARLY), cancel);
        let wall = wall.saturating_sub(asked.elapsed());
        if let Some(reason) = slot.why_not(&file, self.privacy) {
            return Err(not_running(module, &reason));
        }
        Ok(slot.mailbox.query(parameters, wall, cancel))
    }

    /// Waits until every enabled module is at work or has failed, at most so
    /// long.
    pub fn settle(&self, longest: Duration) {
        let end = Instant::now() + longest;
        for slot in &self.slots {
            let left = end.saturating_duration_since(Instant::now());
            slot.wait_for_start(left, &Cancel::new());
        }
    }

    /// How the enabled modules do, for heartbeats.
    pub fn in_heartbeat(&self) -> BTreeMap<String, String> {
        let told = self.slots.iter().filter_map(|slot| {
            let how = slot.in_heartbeat(self.privacy)?;
            Some((slot.name.to_string(), how))
        });
        told.collect()
    }

    /// What the status page shows: for each module its rows, and those of the
    /// alerts at the end.
    pub fn for_page(&self) -> Vec<(String, Vec<(String, String)>)> {
        let mut page: Vec<_> = self
            .slots
            .iter()
            .map(|slot| {
                let file = self.file(&slot.name).display().to_string();
                (slot.name.to_string(), slot.rows(&file))
            })
            .collect();
        let counts = self.alerts.counts();
        if counts != Counts::default() {
            let rows = [
                ("raised", counts.raised.to_string()),
                ("stored", counts.stored.to_string()),
                (
                    "waiting",
                    format!("{} ({} bytes)", counts.waiting, counts.waiting_bytes),
                ),
                ("in the log", counts.logged.to_string()),
                ("too many for the log", counts.left_out.to_string()),
            ];
            let rows = rows.map(|(name, value)| (name.to_owned(), value)).into();
            page.push(("alerts".to_owned(), rows));
        }
        page
    }

    /// Ends all modules: first those that raise alerts, then, when it has had
    /// time for the last of them, the one that takes them.
    pub fn stop(&self) {
        let mut running = self.lock();
        running.stopping = true;
        let all = std::mem::take(&mut running.started);
        drop(running);
        let takes = |name: &str| {
            let slot = self.slots.iter().find(|slot| *slot.name == *name);
            slot.is_some_and(|slot| slot.takes_alerts)
        };
        let (takers, sources): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(name, _)| takes(name));
        for (_, source) in &sources {
            source.cancel.cancel();
        }
        for (_, source) in sources {
            source.end();
        }
        self.wait_for_the_last();
        for (_, taker) in &takers {
            taker.cancel.cancel();
        }
        for (_, taker) in takers {
            taker.end();
        }
        for (source, count) in self.alerts.close() {
            self.record
                .alerts_dropped(&source, count, "the agent ended before a module took them");
        }
    }

    fn wait_for_the_last(&self) {
        let end = Instant::now() + LAST_ALERTS;
        let taken = || {
            self.slots
                .iter()
                .any(|slot| slot.takes_alerts && slot.is_running())
        };
        while self.alerts.counts().waiting > 0 && taken() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn file(&self, module: &str) -> PathBuf {
        file_in(&self.directory, module)
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        lock(&self.running)
    }
}

/// Everything the thread of a module needs.
struct Serving {
    runner: Arc<dyn Runner>,
    config: Value,
    surroundings: Value,
    directory: PathBuf,
    limits: Limits,
    privacy: bool,
    cancel: Cancel,
    watcher: Watcher,
}

impl Serving {
    fn run(mut self) {
        let slot = Arc::clone(&self.watcher.slot);
        let job = ServiceJob {
            surroundings: self.surroundings,
            directory: Some(self.directory),
            limits: self.limits,
            privacy: self.privacy,
            ..ServiceJob::new(&slot.name, self.config)
        };
        self.runner
            .serve(&job, &slot.mailbox, &self.cancel, &mut self.watcher);
    }
}

/// Where a module's configuration is.
pub(crate) fn file_in(directory: &Path, module: &str) -> PathBuf {
    directory.join(format!("{module}.cfg"))
}

/// The manifest of a module, if it is a persistent one.
pub(crate) fn manifest_of<'a>(runner: &'a dyn Runner, module: &str) -> Option<&'a Manifest> {
    runner
        .persistent()
        .into_iter()
        .find(|manifest| manifest.name == module)
}

/// Why a query was not answered.
pub(crate) fn not_running(module: &str, reason: &str) -> String {
    format!("module '{module}' is not running: {reason}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
