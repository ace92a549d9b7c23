//! Following one worker: no busy waiting, every descriptor and clock in one
//! `poll`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::answer::{Answer, Fault};
use crate::cancel::Cancel;
use crate::frame::{FrameError, Reader};
use crate::job::Job;
use crate::sys::descriptors::{read_some, send_some};
use crate::sys::process::Reaped;
use crate::sys::spawn::Worker;

/// From being asked to stop to being killed.
const GRACE: Duration = Duration::from_millis(500);
/// From the end of the answer to the end of the process.
pub(super) const EXIT_GRACE: Duration = Duration::from_millis(200);
/// How long a module may go on after it was told that the output is full.
const FULL_GRACE: Duration = Duration::from_secs(5);
/// How often to look where the system cannot wake us.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// Bytes read at once.
pub(super) const CHUNK: usize = 64 << 10;
/// Chunks read before the clock is looked at again.
pub(super) const CHUNKS: usize = 16;
/// Of what a module prints, this much of the start is kept.
pub(super) const STRAY: usize = 2 << 10;

/// What is said of a program that is started as a worker and is none.
pub(super) const NO_WORKER: &str =
    "could not be started: the worker program does not call run_worker_if_asked first in main";

/// Why the host asked a worker to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Timeout,
    Cancelled,
    Full,
}

/// How a worker ended, seen from outside.
#[derive(Debug)]
pub(super) struct End {
    pub(super) stop: Option<Stop>,
    /// The host killed it.
    pub(super) killed: bool,
    pub(super) fault: Option<Fault>,
    /// `None` when the kernel does not let it go yet.
    pub(super) reaped: Option<Reaped>,
    pub(super) stray: String,
}

/// A worker that is being followed.
pub(super) struct Watch<'a> {
    worker: Worker,
    cancel: &'a Cancel,
    reader: Reader,
    deadline: Instant,
    stop: Option<Stop>,
    kill_at: Option<Instant>,
    full_since: Option<Instant>,
    killed: bool,
    fault: Option<Fault>,
    answer_closed: bool,
    stray_closed: bool,
    ended: bool,
    stray: Vec<u8>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(worker: Worker, job: &Job<'_>, cancel: &'a Cancel) -> Self {
        let now = Instant::now();
        Self {
            worker,
            cancel,
            reader: Reader::new(job.limits.output),
            deadline: now
                .checked_add(job.limits.wall)
                .unwrap_or_else(|| now + Duration::from_secs(1 << 30)),
            stop: None,
            kill_at: None,
            full_since: None,
            killed: false,
            fault: None,
            answer_closed: false,
            stray_closed: false,
            ended: false,
            stray: Vec::new(),
        }
    }

    /// Sends the request, collects the answer and ends the worker, whatever it
    /// does.
    pub(super) fn until_the_end(
        mut self,
        request: &[u8],
        module: Option<BorrowedFd<'_>>,
        answer: &mut Answer<'_>,
    ) -> io::Result<End> {
        let mut unsent = request;
        let mut module = module;
        let mut buffer = vec![0; CHUNK];
        while !self.over() {
            self.look_at_clocks(answer);
            self.wait()?;
            self.send(&mut unsent, &mut module);
            self.read_answer(&mut buffer, answer);
            self.read_stray(&mut buffer);
        }
        Ok(self.finish(&mut buffer, answer))
    }

    fn over(&self) -> bool {
        self.answer_closed || self.ended || self.killed || self.fault.is_some()
    }

    /// Acts on whatever is due.
    fn look_at_clocks(&mut self, answer: &Answer<'_>) {
        let now = Instant::now();
        if answer.full && self.full_since.is_none() {
            self.full_since = Some(now);
        }
        if self.stop.is_none() {
            let full_too_long = self
                .full_since
                .is_some_and(|since| now >= since + FULL_GRACE);
            self.stop = if self.cancel.is_cancelled() {
                Some(Stop::Cancelled)
            } else if now >= self.deadline {
                Some(Stop::Timeout)
            } else if full_too_long {
                Some(Stop::Full)
            } else {
                None
            };
            if self.stop.is_some() {
                self.worker.terminate();
                self.kill_by(now + GRACE);
            }
        }
        if answer.code.is_some() {
            self.kill_by(now + EXIT_GRACE);
        }
        if self.kill_at.is_some_and(|at| now >= at) {
            self.worker.kill();
            self.killed = true;
        }
    }

    fn kill_by(&mut self, at: Instant) {
        self.kill_at = Some(self.kill_at.map_or(at, |sooner| sooner.min(at)));
    }

    /// The next moment at which the clocks matter.
    fn next_deadline(&self) -> Instant {
        let mut next = self.deadline;
        if self.stop.is_some() {
            next = self.kill_at.unwrap_or(next);
        } else if let Some(since) = self.full_since {
            next = next.min(since + FULL_GRACE);
        }
        self.kill_at.map_or(next, |at| next.min(at))
    }

    /// Waits for a descriptor or for the next deadline.
    fn wait(&mut self) -> io::Result<()> {
        if self.over() {
            return Ok(());
        }
        let mut fds = Vec::with_capacity(5);
        fds.push(PollFd::new(self.worker.answer.as_fd(), PollFlags::POLLIN));
        if !self.stray_closed {
            fds.push(PollFd::new(self.worker.stray.as_fd(), PollFlags::POLLIN));
        }
        if let Some(request) = &self.worker.request {
            fds.push(PollFd::new(request.as_fd(), PollFlags::POLLOUT));
        }
        let cancel = self.cancel.event();
        if let (None, Some(event)) = (self.stop, cancel) {
            fds.push(PollFd::new(event, PollFlags::POLLIN));
        }
        let end = self.worker.end.as_ref().map(|end| {
            fds.push(PollFd::new(end.as_fd(), PollFlags::POLLIN));
            fds.len() - 1
        });
        let mut time = self
            .next_deadline()
            .saturating_duration_since(Instant::now());
        if end.is_none() || cancel.is_none() {
            time = time.min(LOOK);
        }
        match poll(&mut fds, timeout(time)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.ended = match end {
            Some(index) => fds[index].any().unwrap_or(false),
            None => self.worker.has_ended(),
        };
        Ok(())
    }

    fn send(&mut self, unsent: &mut &[u8], module: &mut Option<BorrowedFd<'_>>) {
        let Some(socket) = &self.worker.request else {
            return;
        };
        match send_some(socket.as_fd(), unsent, *module) {
            Ok(None) => return,
            Ok(Some(sent)) => {
                *unsent = &unsent[sent..];
                // It travels with the first byte.
                *module = None;
                if !unsent.is_empty() {
                    return;
                }
            }
            // The worker is gone; its end will say why.
            Err(_) => {}
        }
        self.worker.request = None;
    }

    fn read_answer(&mut self, buffer: &mut [u8], answer: &mut Answer<'_>) {
        for _ in 0..CHUNKS {
            if self.answer_closed || self.fault.is_some() {
                return;
            }
            match read_some(self.worker.answer.as_fd(), buffer) {
                Ok(None) => return,
                Ok(Some(0)) | Err(_) => self.answer_closed = true,
                Ok(Some(count)) => {
                    self.reader.push(&buffer[..count]);
                    self.fault = take_frames(&mut self.reader, answer).err();
                }
            }
        }
    }

    fn read_stray(&mut self, buffer: &mut [u8]) {
        for _ in 0..CHUNKS {
            if self.stray_closed {
                return;
            }
            match read_some(self.worker.stray.as_fd(), buffer) {
                Ok(None) => return,
                Ok(Some(0)) | Err(_) => self.stray_closed = true,
                Ok(Some(count)) => {
                    let room = STRAY.saturating_sub(self.stray.len());
                    self.stray.extend_from_slice(&buffer[..count.min(room)]);
                }
            }
        }
    }

    /// Ends what is left, and reads what was still under way.
    fn finish(mut self, buffer: &mut [u8], answer: &mut Answer<'_>) -> End {
        // Whoever closes the answer is about to end, or never will.
        let cut = self.answer_closed && !self.ended && !self.worker.ends_within(EXIT_GRACE);
        self.worker.kill();
        self.read_answer(buffer, answer);
        self.read_stray(buffer);
        if self.fault.is_none() && !self.killed {
            self.fault = self
                .reader
                .finish()
                .err()
                .map(|error| describe(&error, answer));
        }
        End {
            stop: self.stop,
            killed: self.killed || cut,
            fault: self.fault,
            reaped: self.worker.finish(),
            stray: String::from_utf8_lossy(&self.stray).into_owned(),
        }
    }
}

fn take_frames(reader: &mut Reader, answer: &mut Answer<'_>) -> Result<(), Fault> {
    loop {
        match reader.next() {
            Ok(Some(frame)) => answer.accept(&frame)?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(describe(&error, answer)),
        }
    }
}

/// Takes a whole stream at once.
pub(super) fn feed(stream: &[u8], output: u64, answer: &mut Answer<'_>) -> Result<(), Fault> {
    let mut reader = Reader::new(output);
    reader.push(stream);
    take_frames(&mut reader, answer)?;
    reader.finish().map_err(|error| describe(&error, answer))
}

fn describe(error: &FrameError, answer: &Answer<'_>) -> Fault {
    if answer.started() {
        error.to_string()
    } else {
        NO_WORKER.to_owned()
    }
}

/// Whole milliseconds, rounded up so that the deadline has passed afterwards.
pub(super) fn timeout(time: Duration) -> PollTimeout {
    let milliseconds = time.as_micros().div_ceil(1000);
    i32::try_from(milliseconds)
        .ok()
        .and_then(|value| PollTimeout::try_from(value).ok())
        .unwrap_or(PollTimeout::MAX)
}
