//! Durable state: exchanges, queues, bindings and the messages that must
//! survive, in one SQLite file.
//!
//! One thread owns the file. What arrives while it commits goes into the next
//! transaction together, so one fsync serves many publishers; a confirm is sent
//! only after the commit that made the message safe.

mod committer;
mod load;
mod reserve;
mod room;
mod schema;
mod write;

use crate::alarms::Alarms;
use crate::confirm::Confirm;
use crate::error::RelayError;
use crate::queue::backlog::Envelope;
use crate::queue::{MessageId, QueueId, QueueSettings};
use crate::routing::ExchangeKind;
use crate::shared::InFlight;
use crate::stats::Counters;
use bytes::Bytes;
use committer::Committer;
pub(crate) use load::{Loaded, LoadedMessage};
use reserve::Reserve;
use room::Room;
use std::path::Path;
use std::sync::{Arc, mpsc};
use tokio::sync::oneshot;

/// A body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreFailed;

/// A message on its way to the disk.
pub(crate) struct Insert {
    pub id: MessageId,
    pub queue: QueueId,
    pub envelope: Arc<Envelope>,
    pub expires: Option<u64>,
    pub body: Bytes,
    /// Whether it must survive a restart; others are only parked on disk.
    pub survives: bool,
    /// Told about the outcome.
    pub confirm: Option<Arc<Confirm>>,
    /// Held until the body is safe, bounds what is in flight.
    pub permit: Option<Arc<InFlight>>,
}

/// Something to do with the file, in order.
pub(crate) enum Op {
    PutExchange {
        vhost: Arc<str>,
        name: Arc<str>,
        kind: ExchangeKind,
        auto_delete: bool,
        internal: bool,
    },
    /// With its bindings.
    DeleteExchange {
        vhost: Arc<str>,
        name: Arc<str>,
    },
    PutQueue {
        id: QueueId,
        vhost: Arc<str>,
        name: Arc<str>,
        user: Arc<str>,
        settings: QueueSettings,
    },
    /// With its bindings; its messages are deleted one by one.
    DeleteQueue(QueueId),
    Bind {
        exchange: Arc<str>,
        queue: QueueId,
        key: Arc<str>,
    },
    Unbind {
        exchange: Arc<str>,
        queue: QueueId,
        key: Arc<str>,
    },
    Insert(Box<Insert>),
    Delete(MessageId),
    /// Reads a body; the message is deleted afterwards when nobody will
    /// acknowledge it.
    Fetch {
        id: MessageId,
        delete: bool,
        reply: oneshot::Sender<Result<Option<Bytes>, StoreFailed>>,
    },
    /// Answered when everything before it is committed; `false` when that
    /// failed. Messages are answered for each by itself.
    Barrier(oneshot::Sender<bool>),
    /// Whom to tell which messages were stored (`true`) or could not be.
    Attach(OnStored),
    Stop,
}

impl Op {
    /// Bytes of a body to be written.
    fn bytes(&self) -> usize {
        match self {
            Op::Insert(insert) => insert.body.len(),
            _ => 0,
        }
    }

    /// It frees room once it is committed.
    fn is_deletion(&self) -> bool {
        matches!(
            self,
            Op::Delete(_) | Op::DeleteQueue(_) | Op::DeleteExchange { .. } | Op::Unbind { .. }
        )
    }
}

/// See [`Op::Attach`].
pub(crate) type OnStored = Box<dyn Fn(&[(QueueId, MessageId, bool)]) + Send>;

/// Sends work to the store's thread.
#[derive(Clone)]
pub(crate) struct Storage {
    sender: mpsc::Sender<Op>,
}

impl Storage {
    pub fn send(&self, op: Op) {
        // The thread only ends after `Stop`, when nothing matters any more;
        // waiters in the operation notice that they are dropped.
        let _ = self.sender.send(op);
    }

    /// Resolves when everything sent so far is committed, to `false` when it
    /// could not be.
    pub async fn barrier(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.send(Op::Barrier(reply));
        answer.await.unwrap_or(false)
    }

    /// The body of a message; `None` when the message is gone.
    pub async fn fetch(&self, id: MessageId, delete: bool) -> Result<Option<Bytes>, StoreFailed> {
        let (reply, answer) = oneshot::channel();
        self.send(Op::Fetch { id, delete, reply });
        answer.await.unwrap_or(Err(StoreFailed))
    }

    #[cfg(test)]
    pub fn detached() -> (Self, mpsc::Receiver<Op>) {
        let (sender, receiver) = mpsc::channel();
        (Self { sender }, receiver)
    }
}

/// How a store is opened.
pub(crate) struct OpenStore<'a> {
    pub path: &'a Path,
    /// Where things belong that a version without virtual hosts has left.
    pub vhost: &'a str,
    /// Milliseconds since the epoch.
    pub now: u64,
    /// Bytes that must be free on its disk.
    pub least_free: u64,
    pub counters: Arc<Counters>,
    pub alarms: Arc<Alarms>,
}

/// The running thread.
pub(crate) struct StoreThread {
    storage: Storage,
    thread: std::thread::JoinHandle<Result<(), String>>,
}

impl StoreThread {
    /// Opens (or creates) the file, reads what it holds and starts the thread.
    /// Blocks.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open(how: OpenStore<'_>) -> Result<(Self, Loaded), RelayError> {
        let OpenStore { path, now, .. } = how;
        let failed = |problem: String| RelayError::Store {
            path: path.into(),
            problem,
        };
        let begin = || {
            let connection = schema::open(path, how.vhost)?;
            let loaded = load::load(&connection, now).map_err(schema::explain)?;
            Ok((connection, loaded))
        };
        let (connection, loaded) = begin()
            .or_else(|problem| {
                // What was parked or has expired is deleted now, which needs room.
                match Reserve::of(path).give_up() {
                    true => begin(),
                    false => Err(problem),
                }
            })
            .map_err(failed)?;
        let (sender, receiver) = mpsc::channel();
        let room = Room::new(path.into(), how.least_free, how.alarms);
        let committer = Committer::new(connection, receiver, how.counters, room);
        let thread = std::thread::Builder::new()
            .name("relay-store".into())
            .spawn(move || committer.run())
            .map_err(|error| failed(format!("cannot start its thread: {error}")))?;
        let storage = Storage { sender };
        Ok((Self { storage, thread }, loaded))
    }

    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Commits what is left and closes the file. Blocks.
    ///
    /// # Errors
    /// When the last messages could not be stored.
    pub fn stop(self) -> Result<(), RelayError> {
        self.storage.send(Op::Stop);
        match self.thread.join() {
            Ok(result) => result.map_err(RelayError::StoreFailed),
            Err(_) => Err(RelayError::StoreFailed("its thread panicked".into())),
        }
    }
}

#[cfg(test)]
mod tests;
