//! The task of a connection: one loop over everything that can happen to it.

use super::deadlines::{Activity, Due};
use super::input::Input;
use super::writer::{Load, Writer, loaded};
use super::{Connection, Socket, Stage, Stop};
use crate::admission::Seat;
use crate::channel::{Reaction, Resume, Wait};
use crate::codec::HEARTBEAT;
use crate::exception::Exception;
use crate::shared::Shared;
use crate::stats::count;
use bytes::BytesMut;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

/// Read buffer of a quiet connection.
const QUIET_BUFFER: usize = 512;
/// Read buffer of a busy one.
const BUSY_BUFFER: usize = 16 * 1024;
/// Without any deadline.
const LONG: Duration = Duration::from_secs(86_400);

/// Serves a client until it is gone.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite>(
    shared: Arc<Shared>,
    stream: S,
    socket: Socket,
    seat: Seat,
    login_by: Instant,
    certified: Option<String>,
    stop: Stop,
) {
    let connection = Connection::new(Arc::clone(&shared), login_by, certified);
    let now = Instant::now();
    let mut life = Life {
        outbox: Arc::clone(&connection.outbox),
        connection,
        seat,
        socket,
        input: BytesMut::new(),
        allocated: 0,
        spare: QUIET_BUFFER,
        output: Writer::default(),
        unflushed: false,
        wait: None,
        activity: Activity {
            read: now,
            written: now,
            stuck: None,
            partial: None,
            reading: true,
            looked: now,
        },
    };
    let end = life.run(stream, stop).await;
    tracing::debug!(
        connection = life.connection.id,
        reason = end,
        "A connection to the relay ended."
    );
    life.connection.leave_broker();
    life.output.abandon(&life.outbox, &shared);
}

struct Life {
    connection: Connection,
    outbox: Arc<super::Outbox>,
    seat: Seat,
    /// What `stream` reads and writes in the end.
    socket: Socket,
    input: BytesMut,
    /// Size of its memory.
    allocated: usize,
    /// How much to read at once.
    spare: usize,
    output: Writer,
    unflushed: bool,
    /// Nothing is read before this is done.
    wait: Option<Wait>,
    activity: Activity,
}

/// What happened next.
enum Happened {
    Read(std::io::Result<usize>),
    Written(std::io::Result<usize>),
    Flushed(std::io::Result<()>),
    Added,
    Loaded(Load),
    Resumed(Resume),
    Timer,
    Stop,
}

impl Life {
    /// Returns why the connection ended.
    async fn run<S: AsyncRead + AsyncWrite>(&mut self, stream: S, mut stop: Stop) -> &'static str {
        let (reader, writer) = tokio::io::split(stream);
        tokio::pin!(reader);
        tokio::pin!(writer);
        let timer = sleep_until(self.connection.login_by);
        tokio::pin!(timer);
        let mut stopping = *stop.borrow();
        if stopping {
            self.connection.force_close();
        }
        loop {
            self.prepare();
            if self.connection.stage == Stage::Done
                && self.output.is_idle()
                && self.outbox.is_empty()
                && !self.unflushed
            {
                // Says goodbye (TLS: close_notify) as far as the client listens.
                let _ = tokio::time::timeout(Duration::from_secs(1), writer.shutdown()).await;
                return "it was closed";
            }
            let next = self
                .connection
                .next_deadline(&self.activity)
                .unwrap_or_else(|| Instant::now() + LONG);
            if next < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(next);
            }
            let reading = self.activity.reading;
            let writing = !self.output.buffer.is_empty();
            let happened = tokio::select! {
                read = reader.read_buf(&mut self.input), if reading => Happened::Read(read),
                pushed = push(&mut writer, &self.output.buffer, self.unflushed) => pushed,
                () = self.outbox.added(), if !writing => Happened::Added,
                resume = resumed(&mut self.wait) => Happened::Resumed(resume),
                () = timer.as_mut() => Happened::Timer,
                _ = stop.changed(), if !stopping => Happened::Stop,
                load = loaded(&mut self.output.loading), if !writing => Happened::Loaded(load),
            };
            match happened {
                Happened::Read(Ok(0)) => return "the client hung up",
                Happened::Read(Ok(_)) => self.on_read(),
                Happened::Written(Ok(0)) => return "the socket takes nothing",
                Happened::Written(Ok(count)) => self.on_written(count),
                Happened::Flushed(Ok(())) => self.unflushed = false,
                Happened::Read(Err(_)) | Happened::Written(Err(_)) | Happened::Flushed(Err(_)) => {
                    return "the connection broke";
                }
                Happened::Resumed(resume) => self.on_resumed(resume),
                Happened::Timer => {
                    if let Some(end) = self.on_timer() {
                        return end;
                    }
                }
                Happened::Stop => {
                    stopping = true;
                    self.connection.force_close();
                }
                Happened::Loaded(load) => {
                    if self.output.on_loaded(load).is_err() {
                        let failed = Exception::internal_error("the store cannot be read");
                        self.connection.raise(0, (0, 0), &failed);
                    }
                }
                Happened::Added => {}
            }
        }
    }

    /// Processes what was read, and gets what is to be written.
    fn prepare(&mut self) {
        if matches!(self.connection.stage, Stage::Closing | Stage::Done) {
            // Whatever was waited for does not matter any more.
            self.wait = None;
        }
        let mut wanted = 1;
        let before = self.input.len();
        while self.wait.is_none() && !self.outbox.is_backed_up() {
            match self.connection.process(&mut self.input) {
                Input::Wants(bytes) => {
                    wanted = bytes;
                    break;
                }
                Input::Waits(wait) => self.wait = Some(wait),
            }
        }
        if self.connection.is_logged_in() {
            self.seat.logged_in();
        }
        let frame_max = self.connection.frame_max;
        let shared = &self.connection.shared;
        if self.output.fill(&self.outbox, frame_max, shared) {
            let id = self.connection.id;
            shared.broker(|broker, now| broker.refill(id, now));
            self.output.fill(&self.outbox, frame_max, shared);
        }
        let stuck = !self.output.buffer.is_empty();
        self.activity.stuck = match self.activity.stuck {
            None if stuck => Some(Instant::now()),
            since if stuck => since,
            _ => None,
        };
        let was_reading = self.activity.reading;
        self.activity.reading = self.wait.is_none()
            && !self.outbox.is_backed_up()
            && self.connection.stage != Stage::Done;
        if self.activity.reading && !was_reading {
            self.activity.read = Instant::now();
        }
        self.activity.partial = if self.input.is_empty() || !self.activity.reading {
            None
        } else if self.input.len() < before {
            Some(Instant::now())
        } else {
            self.activity.partial.or_else(|| Some(Instant::now()))
        };
        self.make_space(wanted);
    }

    /// A quiet connection keeps a small buffer only.
    fn make_space(&mut self, wanted: usize) {
        let space = wanted.max(self.spare);
        // The capacity alone does not tell: it shrinks by what was consumed.
        if self.input.is_empty() && self.allocated > space {
            self.input = BytesMut::new();
        }
        if self.input.capacity() - self.input.len() < wanted {
            self.input.reserve(space);
            self.allocated = self.input.capacity();
        }
    }

    fn on_read(&mut self) {
        self.activity.read = Instant::now();
        // Only a full buffer suggests that more is waiting.
        self.spare = if self.input.len() == self.input.capacity() {
            BUSY_BUFFER
        } else {
            QUIET_BUFFER
        };
    }

    fn on_written(&mut self, count: usize) {
        bytes::Buf::advance(&mut self.output.buffer, count);
        self.unflushed = true;
        self.activity.written = Instant::now();
        self.activity.stuck = None;
    }

    fn on_resumed(&mut self, resume: Resume) {
        self.wait = None;
        match self.connection.resume(resume) {
            Ok(Reaction::Done) => {}
            Ok(Reaction::Wait(wait)) => self.wait = Some(wait),
            Err((channel, id, exception)) => self.connection.raise(channel, id, &exception),
        }
    }

    fn on_timer(&mut self) -> Option<&'static str> {
        let now = Instant::now();
        match self.connection.due(&self.activity, now) {
            // Silent is from whom nothing waits either: where the relay itself stood
            // still, it just has not been read.
            Some(Due::Silence) if self.socket.has_sent() => self.activity.read = now,
            Some(Due::Silence) => return Some(self.dropped("no heartbeat came for two intervals")),
            Some(Due::End(reason)) => return Some(self.dropped(reason)),
            Some(Due::Look) if self.socket.is_hung_up() => {
                count(&self.connection.shared.counters.hung_up_blocked);
                tracing::info!(
                    connection = self.connection.id,
                    "A client of the relay hung up while it had to wait; what it sent since was \
                     not read."
                );
                return Some("the client hung up while it had to wait");
            }
            Some(Due::Look) => self.activity.looked = now,
            Some(Due::Heartbeat) => {
                self.output.buffer.extend_from_slice(&HEARTBEAT);
                self.activity.written = now;
            }
            None => {}
        }
        None
    }

    fn dropped(&self, reason: &'static str) -> &'static str {
        tracing::info!(
            connection = self.connection.id,
            reason,
            "The relay dropped a connection."
        );
        reason
    }
}

/// Writes what there is, or flushes what was written, or waits for ever.
async fn push(writer: &mut (impl AsyncWrite + Unpin), buffer: &[u8], unflushed: bool) -> Happened {
    if !buffer.is_empty() {
        Happened::Written(writer.write(buffer).await)
    } else if unflushed {
        Happened::Flushed(writer.flush().await)
    } else {
        std::future::pending().await
    }
}

async fn resumed(wait: &mut Option<Wait>) -> Resume {
    match wait {
        Some(wait) => wait.as_mut().await,
        None => std::future::pending().await,
    }
}
