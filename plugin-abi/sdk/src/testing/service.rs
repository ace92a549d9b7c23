//! A host for unit tests of persistent modules. It goes through the C table like
//! a real one, and runs the module on a thread of the test.

use super::Answer;
use crate::{PersistentModule, persistent_table};
use mig_plugin_abi::{
    ABI_MAJOR, ABI_MINOR, MigBytes, MigHost, MigPlugin, MigService, ReceiveFn, SERVICE, message,
    notice,
};
use mig_plugin_payload::{decode, encode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest alert, as with real hosts.
const MAX_ALERT: usize = 256 << 10;

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
            let code = run(&table, &theirs, &input);
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

fn run(table: &MigPlugin, shared: &Shared, input: &[u8]) -> i32 {
    let service = Offer {
        table: MigService {
            size: size_of::<MigService>(),
            context: std::ptr::from_ref(shared).cast_mut().cast(),
            descriptor,
            next,
            send,
        },
        shared,
    };
    let host = MigHost {
        size: size_of::<MigHost>(),
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        reserved: 0,
        context: (&raw const service).cast_mut().cast(),
        log,
        emit,
        progress,
        cancelled,
        get_service,
    };
    let serve = table.serve.expect("the entry of a persistent module");
    // SAFETY: tables and input outlive the call.
    unsafe {
        serve(
            &raw const host,
            MigBytes::new(b"serve"),
            MigBytes::new(input),
        )
    }
}

/// What the context of the host's table points to.
struct Offer<'a> {
    table: MigService,
    shared: &'a Shared,
}

/// # Safety
/// `context` must be the one of the host's table while `run` runs.
unsafe fn offer<'a>(context: *mut c_void) -> &'a Offer<'a> {
    // SAFETY: promised by the caller.
    unsafe { &*context.cast_const().cast() }
}

/// # Safety
/// `context` must be the one of the service's table while `run` runs.
unsafe fn shared<'a>(context: *mut c_void) -> &'a Shared {
    // SAFETY: promised by the caller.
    unsafe { &*context.cast_const().cast() }
}

unsafe extern "C" fn log(context: *mut c_void, level: u32, message: MigBytes) {
    // SAFETY: called by the module with our context and readable bytes.
    let (shared, message) = unsafe { (offer(context).shared, message.as_slice()) };
    let message = String::from_utf8_lossy(message).into_owned();
    shared.lock().logs.push((level, message));
    shared.changed.notify_all();
}

unsafe extern "C" fn emit(
    context: *mut c_void,
    kind: u32,
    _place: MigBytes,
    payload: MigBytes,
) -> i32 {
    // SAFETY: as in `log`.
    let (shared, payload) = unsafe { (offer(context).shared, payload.as_slice()) };
    let mut state = shared.lock();
    match (kind, decode(payload, super::MAX_PAYLOAD)) {
        (mig_plugin_abi::emit::ERROR, Ok(record)) => state.error = Some(record),
        (_, Err(error)) => state.misuse.push(error.to_string()),
        // A partial result has no place in `serve`; hosts drop it.
        _ => {}
    }
    0
}

unsafe extern "C" fn progress(_context: *mut c_void, _done: u64, _total: u64) {}

unsafe extern "C" fn cancelled(context: *mut c_void) -> i32 {
    // SAFETY: as in `log`.
    i32::from(unsafe { offer(context) }.shared.lock().stopping)
}

unsafe extern "C" fn get_service(context: *mut c_void, id: MigBytes) -> *const c_void {
    // SAFETY: as in `log`.
    let (offer, id) = unsafe { (offer(context), id.as_slice()) };
    match id == SERVICE.as_bytes() {
        true => (&raw const offer.table).cast(),
        false => std::ptr::null(),
    }
}

unsafe extern "C" fn descriptor(context: *mut c_void) -> i32 {
    // SAFETY: called by the module with our context.
    unsafe { shared(context) }.waiting.as_raw_fd()
}

unsafe extern "C" fn next(
    context: *mut c_void,
    milliseconds: i32,
    receive: ReceiveFn,
    taker: *mut c_void,
) -> i32 {
    // SAFETY: called by the module with our context.
    let shared = unsafe { shared(context) };
    let patience = u64::try_from(milliseconds).map_or(PATIENCE * 60, Duration::from_millis);
    let deadline = Instant::now() + patience;
    let mut state = shared.lock();
    let (kind, number, payload) = loop {
        if state.stopping {
            return -1;
        }
        if let Some(message) = state.inbox.pop_front() {
            if state.inbox.is_empty() {
                // Not readable any longer.
                while (&shared.waiting)
                    .read(&mut [0; 64])
                    .is_ok_and(|count| count > 0)
                {}
            }
            break message;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return 0;
        }
        let waited = shared.changed.wait_timeout(state, left);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    };
    drop(state);
    // SAFETY: the module's own function with what it gave us for it.
    unsafe { receive(taker, kind, number, MigBytes::new(&payload)) };
    1
}

unsafe extern "C" fn send(context: *mut c_void, kind: u32, number: u64, payload: MigBytes) -> i32 {
    // SAFETY: called by the module with our context and readable bytes.
    let (shared, payload) = unsafe { (shared(context), payload.as_slice()) };
    let mut state = shared.lock();
    while kind == notice::ALERT && state.held && !state.stopping {
        let woken = shared.changed.wait(state);
        state = woken.unwrap_or_else(PoisonError::into_inner);
    }
    let content = || decode(payload, super::MAX_PAYLOAD).map_err(|error| error.to_string());
    let outcome = match kind {
        notice::READY => {
            state.ready = true;
            Ok(())
        }
        notice::ALERT if payload.len() > MAX_ALERT => return 1,
        notice::ALERT => match std::str::from_utf8(payload) {
            Ok(text) => {
                state.alerts.push(text.to_owned());
                Ok(())
            }
            Err(_) => Err("an alert that is not UTF-8".to_owned()),
        },
        notice::ANSWER => content().map(|answer| {
            state.answers.insert(number, Ok(answer));
        }),
        notice::FAILURE => content().map(|record| {
            state.answers.insert(number, Err(record));
        }),
        notice::STORED => {
            state.stored = state.stored.max(number);
            Ok(())
        }
        notice::STATUS => content().map(|status| state.status = status),
        other => Err(format!("a notice of unknown kind {other}")),
    };
    shared.changed.notify_all();
    match outcome {
        Ok(()) => 0,
        Err(misuse) => {
            state.misuse.push(misuse);
            1
        }
    }
}
