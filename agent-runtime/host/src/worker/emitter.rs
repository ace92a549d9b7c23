//! The worker's side of the answer: one stream, written by any thread of the
//! module.
//!
//! A finding on its own goes out at once. Findings in quick succession are
//! gathered and written together, by whoever fills the buffer or, when the
//! module falls silent, by a thread that waits for exactly that; so nothing
//! stays behind when the worker is killed later on.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::charge;
use crate::frame::{self, Kind};
use crate::sys::signals;

/// Bytes gathered at most before they are written.
const GATHER: usize = 32 << 10;
/// How long something may wait in the buffer.
const LINGER: Duration = Duration::from_millis(5);
/// Room that findings leave for the rest of the answer, at most.
const RESERVE: u64 = 1 << 20;
/// Longest error record, in bytes.
const MAX_ERROR: usize = 48 << 10;

/// Writes frames.
#[derive(Debug)]
pub(super) struct Emitter {
    /// Bytes of output for each input.
    output: u64,
    state: Mutex<State>,
    waiting: Condvar,
}

#[derive(Debug)]
struct State {
    answer: File,
    buffer: Vec<u8>,
    /// When a frame that could have waited went out.
    last_sign: Option<Instant>,
    /// A thread writes what lingers.
    assisted: bool,
    /// That thread has been woken for what is in the buffer.
    woken: bool,
    /// Where the last finding went.
    place: Vec<u8>,
    /// Hashes of all places that findings went to.
    places: HashSet<u64>,
    hasher: RandomState,
    /// Bytes of output that may still be sent.
    left: u64,
    /// Part of `left` that findings may not use.
    reserve: u64,
    full: bool,
    /// The host is gone or the module broke the rules: nothing more is sent.
    closed: bool,
}

impl Emitter {
    /// The emitter of this process.
    pub(super) fn start(answer: OwnedFd, output: u64) -> &'static Self {
        static EMITTER: OnceLock<Emitter> = OnceLock::new();
        EMITTER.get_or_init(|| Self {
            output,
            state: Mutex::new(State {
                answer: File::from(answer),
                buffer: Vec::new(),
                last_sign: None,
                assisted: false,
                woken: false,
                place: Vec::new(),
                places: HashSet::new(),
                hasher: RandomState::new(),
                left: output,
                reserve: RESERVE.min(output / 16),
                full: false,
                closed: false,
            }),
            waiting: Condvar::new(),
        })
    }

    /// Sends one finding. Non-zero when the module shall stop.
    pub(super) fn element(&'static self, place: &[u8], payload: &[u8]) -> i32 {
        let mut state = self.lock();
        let mut size = charge::of(payload);
        if state.place != place {
            place.clone_into(&mut state.place);
            let hash = state.hasher.hash_one(place);
            if state.places.insert(hash) {
                size += charge::of_place(place);
            }
        }
        if state.full || size > state.left.saturating_sub(state.reserve) {
            return state.refuse();
        }
        state.left -= size;
        frame::append(&mut state.buffer, Kind::Element, place, payload);
        self.write_soon(state)
    }

    /// Sends the rest of the answer. Non-zero when it is too large.
    pub(super) fn result(&'static self, payload: &[u8]) -> i32 {
        let mut state = self.lock();
        let size = charge::of(payload);
        if size > state.left {
            return state.refuse();
        }
        state.left -= size;
        frame::append(&mut state.buffer, Kind::Result, b"", payload);
        // There is only one, and the end is near.
        state.write()
    }

    /// Sends an error record, at once: the process may be about to abort.
    pub(super) fn error(&'static self, payload: &[u8]) -> i32 {
        if payload.len() > MAX_ERROR {
            return self.misuse("emits an error record of more than 48 KiB");
        }
        self.send_now(Kind::Error, b"", payload)
    }

    /// Sends a frame when it suits. Non-zero when the host is gone.
    pub(super) fn send(&'static self, kind: Kind, place: &[u8], payload: &[u8]) -> i32 {
        let mut state = self.lock();
        frame::append(&mut state.buffer, kind, place, payload);
        self.write_soon(state)
    }

    /// Sends what lingers. Non-zero when the host is gone.
    pub(super) fn flush(&self) -> i32 {
        self.lock().write()
    }

    /// Sends a small frame and everything before it.
    pub(super) fn send_now(&self, kind: Kind, place: &[u8], payload: &[u8]) -> i32 {
        let mut state = self.lock();
        frame::append(&mut state.buffer, kind, place, payload);
        state.write()
    }

    /// Ends the answer to one of several inputs: the next one has an output
    /// limit of its own.
    pub(super) fn next(&self, code: i32) {
        self.send_now(Kind::Next, b"", &code.to_le_bytes());
        let mut state = self.lock();
        state.left = self.output;
        state.full = false;
    }

    /// Reports that the module broke the rules, and sends nothing more.
    pub(super) fn misuse(&self, what: &str) -> i32 {
        self.send_now(Kind::Refused, b"", what.as_bytes());
        self.lock().closed = true;
        1
    }

    /// Threads that are the emitter's own.
    pub(super) fn threads(&self) -> u64 {
        u64::from(self.lock().assisted)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_soon(&'static self, mut state: MutexGuard<'_, State>) -> i32 {
        let quiet = state.last_sign.is_none_or(|last| last.elapsed() >= LINGER);
        if quiet || state.buffer.len() >= GATHER {
            state.last_sign = Some(Instant::now());
            return state.write();
        }
        if !state.assisted {
            state.assisted = true;
            let assistant = std::thread::Builder::new()
                .name("answer".to_owned())
                .stack_size(64 << 10)
                .spawn(|| self.assist());
            if assistant.is_err() {
                // No thread to be had within the limits: write at once.
                state.assisted = false;
                return state.write();
            }
        }
        if !state.woken {
            state.woken = true;
            self.waiting.notify_one();
        }
        i32::from(state.closed)
    }

    /// Writes what lingers, and sleeps while there is nothing.
    fn assist(&self) {
        signals::leave_terminate_to_others();
        let mut state = self.lock();
        loop {
            while state.buffer.is_empty() {
                state.woken = false;
                state = self
                    .waiting
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            drop(state);
            std::thread::sleep(LINGER);
            state = self.lock();
            state.woken = false;
            state.write();
        }
    }
}

impl State {
    /// Writes the buffer. Non-zero when nobody reads it any more.
    fn write(&mut self) -> i32 {
        if !self.closed && self.answer.write_all(&self.buffer).is_err() {
            self.closed = true;
        }
        self.buffer.clear();
        // A persistent module lives long after its largest answer.
        self.buffer.shrink_to(2 * GATHER);
        i32::from(self.closed)
    }

    /// Says once that output was left out.
    fn refuse(&mut self) -> i32 {
        if !self.full {
            self.full = true;
            frame::append(&mut self.buffer, Kind::Full, b"", b"");
            self.write();
        }
        1
    }
}
