//! From the program to a running module: queries, news, and wake-ups, from any
//! thread.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mig_plugin_payload::{Manifest, encode};
use serde_json::Value;

use super::query::{Reply, Slot};
use crate::job::Limits;
use crate::message::{self, Kind};
use crate::sandbox::SandboxReport;
use crate::sys::event::Event;

/// Queries that may be open at once: each answer may be as large as the output
/// limit.
const MAX_OPEN: usize = 16;
/// Bytes that may wait for a module that does not read them.
const MAX_BACKLOG: usize = 16 << 20;
/// With so many bytes waiting, news of the surroundings can wait as well, until
/// only the latest count.
const BUSY: usize = 64 << 10;

/// The way to one persistent module, whether it runs or not. Clones share it;
/// one [`ModuleStore::serve`](crate::ModuleStore::serve) at a time uses it.
#[derive(Debug, Clone)]
pub struct Mailbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Readable while there is something for the serving thread.
    wake: Event,
}

#[derive(Debug, Default)]
struct State {
    /// The module that takes queries now.
    ready: Option<Arc<Ready>>,
    /// Why there is none.
    why_not: String,
    last_query: u64,
    open: HashMap<u64, Arc<Slot>>,
    /// Messages that the serving thread has not fetched yet.
    letters: Vec<u8>,
    /// Bytes that it has fetched, and that the module has not read yet.
    backlog: usize,
    surroundings: Option<Value>,
    /// The module has not been told of them.
    moved: bool,
    woken: bool,
}

/// A module that takes queries.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) manifest: Arc<Manifest>,
    pub(super) limits: Limits,
    pub(super) privacy: bool,
    pub(super) sandbox: SandboxReport,
}

impl Mailbox {
    /// A mailbox of a module that does not run yet.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(Shared {
            state: Mutex::new(State {
                why_not: "the module is not running: it has not been started".to_owned(),
                ..State::default()
            }),
            wake: Event::new()?,
        })))
    }

    /// Tells the module that the machine is described differently now:
    /// `{"hostname":"…","environment":{…},"tags":{…}}`. One that is started
    /// later starts with it.
    pub fn surroundings(&self, surroundings: Value) {
        let mut state = self.lock();
        state.surroundings = Some(surroundings);
        state.moved = true;
        self.0.wake.raise();
    }

    /// Tells the module something of a kind that it cannot know, as a newer host
    /// may. For checking modules, not for using them: it has to pass over that.
    pub fn something_strange(&self) {
        let mut state = self.lock();
        if state.ready.is_some() {
            message::append(&mut state.letters, Kind::Strange, 0, b"\xff");
            self.0.wake.raise();
        }
    }

    /// There is room for alerts of the module again, or another alert for it.
    pub fn wake(&self) {
        self.lock().woken = true;
        self.0.wake.raise();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side of those who ask.
impl Mailbox {
    /// The module that takes queries, or why there is none.
    pub(super) fn ready(&self) -> Result<Arc<Ready>, String> {
        let state = self.lock();
        state.ready.clone().ok_or_else(|| state.why_not.clone())
    }

    /// Hands a query over.
    pub(super) fn ask(&self, payload: &[u8], slot: &Arc<Slot>) -> Result<u64, String> {
        let mut state = self.lock();
        let Some(ready) = &state.ready else {
            return Err(state.why_not.clone());
        };
        if state.open.len() >= MAX_OPEN {
            return Err(format!(
                "module `{}` has {MAX_OPEN} queries to answer already; ask again later",
                ready.manifest.name
            ));
        }
        if state.backlog + state.letters.len() + payload.len() > MAX_BACKLOG {
            return Err(format!(
                "module `{}` does not read what it is asked; ask again later",
                ready.manifest.name
            ));
        }
        state.last_query += 1;
        let number = state.last_query;
        state.open.insert(number, Arc::clone(slot));
        message::append(&mut state.letters, Kind::Query, number, payload);
        self.0.wake.raise();
        Ok(number)
    }

    /// Nobody waits for the answer any longer.
    pub(super) fn forget(&self, number: u64) {
        self.lock().open.remove(&number);
    }
}

/// The side of the serving thread.
impl Mailbox {
    pub(super) fn event(&self) -> BorrowedFd<'_> {
        self.0.wake.as_fd()
    }

    /// Moves what has come in to the end of `unsent`; true when somebody called
    /// [`Mailbox::wake`].
    pub(super) fn fetch(&self, unsent: &mut Vec<u8>) -> bool {
        self.0.wake.clear();
        let mut state = self.lock();
        if unsent.is_empty() {
            *unsent = std::mem::take(&mut state.letters);
        } else {
            unsent.append(&mut state.letters);
            state.letters = Vec::new();
        }
        if state.moved && state.ready.is_some() && unsent.len() < BUSY {
            state.moved = false;
            // What cannot be sent is a start that fails, and says so.
            if let Some(Ok(payload)) = state.surroundings.as_ref().map(encode) {
                message::append(unsent, Kind::Surroundings, 0, &payload);
            }
        }
        state.backlog = unsent.len();
        std::mem::take(&mut state.woken)
    }

    /// The latest description of the machine, if there is a later one than that
    /// of the job, for a module that is about to be started.
    pub(super) fn latest_surroundings(&self) -> Option<Value> {
        let mut state = self.lock();
        state.moved = false;
        state.surroundings.clone()
    }

    /// Queries may come.
    pub(super) fn open_for(&self, ready: Ready) {
        self.lock().ready = Some(Arc::new(ready));
    }

    /// Hands an answer to whoever waits for it; false when nobody does.
    pub(super) fn reply(&self, number: u64, reply: impl FnOnce() -> Reply) -> bool {
        let slot = self.lock().open.remove(&number);
        slot.is_some_and(|slot| {
            slot.fill(reply());
            true
        })
    }

    /// No more queries; the open ones fail. `why_not` is what is said of those
    /// that come later.
    pub(super) fn close(&self, reason: &str, why_not: String) {
        let mut state = self.lock();
        state.ready = None;
        state.why_not = why_not;
        state.letters = Vec::new();
        for (_, slot) in state.open.drain() {
            slot.fill(Reply::Ended(reason.to_owned()));
        }
    }
}
