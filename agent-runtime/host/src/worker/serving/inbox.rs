//! What the host tells a serving module. Whoever waits for something reads the
//! socket, for itself and for the others: no thread waits for nothing else.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::message::{self, Kind};
use crate::sys::descriptors::{read_some, set_nonblocking, watch_all};
use crate::sys::event::Event;
use crate::sys::signals;

/// Bytes read at once.
const CHUNK: usize = 16 << 10;

/// One message for the module.
pub(super) struct Letter {
    pub(super) kind: Kind,
    pub(super) number: u64,
    pub(super) payload: Vec<u8>,
}

/// What may come next for a module that asks.
pub(super) enum Next {
    Letter(Letter),
    Ping(u64),
    /// The module shall end.
    End,
}

/// The worker's end of the socket.
pub(super) struct Inbox {
    socket: OwnedFd,
    /// Raised while something waits that is not in the socket any more.
    waiting: Event,
    /// Readable while one of the two is.
    descriptor: OwnedFd,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The beginning of a message that has not arrived in full.
    partial: Vec<u8>,
    letters: VecDeque<Letter>,
    ping: Option<u64>,
    /// What alerts may cost in all, and what they have cost.
    granted: u64,
    spent: u64,
    /// A thread reads.
    reading: bool,
    /// Nothing more will come.
    over: bool,
    /// The event is raised.
    raised: bool,
}

impl Inbox {
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        set_nonblocking(socket.as_fd())?;
        let waiting = Event::new()?;
        let descriptor = watch_all(&[socket.as_fd(), waiting.as_fd()])?;
        Ok(Self {
            socket,
            waiting,
            descriptor,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }

    /// What comes next, within this time; for ever with `None`.
    pub(super) fn next(&self, patience: Option<Duration>) -> Option<Next> {
        let deadline = patience.and_then(|time| Instant::now().checked_add(time));
        self.wait(deadline, |state| {
            if state.is_over() {
                return Some(Next::End);
            }
            if let Some(number) = state.ping.take() {
                return Some(Next::Ping(number));
            }
            state.letters.pop_front().map(Next::Letter)
        })
    }

    /// Pays for an alert. False when there is no credit at the moment.
    pub(super) fn try_pay(&self, cost: u64) -> bool {
        self.lock().pay(cost)
    }

    /// Pays for an alert, as soon as there is credit; false when none will come.
    pub(super) fn pay(&self, cost: u64) -> bool {
        self.wait(None, |state| match state.pay(cost) {
            true => Some(true),
            // Not as soon as the end is asked for: there may be credit that
            // nobody has read yet.
            false => state.over.then_some(false),
        })
        .unwrap_or(false)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something is found in the state. The socket is looked at
    /// once at least.
    fn wait<T>(
        &self,
        deadline: Option<Instant>,
        mut found: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let mut looked = false;
        let mut state = self.lock();
        loop {
            if let Some(found) = found(&mut state) {
                self.signal(&mut state);
                return Some(found);
            }
            // What came may be for another thread, which waits at the
            // descriptor.
            self.signal(&mut state);
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if looked && left.is_some_and(|left| left.is_zero()) {
                return None;
            }
            looked = true;
            if state.reading {
                state = match left {
                    None => self
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner),
                    Some(left) => {
                        let waited = self.changed.wait_timeout(state, left);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                };
                continue;
            }
            state.reading = true;
            drop(state);
            let mut chunk = [0; CHUNK];
            let read = self.read(left, &mut chunk);
            state = self.lock();
            state.reading = false;
            match read {
                Ok(None) => {}
                Ok(Some(0)) | Err(_) => state.end(),
                Ok(Some(count)) => state.take(&chunk[..count]),
            }
            self.changed.notify_all();
        }
    }

    /// Reads what comes within this time; nothing also when a signal came.
    fn read(&self, time: Option<Duration>, chunk: &mut [u8]) -> io::Result<Option<usize>> {
        if time.is_none_or(|time| !time.is_zero()) {
            let timeout = time.map_or(PollTimeout::NONE, |time| {
                let milliseconds = time.as_micros().div_ceil(1000);
                i32::try_from(milliseconds)
                    .ok()
                    .and_then(|value| PollTimeout::try_from(value).ok())
                    .unwrap_or(PollTimeout::MAX)
            });
            let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        read_some(self.socket.as_fd(), chunk)
    }

    /// Makes the descriptor readable for as long as something waits here.
    fn signal(&self, state: &mut State) {
        let waits = !state.letters.is_empty() || state.ping.is_some() || state.over;
        if waits != state.raised {
            state.raised = waits;
            match waits {
                true => self.waiting.raise(),
                false => self.waiting.clear(),
            }
        }
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.over || signals::stop_asked()
    }

    fn end(&mut self) {
        self.over = true;
        // For modules that only ask whether they are cancelled.
        signals::ask_to_stop();
    }

    /// One alert of any size may go beyond the credit, or the largest could
    /// never be paid.
    fn pay(&mut self, cost: u64) -> bool {
        let enough = self.spent < self.granted;
        if enough {
            self.spent += cost;
        }
        enough
    }

    fn take(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            match message::first(&self.partial[at..]) {
                Ok(Some((message, length))) => {
                    match message.kind {
                        Kind::Ping => self.ping = Some(message.number),
                        Kind::Credit => self.granted = self.granted.max(message.number),
                        kind => self.letters.push_back(Letter {
                            kind,
                            number: message.number,
                            payload: message.payload.to_vec(),
                        }),
                    }
                    at += length;
                }
                Ok(None) => break,
                // The host is this very program; whatever this is, it is none.
                Err(message::Malformed) => {
                    self.end();
                    break;
                }
            }
        }
        self.partial.drain(..at);
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
    }
}
