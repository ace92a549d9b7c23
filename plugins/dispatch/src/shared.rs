//! What the two threads share, and what the owner of the machine sees of it.

use crate::spool::{Progress, Spool};
use mig_plugin_sdk::Service;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Between two reports while much happens.
const REPORTS: Duration = Duration::from_secs(1);
/// Longest error text in a report, in characters.
const ERROR: usize = 200;

/// For the thread that takes alerts in and the one that delivers them.
pub(crate) struct Shared {
    spool: Mutex<Spool>,
    changed: Condvar,
    stopping: AtomicBool,
    talk: Mutex<Talk>,
}

/// What is said to the host beside the state of the buffer.
#[derive(Default)]
struct Talk {
    received: u64,
    duplicates: u64,
    failing: bool,
    error: String,
    sent: Option<(Instant, Status)>,
}

/// The counters of the status page. `stored` is always `delivered`, `rejected`,
/// `dropped`, `damaged` and `waiting` together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Status {
    received: u64,
    duplicates: u64,
    stored: u64,
    delivered: u64,
    retried: u64,
    rejected: u64,
    dropped: u64,
    damaged: u64,
    waiting: u64,
    waitingbytes: u64,
    failing: bool,
    lasterror: String,
    lastdelivered: String,
}

impl Shared {
    pub fn new(spool: Spool) -> Self {
        Self {
            spool: Mutex::new(spool),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
            talk: Mutex::default(),
        }
    }

    /// The buffer. It is consistent after every call, so a panic elsewhere
    /// poisons nothing.
    pub fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is more to deliver.
    pub fn wake(&self) {
        self.changed.notify_all();
    }

    /// Everything is to end.
    pub fn stop(&self) {
        // Under the lock: nobody may be about to wait without having seen it.
        let _spool = self.spool();
        self.stopping.store(true, Ordering::SeqCst);
        self.changed.notify_all();
    }

    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Waits until so many alerts wait, or the time is over, or the end has
    /// come; false when it was the time.
    pub fn wait(&self, time: Option<Duration>, wanted: impl Fn(u64) -> bool) -> bool {
        let deadline = time.map(|time| Instant::now() + time);
        let mut spool = self.spool();
        loop {
            if self.stopping() || wanted(spool.waiting()) {
                return true;
            }
            let Some(deadline) = deadline else {
                spool = self
                    .changed
                    .wait(spool)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(spool, left);
            spool = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Alerts came in, some of them for the second time.
    pub fn received(&self, count: u64, duplicates: u64) {
        let mut talk = self.talk();
        talk.received += count;
        talk.duplicates += duplicates;
    }

    /// Something does not work.
    pub fn failed(&self, error: String) {
        let mut talk = self.talk();
        talk.failing = true;
        talk.error = error.chars().take(ERROR).collect();
    }

    /// It works.
    pub fn succeeded(&self) {
        self.talk().failing = false;
    }

    /// Tells the host how things stand, if that has changed; not too often,
    /// unless it is now or never.
    pub fn report(&self, service: &Service<'_>, now: bool) {
        // From before the look at the buffer on: the other thread must not tell
        // what is newer in between, which this would hide.
        let mut talk = self.talk();
        let (progress, stored, waiting, bytes) = {
            let spool = self.spool();
            (
                *spool.progress(),
                spool.stored(),
                spool.waiting(),
                spool.waiting_bytes(),
            )
        };
        let status = Status {
            received: talk.received,
            duplicates: talk.duplicates,
            stored,
            delivered: progress.delivered,
            retried: progress.retried,
            rejected: progress.rejected,
            dropped: progress.dropped,
            damaged: progress.damaged,
            waiting,
            waitingbytes: bytes,
            failing: talk.failing,
            lasterror: talk.error.clone(),
            lastdelivered: moment(&progress),
        };
        let wanted = match &talk.sent {
            Some((when, last)) => *last != status && (now || when.elapsed() >= REPORTS),
            None => true,
        };
        if wanted {
            // A host that is gone ends the module soon.
            let _gone = service.status(&status);
            talk.sent = Some((Instant::now(), status));
        }
    }
}

fn moment(progress: &Progress) -> String {
    let seconds = i64::try_from(progress.last).unwrap_or_default();
    match seconds {
        0 => String::new(),
        _ => OffsetDateTime::from_unix_timestamp(seconds)
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok())
            .unwrap_or_default(),
    }
}
