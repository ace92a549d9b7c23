//! Persistent modules: one worker for as long as the program wants it, started
//! again when it ends, watched for signs of life, asked and told things while it
//! runs.

mod alerts;
mod follow;
mod incoming;
mod life;
mod mailbox;
mod outgoing;
mod pause;
mod query;
mod serve;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::job::Limits;
use crate::sandbox::SandboxReport;
pub use mailbox::Mailbox;

/// A persistent module to keep running.
#[derive(Debug, Clone)]
pub struct ServiceJob<'a> {
    /// Name of the module.
    pub module: &'a str,
    /// Its configuration file, as the manifest's `serve` describes it.
    pub config: Value,
    /// `{"hostname":"…","environment":{…},"tags":{…}}` at the start; what
    /// [`Mailbox::surroundings`] says later counts from then on.
    pub surroundings: Value,
    /// Its own directory, for modules with the capability `state-directory`:
    /// made when it is missing, for its owner alone. It must be absolute, no
    /// link, and in directories that nobody else can change.
    pub directory: Option<PathBuf>,
    /// Budgets. Memory and descriptors are the worker's, output is that of each
    /// answer to a query; wall and processor time have no meaning here.
    pub limits: Limits,
    /// Extra privacy mode: mask answers and alerts as the manifest declares.
    pub privacy: bool,
    /// Clocks.
    pub pace: Pace,
}

impl<'a> ServiceJob<'a> {
    /// A job with this configuration and defaults for everything else.
    pub fn new(module: &'a str, config: Value) -> Self {
        Self {
            module,
            config,
            surroundings: Value::Null,
            directory: None,
            limits: Limits::default(),
            privacy: false,
            pace: Pace::default(),
        }
    }
}

/// The clocks of a persistent module. The defaults are those of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one sign of life to the question for the next: 10 s.
    pub ping: Duration,
    /// Without a sign of life for so long a worker is killed: 30 s.
    pub life: Duration,
    /// From being asked to end to being killed: 5 s.
    pub grace: Duration,
    /// From an end to the next start, at first: 1 s. It doubles each time, and
    /// varies by a quarter so that modules that fail together do not start
    /// together.
    pub pause: Duration,
    /// The longest it becomes: 5 min.
    pub longest_pause: Duration,
    /// After running for so long a worker counts as healthy, and the next pause
    /// is a first one again: 10 min.
    pub healthy: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(10),
            life: Duration::from_secs(30),
            grace: Duration::from_secs(5),
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(300),
            healthy: Duration::from_secs(600),
        }
    }
}

/// What happens to a persistent module.
#[derive(Debug, Clone, PartialEq)]
pub enum ServiceEvent {
    /// A worker was started.
    Started {
        /// Its process.
        pid: i32,
    },
    /// The guards of the worker, before the module is loaded.
    Sandbox(SandboxReport),
    /// The module is at work: it takes queries, and alerts if it declares them.
    Ready,
    /// Every forwarded alert up to this number is in safe keeping. Never more
    /// than was handed over to this worker.
    Stored(u64),
    /// What the module wants the owner of the machine to see: a flat object of
    /// numbers, booleans and short texts. At most one each second. Like log
    /// lines these are the module's own words, which in extra privacy mode must
    /// stay on the machine.
    Status(Value),
    /// A log line of the module; the module's own words.
    Log {
        /// Severity as in syslog: 3 error, 4 warning, 6 information, 7 debug.
        level: u32,
        /// One line, control characters replaced.
        message: String,
    },
    /// So many log lines were left out, because the module wrote more than ten
    /// each second.
    LogsLeftOut(u64),
    /// Alerts of the module that were dropped.
    AlertsDropped {
        /// How many.
        count: u64,
        /// Why, in one line without the module's own words.
        reason: String,
    },
    /// The worker was asked to end, did so, and is started again at once: of the
    /// files that it may read, this one was replaced by another.
    Renewed {
        /// Where the file is.
        path: String,
    },
    /// The worker has ended, or could not be started.
    Ended {
        /// One line that names the module. In extra privacy mode it does not
        /// quote the module.
        reason: String,
        /// When it is started again; `None` after a cancel.
        again: Option<Duration>,
    },
}

/// An alert of another module, for one with the capability `alerts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardedAlert {
    /// Its number, which rises from alert to alert.
    pub number: u64,
    /// Name of the module that raised it.
    pub source: String,
    /// Its text.
    pub text: String,
}

/// Who has a persistent module served: hears of it, takes its alerts, and has
/// others for it. Every function is called on the thread of
/// [`ModuleStore::serve`](crate::ModuleStore::serve), and holds up the module
/// while it runs.
pub trait Attendant {
    /// Something happened.
    fn event(&mut self, event: ServiceEvent);

    /// Takes an alert of the module: valid UTF-8 as it came, or in extra privacy
    /// mode the masked JSON object. False when there is no room now: then no
    /// other is offered until [`Mailbox::wake`] is called, when this one comes
    /// again. Meanwhile the module blocks as soon as it raises more than some
    /// 256 KiB of further alerts, which are kept here; everything else goes on.
    fn take_alert(&mut self, text: &str) -> bool;

    /// The alert for the module with the lowest number above `last`, or the
    /// first one that is not stored when `last` is `None`, which is so after
    /// each start. Asked only for a module that is ready and declares `alerts`,
    /// and has room; after `None`, only once [`Mailbox::wake`] was called.
    fn alert_after(&mut self, last: Option<u64>) -> Option<ForwardedAlert> {
        let _ = last;
        None
    }
}

/// Treats arbitrary bytes as what a serving worker sends, for fuzzing: nothing
/// it sends may do more than give events, and nothing of it may pile up.
#[doc(hidden)]
pub fn fuzz_serving(stream: &[u8]) {
    const MANIFEST: &[u8] = br#"{"name":"fuzz","version":"1","persistent":true,
        "abi":{"major":1,"fingerprint":"-"},
        "operations":{"run":{},"serve":{"result":{"type":"object","properties":{
            "user":{"type":"string","x-mig-privacy":"name"}}}}}}"#;

    /// Takes every second alert that it is offered.
    struct Fuzzy(usize);
    impl Attendant for Fuzzy {
        fn event(&mut self, event: ServiceEvent) {
            if let ServiceEvent::Log { message, .. } = event {
                assert!(!message.contains('\n'));
            }
        }
        fn take_alert(&mut self, text: &str) -> bool {
            self.0 += 1;
            assert!(text.len() <= crate::frame::MAX_ALERT * 2);
            self.0.is_multiple_of(2)
        }
    }

    let (Ok(manifest), Ok(mailbox)) = (
        mig_plugin_payload::Manifest::parse(MANIFEST),
        Mailbox::new(),
    ) else {
        return;
    };
    let limits = Limits {
        output: 1 << 16,
        ..Limits::default()
    };
    let privacy = stream.first().is_some_and(|byte| byte & 1 == 1);
    let mut attendant = Fuzzy(0);
    let mut incoming = incoming::Incoming::new(
        std::sync::Arc::new(manifest),
        limits,
        privacy,
        &mailbox,
        &mut attendant,
    );
    // Start inside the interesting part.
    let mut ready = Vec::new();
    crate::frame::append(
        &mut ready,
        crate::frame::Kind::Ready,
        b"",
        br#"{"guards":[]}"#,
    );
    let mut fault = incoming.take(&ready).err();
    let now = std::time::Instant::now();
    for part in stream.chunks(61) {
        if fault.is_some() {
            break;
        }
        incoming.alerts.credit(now);
        fault = incoming.take(part).err();
        incoming.alerts.woken();
        incoming.alerts.deliver(incoming.attendant);
    }
    incoming.alerts.give_up();
    incoming.report(now, true);
    assert!(fault.is_none_or(|fault| !fault.is_empty()));
}
