//! A host for unit tests of persistent modules. It goes through the C table like
//! a real one, and runs the module on a thread of the test.

mod table;

use super::Answer;
use crate::{PersistentModule, persistent_table};
use mig_plugin_abi::message;
use mig_plugin_payload::encode;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running persistent module. Dropping it asks the module to end and waits.
pub struct FakeService {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<i32>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Readable while there are messages.
    waiting: UnixStream,
    wake: UnixStream,
}

#[derive(Default)]
struct State {
    inbox: VecDeque<(u32, u64, Vec<u8>)>,
    stopping: bool,
    ended: bool,
    ready: bool,
    numbers: u64,
    alerts: Vec<String>,
    /// Nobody takes alerts.
    held: bool,
    answers: BTreeMap<u64, Result<Value, Value>>,
    stored: u64,
    status: Value,
    logs: Vec<(u32, String)>,
    error: Option<Value>,
    misuse: Vec<String>,
}

impl FakeService {
    /// Starts a module with an input of `serve`: `{"config":{…}}`, and whatever
    /// else matters of `hostname`, `environment`, `tags` and `directory`.
    ///
    /// # Panics
    /// When the input cannot be encoded or the system gives no thread.
    pub fn start<M: PersistentModule>(input: Value) -> Self {
        let (waiting, wake) = UnixStream::pair().expect("a pair of sockets");
        for end in [&waiting, &wake] {
            end.set_nonblocking(true)
                .expect("a socket that does not block");
        }
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            waiting,
            wake,
        });
        let input = encode(&input).expect("an input within the payload profile");
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let table = persistent_table::<M>(M::MANIFEST);
            let code = table::run(&table, &theirs, &input);
            let mut state = theirs.lock();
            state.ended = true;
            theirs.changed.notify_all();
            code
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// Waits until the module says that it is at work.
    ///
    /// # Panics
    /// When it ends instead, or does not say so in time.
    pub fn wait_until_ready(&self) {
        self.wait("ready", |state| state.ready.then_some(()));
    }

    /// Asks the module and waits for the answer: a result document, or the
    /// error record.
    ///
    /// # Panics
    /// When no answer comes in time.
    ///
    /// # Errors
    /// The error record of the module.
    pub fn query(&self, parameters: &Value) -> Result<Value, Value> {
        let number = self.say(message::QUERY, parameters);
        self.wait("the answer to a query", |state| {
            state.answers.remove(&number)
        })
    }

    /// Hands an alert of another module over and returns its number.
    pub fn alert(&self, source: &str, text: &str) -> u64 {
        self.say(message::ALERT, &json!({"source": source, "message": text}))
    }

    /// Tells that the machine is described differently now.
    pub fn surroundings(&self, surroundings: &Value) {
        self.say(message::SURROUNDINGS, surroundings);
    }

    /// The alerts so far, once there are at least so many.
    ///
    /// # Panics
    /// When they do not come in time.
    pub fn alerts(&self, least: usize) -> Vec<String> {
        self.wait("alerts", |state| {
            (state.alerts.len() >= least).then(|| state.alerts.clone())
        })
    }

    /// Waits for an alert that contains `text`.
    ///
    /// # Panics
    /// When none comes in time.
    pub fn alert_with(&self, text: &str) -> String {
        self.wait(text, |state| {
            state
                .alerts
                .iter()
                .find(|alert| alert.contains(text))
                .cloned()
        })
    }

    /// With `true`, nobody takes alerts: the module blocks as soon as it raises
    /// one, until this is called with `false` or it is asked to end.
    pub fn hold_alerts(&self, held: bool) {
        self.shared.lock().held = held;
        self.shared.changed.notify_all();
    }

    /// Waits until the module has stored every alert up to this number.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn wait_until_stored(&self, number: u64) {
        self.wait("an alert to be stored", |state| {
            (state.stored >= number).then_some(())
        });
    }

    /// Waits for a status that fulfils a condition, and returns it.
    ///
    /// # Panics
    /// When none comes in time.
    pub fn status_with(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait("a status", |state| {
            wanted(&state.status).then(|| state.status.clone())
        })
    }

    /// Log lines so far, with their severity.
    pub fn logs(&self) -> Vec<(u32, String)> {
        self.shared.lock().logs.clone()
    }

    /// Waits for a log line that contains `text`.
    ///
    /// # Panics
    /// When none comes in time.
    pub fn log_with(&self, text: &str) -> String {
        self.wait(text, |state| {
            let mut lines = state.logs.iter().map(|(_, line)| line);
            lines.find(|line| line.contains(text)).cloned()
        })
    }

    /// Waits until the module ends by itself, and says how: code, error record,
    /// logs, misuse of the boundary.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn ended(mut self) -> Answer {
        self.wait_for("the end of the module", |state| state.ended.then_some(()));
        self.take_answer()
    }

    /// Asks the module to end, and says how it did.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn stop(self) -> Answer {
        self.shared.stop();
        self.ended()
    }

    fn take_answer(&mut self) -> Answer {
        let code = self.thread.take().map(JoinHandle::join);
        let mut state = self.shared.lock();
        Answer {
            code: code
                .and_then(Result::ok)
                .expect("a module's thread that did not panic"),
            error: state.error.take(),
            logs: std::mem::take(&mut state.logs),
            misuse: std::mem::take(&mut state.misuse),
            ..Answer::default()
        }
    }

    fn say(&self, kind: u32, content: &Value) -> u64 {
        let payload = encode(content).expect("a message within the payload profile");
        let mut state = self.shared.lock();
        state.numbers += 1;
        let number = state.numbers;
        state.inbox.push_back((kind, number, payload));
        self.shared.wake();
        number
    }

    /// Waits for something that only a running module brings.
    fn wait<T>(&self, what: &str, found: impl Fn(&mut State) -> Option<T>) -> T {
        self.wait_for(what, |state| {
            let found = found(state);
            assert!(
                found.is_some() || !state.ended,
                "the module ended instead of {what}: {:?} {:?}",
                state.error,
                state.logs
            );
            found
        })
    }

    fn wait_for<T>(&self, what: &str, mut found: impl FnMut(&mut State) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        loop {
            if let Some(found) = found(&mut state) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "waited in vain for {what}: {:?}",
                state.logs
            );
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for FakeService {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // Whatever it returned, the test is over.
            let _ended = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // A full socket is readable as well.
        let _full = (&self.wake).write(&[0]);
        self.changed.notify_all();
    }

    fn stop(&self) {
        self.lock().stopping = true;
        self.wake();
    }
}
