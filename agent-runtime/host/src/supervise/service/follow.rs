//! Following one serving worker: one `poll` for every descriptor and clock, so
//! that a quiet module costs a ping from time to time and nothing else.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

use super::Pace;
use super::incoming::Incoming;
use super::life::{Intervention, Signs};
use super::mailbox::Mailbox;
use super::outgoing::Outgoing;
use crate::cancel::Cancel;
use crate::message::Kind;
use crate::sandbox::readable::Seen;
use crate::supervise::answer::Fault;
use crate::supervise::watch::{CHUNK, CHUNKS, EXIT_GRACE, End, LOOK, STRAY, timeout};
use crate::sys::descriptors::read_some;
use crate::sys::spawn::Worker;

/// Bytes read at once while little comes.
const SMALL_CHUNK: usize = 4 << 10;

/// How it went with a worker.
pub(super) struct Followed<'a> {
    pub(super) end: End,
    pub(super) intervention: Option<Intervention>,
    pub(super) incoming: Incoming<'a>,
    /// The file for whose sake it was asked to end.
    pub(super) replaced: Option<String>,
}

/// A serving worker that is being followed.
pub(super) struct Follow<'a> {
    pub(super) worker: Worker,
    pub(super) cancel: &'a Cancel,
    pub(super) mailbox: &'a Mailbox,
    pub(super) pace: Pace,
    pub(super) incoming: Incoming<'a>,
    pub(super) outgoing: Outgoing<'a>,
    signs: Signs,
    /// The files it may read, as they were at its start.
    seen: Seen,
    /// Which of them was replaced, so that it has to be started anew.
    replaced: Option<String>,
    kill_at: Option<Instant>,
    pub(super) intervention: Option<Intervention>,
    fault: Option<Fault>,
    stream_closed: bool,
    stray_closed: bool,
    ended: bool,
    /// The last of what the module printed.
    stray: Vec<u8>,
    buffer: Vec<u8>,
}

impl<'a> Follow<'a> {
    pub(super) fn new(
        worker: Worker,
        pace: Pace,
        cancel: &'a Cancel,
        mailbox: &'a Mailbox,
        incoming: Incoming<'a>,
        outgoing: Outgoing<'a>,
        seen: Seen,
    ) -> Self {
        Self {
            worker,
            cancel,
            mailbox,
            pace,
            incoming,
            outgoing,
            signs: Signs::new(pace, Instant::now()),
            seen,
            replaced: None,
            kill_at: None,
            intervention: None,
            fault: None,
            stream_closed: false,
            stray_closed: false,
            ended: false,
            stray: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Serves the worker until it ends, whatever it does.
    pub(super) fn until_the_end(mut self) -> io::Result<Followed<'a>> {
        while !self.over() {
            self.look_at_clocks();
            self.talk();
            self.wait()?;
            self.listen();
            self.read_stray();
        }
        Ok(self.finish())
    }

    fn over(&self) -> bool {
        self.stream_closed || self.ended || self.killed() || self.fault.is_some()
    }

    fn killed(&self) -> bool {
        matches!(
            self.intervention,
            Some(Intervention::Insisted | Intervention::Missed)
        )
    }

    fn stopping(&self) -> bool {
        self.intervention.is_some()
    }

    /// Acts on whatever is due.
    fn look_at_clocks(&mut self) {
        let now = Instant::now();
        let held_up = self.incoming.alerts.waiting();
        self.signs.look(self.incoming.echoed, held_up, now);
        if !self.stopping() && self.cancel.is_cancelled() {
            self.ask_to_end(now);
        }
        if self.incoming.code.is_some() && self.kill_at.is_none() {
            self.kill_at = Some(now + EXIT_GRACE);
        }
        if !self.stopping() {
            if self.signs.missing(now) {
                self.intervention = Some(Intervention::Missed);
                self.worker.kill();
            } else if let Some(ping) = self.signs.due(now) {
                self.outgoing.push(Kind::Ping, ping);
                self.look_at_files(now);
            }
        }
        if self.kill_at.is_some_and(|at| now >= at) {
            self.worker.kill();
            // After its last word the end was already under way.
            match self.incoming.code {
                Some(_) => self.ended = true,
                None => self.intervention = Some(Intervention::Insisted),
            }
        }
        self.incoming.report(now, false);
    }

    /// The sandbox knows files and not names: whoever is to read what was put in
    /// the place of one needs another sandbox.
    fn look_at_files(&mut self, now: Instant) {
        self.replaced = self.seen.replaced().map(str::to_owned);
        if self.replaced.is_some() {
            self.ask_to_end(now);
        }
    }

    /// The end of the stream wakes a module that waits for messages, the signal
    /// one that waits for something else.
    fn ask_to_end(&mut self, now: Instant) {
        self.intervention = Some(Intervention::Asked);
        self.kill_at = Some(now + self.pace.grace);
        self.mailbox.close(
            "it was asked to end",
            format!(
                "module `{}` is not running: it was asked to end",
                self.incoming.manifest.name
            ),
        );
        self.worker.request = None;
        self.worker.terminate();
    }

    /// Sends what there is to send, as far as the socket takes it.
    fn talk(&mut self) {
        if self.outgoing.fetch(self.mailbox) {
            self.incoming.alerts.woken();
        }
        self.incoming.alerts.deliver(self.incoming.attendant);
        let Some(socket) = &self.worker.request else {
            return;
        };
        if let Some(credit) = self.incoming.alerts.credit(Instant::now()) {
            self.outgoing.push(Kind::Credit, credit);
        }
        if self.incoming.takes_alerts() {
            self.outgoing.feed(self.incoming.attendant);
            self.incoming.last_alert = self.outgoing.last_alert();
        }
        if self.outgoing.waits() && self.outgoing.send(socket.as_fd()).is_err() {
            // The worker is gone; its end will say why.
            self.worker.request = None;
        }
    }

    /// The next moment at which the clocks matter.
    fn next_deadline(&self) -> Option<Instant> {
        let signs = (!self.stopping()).then(|| self.signs.next());
        let credit = match &self.worker.request {
            Some(_) => self.incoming.alerts.next_credit(),
            None => None,
        };
        [signs, credit, self.kill_at, self.incoming.next_report()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Waits for a descriptor or for the next deadline.
    fn wait(&mut self) -> io::Result<()> {
        if self.over() {
            return Ok(());
        }
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = Vec::with_capacity(6);
        fds.push(readable(self.worker.answer.as_fd()));
        fds.push(readable(self.mailbox.event()));
        if !self.stray_closed {
            fds.push(readable(self.worker.stray.as_fd()));
        }
        if let (true, Some(socket)) = (self.outgoing.waits(), &self.worker.request) {
            fds.push(PollFd::new(socket.as_fd(), PollFlags::POLLOUT));
        }
        let cancel = self.cancel.event();
        if let (false, Some(event)) = (self.stopping(), cancel) {
            fds.push(readable(event));
        }
        let end = self.worker.end.as_ref().map(|end| {
            fds.push(readable(end.as_fd()));
            fds.len() - 1
        });
        let now = Instant::now();
        let mut time = match self.next_deadline() {
            Some(at) => at.saturating_duration_since(now),
            None => Duration::from_secs(3600),
        };
        if end.is_none() || cancel.is_none() {
            time = time.min(LOOK);
        }
        match poll(&mut fds, timeout(time)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.ended |= match end {
            Some(index) => fds[index].any().unwrap_or(false),
            None => self.worker.has_ended(),
        };
        Ok(())
    }

    /// Reads what the worker has sent.
    fn listen(&mut self) {
        let mut busy = false;
        self.buffer.resize(SMALL_CHUNK, 0);
        for _ in 0..CHUNKS {
            if self.stream_closed || self.fault.is_some() {
                break;
            }
            match read_some(self.worker.answer.as_fd(), &mut self.buffer) {
                Ok(None) => break,
                Ok(Some(0)) | Err(_) => self.stream_closed = true,
                Ok(Some(count)) => {
                    busy |= count == self.buffer.len();
                    self.fault = self.incoming.take(&self.buffer[..count]).err();
                    if busy {
                        self.buffer.resize(CHUNK, 0);
                    }
                }
            }
            self.incoming.alerts.deliver(self.incoming.attendant);
        }
        if !busy {
            self.buffer.shrink_to(SMALL_CHUNK);
            self.incoming.rest();
        }
    }

    fn read_stray(&mut self) {
        let mut buffer = [0; 1024];
        for _ in 0..CHUNKS {
            if self.stray_closed {
                return;
            }
            match read_some(self.worker.stray.as_fd(), &mut buffer) {
                Ok(None) => return,
                Ok(Some(0)) | Err(_) => self.stray_closed = true,
                Ok(Some(count)) => {
                    self.stray.extend_from_slice(&buffer[..count]);
                    let beyond = self.stray.len().saturating_sub(STRAY);
                    self.stray.drain(..beyond);
                }
            }
        }
    }

    /// Ends what is left, and reads what was still under way.
    fn finish(mut self) -> Followed<'a> {
        // Whoever closes the stream is about to end, or never will.
        let cut = self.stream_closed && !self.ended && !self.worker.ends_within(EXIT_GRACE);
        self.worker.kill();
        // A pipe holds no more than this loop reads.
        self.listen();
        self.read_stray();
        if self.fault.is_none() && !self.killed() {
            self.fault = self.incoming.finish().err();
        }
        self.incoming.alerts.woken();
        self.incoming.alerts.deliver(self.incoming.attendant);
        self.incoming.alerts.give_up();
        self.incoming.report(Instant::now(), true);
        let end = End {
            stop: None,
            killed: cut,
            fault: self.fault,
            reaped: self.worker.finish(),
            stray: String::from_utf8_lossy(&self.stray).into_owned(),
        };
        Followed {
            end,
            intervention: self.intervention,
            incoming: self.incoming,
            replaced: self.replaced,
        }
    }
}
