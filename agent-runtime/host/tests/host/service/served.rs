//! A module that is kept running, and everything that is heard of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use mig_host::{
    Attendant, Cancel, Document, ForwardedAlert, Mailbox, ModuleStore, Outcome, Pace, ServiceEvent,
    ServiceJob,
};
use mig_testkit::wait_until;
use serde_json::{Value, json};

use super::plugin::Source;
use crate::c_plugins::Plugins;
use crate::setup::PATIENCE;

/// Clocks for tests: patient with modules, impatient between them.
pub const PACE: Pace = Pace {
    ping: Duration::from_millis(50),
    life: PATIENCE,
    grace: PATIENCE,
    pause: Duration::from_millis(5),
    longest_pause: Duration::from_millis(50),
    healthy: Duration::from_secs(600),
};

/// What was heard, and what the attendant shall do.
#[derive(Default)]
pub struct Seen {
    pub events: Vec<ServiceEvent>,
    pub alerts: Vec<String>,
    /// Alerts that are taken; all when `None`.
    pub room: Option<usize>,
    /// Alerts for the module.
    pub outgoing: Vec<ForwardedAlert>,
}

struct Listener(Arc<Mutex<Seen>>);

impl Attendant for Listener {
    fn event(&mut self, event: ServiceEvent) {
        let mut seen = lock(&self.0);
        if let ServiceEvent::Stored(number) = event {
            seen.outgoing.retain(|alert| alert.number > number);
        }
        seen.events.push(event);
    }

    fn take_alert(&mut self, text: &str) -> bool {
        let mut seen = lock(&self.0);
        let room = seen.room.is_none_or(|most| seen.alerts.len() < most);
        if room {
            seen.alerts.push(text.to_owned());
        }
        room
    }

    fn alert_after(&mut self, last: Option<u64>) -> Option<ForwardedAlert> {
        let seen = lock(&self.0);
        let after = |alert: &&ForwardedAlert| last.is_none_or(|last| alert.number > last);
        seen.outgoing.iter().find(after).cloned()
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a module is served with.
#[derive(Clone)]
pub struct Setting {
    pub config: Value,
    pub pace: Pace,
    pub privacy: bool,
    pub memory: u64,
    pub directory: Option<std::path::PathBuf>,
    pub room: Option<usize>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            config: json!({}),
            pace: PACE,
            privacy: false,
            memory: 256 << 20,
            directory: None,
            room: None,
        }
    }
}

/// A served module. Dropping it ends the module.
pub struct Served {
    pub mailbox: Mailbox,
    pub cancel: Cancel,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<()>>,
    _plugins: Option<Plugins>,
}

impl Served {
    /// Serves a plugin in C; `None`, with the test skipped, without a compiler.
    pub fn plugin(source: &Source<'_>, setting: Setting) -> Option<Self> {
        let (plugins, store) = source.store()?;
        let mut served = Self::start(store, source.name, setting);
        served._plugins = Some(plugins);
        Some(served)
    }

    pub fn start(store: ModuleStore, module: &str, setting: Setting) -> Self {
        let mailbox = Mailbox::new().expect("a mailbox");
        let cancel = Cancel::new();
        let seen = Arc::new(Mutex::new(Seen {
            room: setting.room,
            ..Seen::default()
        }));
        let (theirs, switch, listener) = (mailbox.clone(), cancel.clone(), Arc::clone(&seen));
        let module = module.to_owned();
        let thread = std::thread::spawn(move || {
            let mut job = ServiceJob {
                surroundings: json!({"hostname": "here", "environment": {}, "tags": {"k": "v"}}),
                pace: setting.pace,
                privacy: setting.privacy,
                directory: setting.directory,
                ..ServiceJob::new(&module, setting.config)
            };
            job.limits.memory = setting.memory;
            store.serve(&job, &theirs, &switch, &mut Listener(listener));
        });
        Self {
            mailbox,
            cancel,
            seen,
            thread: Some(thread),
            _plugins: None,
        }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// Waits for something that is seen.
    pub fn until<T>(&self, what: &str, found: impl Fn(&Seen) -> Option<T>) -> T {
        let mut value = None;
        let deadline = std::time::Instant::now() + PATIENCE;
        while value.is_none() {
            value = found(&self.seen());
            assert!(
                value.is_some() || std::time::Instant::now() < deadline,
                "{what}: {:?}",
                self.seen().events
            );
            if value.is_none() {
                std::thread::yield_now();
                std::thread::park_timeout(Duration::from_millis(2));
            }
        }
        value.expect("found")
    }

    pub fn until_ready(&self) {
        self.until("ready", |seen| {
            seen.events.contains(&ServiceEvent::Ready).then_some(())
        });
    }

    /// The reasons of the ends so far, once there are so many.
    pub fn ends(&self, least: usize) -> Vec<(String, Option<Duration>)> {
        self.until("ends", |seen| {
            let ends = ends_in(seen);
            (ends.len() >= least).then_some(ends)
        })
    }

    /// Reason of the first end.
    pub fn first_end(&self) -> String {
        let reason = self.ends(1).swap_remove(0).0;
        assert!(!reason.contains('\n'), "one line: {reason}");
        reason
    }

    pub fn alerts(&self, least: usize) -> Vec<String> {
        self.until("alerts", |seen| {
            (seen.alerts.len() >= least).then(|| seen.alerts.clone())
        })
    }

    pub fn log_with(&self, part: &str) -> String {
        self.until(part, |seen| {
            seen.events.iter().find_map(|event| match event {
                ServiceEvent::Log { message, .. } if message.contains(part) => {
                    Some(message.clone())
                }
                _ => None,
            })
        })
    }

    pub fn pids(&self) -> Vec<i32> {
        let pid = |event: &ServiceEvent| match event {
            ServiceEvent::Started { pid } => Some(*pid),
            _ => None,
        };
        self.seen().events.iter().filter_map(pid).collect()
    }

    pub fn ask(&self, parameters: Value) -> Outcome<Document> {
        self.mailbox.query(&parameters, PATIENCE, &Cancel::new())
    }

    /// Asks for the end, waits for it, and checks that no process is left.
    pub fn stop(mut self) -> Seen {
        self.cancel.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a thread that did not panic");
        }
        for pid in self.pids() {
            wait_until("the end of a worker", PATIENCE, || is_gone(pid));
        }
        std::mem::take(&mut *self.seen())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(thread) = self.thread.take() {
            // The test has failed already, or is over.
            let _ended = thread.join();
        }
    }
}

pub fn ends_in(seen: &Seen) -> Vec<(String, Option<Duration>)> {
    let end = |event: &ServiceEvent| match event {
        ServiceEvent::Ended { reason, again } => Some((reason.clone(), *again)),
        _ => None,
    };
    seen.events.iter().filter_map(end).collect()
}

pub fn is_gone(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}
