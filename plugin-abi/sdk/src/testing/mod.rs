//! A host for unit tests: it collects what a module emits, and can cancel or
//! refuse at a chosen moment. It goes through the C table like a real one.

mod service;

pub use service::FakeService;

use crate::{Module, ResultDocument, table};
use mig_plugin_abi::{ABI_MAJOR, ABI_MINOR, MigBytes, MigHost, MigPlugin, code, emit};
use mig_plugin_payload::assemble::Assembler;
use mig_plugin_payload::{decode, encode};
use serde_json::Value;
use std::ffi::c_void;
use std::sync::Mutex;

/// Payloads larger than this fail the test that emits them.
const MAX_PAYLOAD: usize = 64 << 20;

/// A host to run operations against.
#[derive(Debug, Default)]
pub struct FakeHost {
    cancel_after: Option<u64>,
    refuse_after: Option<u64>,
}

/// Everything an operation did.
#[derive(Debug, Default)]
pub struct Answer {
    /// The return code, see [`mig_plugin_abi::code`].
    pub code: i32,
    /// Streamed elements with their places, in order.
    pub elements: Vec<(String, Value)>,
    /// The final answer.
    pub result: Option<Value>,
    /// The error record.
    pub error: Option<Value>,
    /// Log lines with their severity.
    pub logs: Vec<(u32, String)>,
    /// Progress reports.
    pub progress: Vec<(u64, u64)>,
    /// How often the module asked whether it should end.
    pub polls: u64,
    /// What the module did wrong at the boundary.
    pub misuse: Vec<String>,
}

impl Answer {
    /// The result document with the streamed elements in it, as a host makes it.
    ///
    /// # Panics
    /// When elements contradict each other.
    pub fn document(&self) -> Value {
        let mut assembler = Assembler::new();
        for (place, element) in &self.elements {
            assembler
                .add(place, element)
                .unwrap_or_else(|error| panic!("{error}"));
        }
        assembler
            .finish(self.result.clone().unwrap_or_default())
            .into_value()
    }

    /// The message of the error record; empty when there is none.
    pub fn message(&self) -> &str {
        self.error
            .as_ref()
            .and_then(|error| error["message"].as_str())
            .unwrap_or_default()
    }

    /// The final answer of a successful operation.
    ///
    /// # Panics
    /// When the operation failed, with its message.
    pub fn expect_result(&self) -> &Value {
        assert_eq!(self.code, code::OK, "{}", self.message());
        self.result.as_ref().expect("a result with code 0")
    }
}

struct State {
    answer: Answer,
    emitted: u64,
    cancel_after: Option<u64>,
    refuse_after: Option<u64>,
}

impl FakeHost {
    /// A host that never cancels and takes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers "cancelled" from poll number `polls` on, counted from 0.
    #[must_use]
    pub fn cancel_after(mut self, polls: u64) -> Self {
        self.cancel_after = Some(polls);
        self
    }

    /// Refuses elements and results after `emits` of them, as a host does whose
    /// output limit is reached.
    #[must_use]
    pub fn refuse_emit_after(mut self, emits: u64) -> Self {
        self.refuse_after = Some(emits);
        self
    }

    /// Runs a module with JSON parameters.
    pub fn run<M: Module>(&self, parameters: Value) -> Answer {
        self.operation::<M>("run", parameters)
    }

    /// Turns words into parameters with the defaults of `mig`.
    pub fn options<M: Module>(&self, words: &[&str]) -> Answer {
        let input = serde_json::json!({"words": words, "defaults": "mig"});
        self.operation::<M>("options", input)
    }

    /// As [`FakeHost::options`], with the texts of files a client has read: pairs
    /// of path and text.
    pub fn options_with_files<M: Module>(&self, words: &[&str], files: &[(&str, &str)]) -> Answer {
        let files: std::collections::BTreeMap<_, _> = files.iter().copied().collect();
        let input = serde_json::json!({"words": words, "defaults": "mig", "files": files});
        self.operation::<M>("options", input)
    }

    /// The lines a module prints for a result.
    ///
    /// # Panics
    /// When it fails.
    pub fn print<M: Module>(&self, result: &ResultDocument, found_only: bool) -> Vec<String> {
        let input = serde_json::json!({"result": result.to_value(), "foundonly": found_only});
        let answer = self.operation::<M>("print", input);
        serde_json::from_value(answer.expect_result()["lines"].clone()).expect("a list of texts")
    }

    /// Runs any operation of a module.
    ///
    /// # Panics
    /// When the input cannot be encoded.
    pub fn operation<M: Module>(&self, operation: &str, input: Value) -> Answer {
        let table = table::<M>(M::MANIFEST);
        let input = encode(&input).expect("an input within the payload profile");
        // SAFETY: the table was just made and outlives the call.
        unsafe { self.call(&raw const table, operation, &input) }
    }

    /// Calls an operation of any table with raw input.
    ///
    /// # Safety
    /// `plugin` must point to a valid table, and whatever code it names must be
    /// loaded for the whole call.
    ///
    /// # Panics
    /// Never, unless an earlier panic in this host poisoned its state.
    pub unsafe fn call(&self, plugin: *const MigPlugin, operation: &str, input: &[u8]) -> Answer {
        let state = Mutex::new(State {
            answer: Answer::default(),
            emitted: 0,
            cancel_after: self.cancel_after,
            refuse_after: self.refuse_after,
        });
        let host = MigHost {
            size: size_of::<MigHost>(),
            abi_major: ABI_MAJOR,
            abi_minor: ABI_MINOR,
            reserved: 0,
            context: (&raw const state).cast_mut().cast(),
            log: take_log,
            emit: take_emit,
            progress: take_progress,
            cancelled: answer_cancelled,
            get_service: no_service,
        };
        // SAFETY: the caller guarantees the plugin; host and bytes live until
        // the call returns.
        let code = unsafe {
            ((*plugin).call)(
                &raw const host,
                MigBytes::new(operation.as_bytes()),
                MigBytes::new(input),
            )
        };
        let mut state = state.into_inner().expect("state of the fake host");
        state.answer.code = code;
        state.answer
    }
}

/// The state behind a context pointer.
///
/// # Safety
/// `context` must be the pointer that [`FakeHost::call`] put into the table,
/// and that call must still be running.
unsafe fn with<T>(context: *mut c_void, act: impl FnOnce(&mut State) -> T) -> T {
    // SAFETY: guaranteed by the caller; the mutex serialises all threads.
    let state = unsafe { &*context.cast_const().cast::<Mutex<State>>() };
    act(&mut state.lock().expect("state of the fake host"))
}

fn text(bytes: &[u8], misuse: &mut Vec<String>) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            misuse.push("text that is not UTF-8".to_owned());
            String::from_utf8_lossy(bytes).into_owned()
        }
    }
}

unsafe extern "C" fn take_log(context: *mut c_void, level: u32, message: MigBytes) {
    // SAFETY: called by the module with our context; the bytes are borrowed for
    // the duration of this call.
    unsafe {
        with(context, |state| {
            let message = text(message.as_slice(), &mut state.answer.misuse);
            state.answer.logs.push((level, message));
        });
    }
}

unsafe extern "C" fn take_emit(
    context: *mut c_void,
    kind: u32,
    place: MigBytes,
    payload: MigBytes,
) -> i32 {
    // SAFETY: as in `take_log`.
    unsafe {
        with(context, |state| {
            let answer = &mut state.answer;
            let place = text(place.as_slice(), &mut answer.misuse);
            let value = match decode(payload.as_slice(), MAX_PAYLOAD) {
                Ok(value) => value,
                Err(error) => {
                    answer.misuse.push(error.to_string());
                    return 1;
                }
            };
            if kind != emit::ERROR {
                if state
                    .refuse_after
                    .is_some_and(|after| state.emitted >= after)
                {
                    return 1;
                }
                state.emitted += 1;
            }
            match kind {
                emit::ELEMENT => answer.elements.push((place, value)),
                emit::RESULT if answer.result.is_none() => answer.result = Some(value),
                emit::ERROR if answer.error.is_none() => answer.error = Some(value),
                emit::RESULT => answer.misuse.push("a second result".to_owned()),
                emit::ERROR => answer.misuse.push("a second error record".to_owned()),
                other => answer.misuse.push(format!("emit of unknown kind {other}")),
            }
            0
        })
    }
}

unsafe extern "C" fn take_progress(context: *mut c_void, done: u64, total: u64) {
    // SAFETY: as in `take_log`.
    unsafe { with(context, |state| state.answer.progress.push((done, total))) }
}

unsafe extern "C" fn answer_cancelled(context: *mut c_void) -> i32 {
    // SAFETY: as in `take_log`.
    unsafe {
        with(context, |state| {
            let polls = state.answer.polls;
            state.answer.polls += 1;
            i32::from(state.cancel_after.is_some_and(|after| polls >= after))
        })
    }
}

unsafe extern "C" fn no_service(_context: *mut c_void, _id: MigBytes) -> *const c_void {
    std::ptr::null()
}
