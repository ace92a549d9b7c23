//! The connection to the kernel's audit subsystem.

pub(crate) mod message;

use crate::sys;
use message::{Message, is_record, kind, request};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long the kernel may take to answer. It does so at once unless the
/// machine is very busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// The multicast group that copies every record.
const READ_LOG: i32 = 1;
/// The most records that are kept while an answer is waited for.
const MOST_KEPT: usize = 1 << 16;

/// Why the kernel did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no audit subsystem here.
    #[error(
        "this kernel has no audit subsystem, or hides it from this container; run the agent on the host itself"
    )]
    Absent,
    /// It needs privileges.
    #[error(
        "kernel audit is not permitted: the agent must run as root with CAP_AUDIT_CONTROL ({0})"
    )]
    Forbidden(io::Error),
    /// The kernel answered with an error.
    #[error("{0}")]
    Refused(io::Error),
    /// It did not answer.
    #[error("the kernel's audit subsystem did not answer within {} s", PATIENCE.as_secs())]
    Silent,
    /// The socket itself failed.
    #[error("socket to the kernel's audit subsystem: {0}")]
    Socket(io::Error),
}

impl Error {
    /// True when the kernel said exactly this.
    pub(crate) fn is(&self, number: i32) -> bool {
        match self {
            Error::Refused(error) | Error::Forbidden(error) => error.raw_os_error() == Some(number),
            _ => false,
        }
    }

    /// Sorts what sending or answering gave.
    fn of(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Error::Forbidden(error),
            // What the kernel answers to other name spaces than the first.
            Some(libc::ECONNREFUSED | libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT) => Error::Absent,
            _ => Error::Refused(error),
        }
    }
}

/// A socket to the audit subsystem.
pub(crate) struct Socket {
    socket: OwnedFd,
    room: sys::Datagrams,
    sequence: u32,
    /// Records that came while an answer was waited for.
    kept: VecDeque<(u16, Vec<u8>)>,
    losses: Losses,
}

/// What this end could not take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// How often the kernel said that it dropped messages for this socket.
    pub(crate) overruns: u64,
    /// Datagrams that were not whole, not a message, or not the kernel's.
    pub(crate) unreadable: u64,
}

impl Socket {
    /// Opens a socket.
    pub(crate) fn open() -> Result<Self, Error> {
        let socket = sys::open().map_err(|error| match Error::of(error) {
            Error::Refused(error) => Error::Socket(error),
            other => other,
        })?;
        Ok(Self {
            socket,
            room: sys::Datagrams::new(),
            sequence: 0,
            kept: VecDeque::new(),
            losses: Losses::default(),
        })
    }

    /// Gets a copy of every record from now on, whoever the audit daemon is.
    pub(crate) fn join(&self) -> Result<(), Error> {
        sys::join(&self.socket, READ_LOG).map_err(Error::of)
    }

    /// Readable while something is waiting.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What was lost at this end so far.
    pub(crate) fn losses(&self) -> Losses {
        self.losses
    }

    /// Asks for something and returns the payloads of kind `wanted` that the
    /// kernel answers with. With a `wanted` of 0 the acknowledgement is all.
    /// An answer of several messages ends with [`kind::DONE`]; the status is a
    /// single one.
    pub(crate) fn ask(
        &mut self,
        asked: u16,
        payload: &[u8],
        wanted: u16,
    ) -> Result<Vec<Vec<u8>>, Error> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let sequence = self.sequence;
        let datagram = request(asked, sequence, payload);
        sys::send(&self.socket, &datagram).map_err(Error::of)?;
        let deadline = Instant::now() + PATIENCE;
        let mut answers = Vec::new();
        let (mut acknowledged, mut complete) = (false, wanted == 0);
        while !(acknowledged && complete) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Silent);
            }
            sys::wait([self.socket.as_fd()], left).map_err(Error::Socket)?;
            let batch = match self.room.receive(&self.socket) {
                Ok(batch) => batch,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.losses.overruns += 1;
                    continue;
                }
                Err(error) => return Err(Error::Socket(error)),
            };
            let mut refused = None;
            for datagram in batch.datagrams() {
                let Some(message) = datagram.and_then(Message::read) else {
                    self.losses.unreadable += 1;
                    continue;
                };
                match message.kind {
                    record if is_record(record) => match self.kept.len() < MOST_KEPT {
                        true => self.kept.push_back((record, message.payload.to_vec())),
                        false => self.losses.unreadable += 1,
                    },
                    // Of an earlier request that was given up.
                    _ if message.sequence != sequence => {}
                    kind::ERROR => match message.error() {
                        Some(0) => acknowledged = true,
                        Some(number) => refused = Some(io::Error::from_raw_os_error(number)),
                        None => self.losses.unreadable += 1,
                    },
                    kind::DONE => complete = true,
                    answer if answer == wanted => {
                        answers.push(message.payload.to_vec());
                        complete |= wanted == kind::GET;
                    }
                    _ => {}
                }
            }
            if let Some(error) = refused {
                return Err(Error::of(error));
            }
        }
        Ok(answers)
    }

    /// Hands over records that are waiting, at most a batch of them, in the
    /// order of their arrival; false when there was none.
    pub(crate) fn records(&mut self, mut take: impl FnMut(u16, &[u8])) -> Result<bool, Error> {
        let mut any = false;
        while let Some((kind, text)) = self.kept.pop_front() {
            any = true;
            take(kind, &text);
        }
        let batch = match self.room.receive(&self.socket) {
            Ok(batch) => batch,
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                self.losses.overruns += 1;
                return Ok(true);
            }
            Err(error) => return Err(Error::Socket(error)),
        };
        any |= !batch.is_empty();
        for datagram in batch.datagrams() {
            match datagram.and_then(Message::read) {
                // Answers nobody waits for any more, and the kernel's question
                // whether this end is alive, which needs no answer.
                Some(message) if !is_record(message.kind) => {}
                Some(message) => take(message.kind, message.payload),
                None => self.losses.unreadable += 1,
            }
        }
        Ok(any)
    }
}
