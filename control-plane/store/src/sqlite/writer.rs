//! The one thread that writes. Work that waits is done in one transaction, so
//! that a crowd of agents costs one write to the disk and not one each.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::failure::{Failure, Outcome};
use crate::{StoreError, StoreResult};

/// Most pieces of work in one transaction.
const MOST: usize = 64;

/// A piece of work with somebody waiting for it.
trait Work: Send {
    /// Does it. An error takes back this piece only.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells who waits: it is on the disk, or why nothing is.
    fn finish(self: Box<Self>, committed: Outcome<()>);
}

struct Piece<T, F> {
    doing: &'static str,
    path: PathBuf,
    work: Option<F>,
    result: Option<Outcome<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Work for Piece<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Outcome<T> + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        let result = self.work.take().map(|work| work(connection));
        let good = matches!(result, Some(Ok(_)));
        self.result = result;
        good
    }

    fn finish(self: Box<Self>, committed: Outcome<()>) {
        let result = match (self.result, committed) {
            (Some(Err(failure)), _) | (_, Err(failure)) => Err(failure),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(Failure::Store(StoreError::Closed)),
        };
        // Nobody waits any more: the work is done nevertheless.
        let _ = self
            .reply
            .send(result.map_err(|failure| failure.into_store(self.doing, &self.path)));
    }
}

/// The thread and the way to it.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    queue: Option<Sender<Box<dyn Work>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection, path: PathBuf) -> StoreResult<Writer> {
        let (queue, work) = channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || serve(&connection, &work))
            .map_err(|source| StoreError::Io {
                path: path.clone(),
                source,
            })?;
        Ok(Writer {
            path,
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Does `work` in a transaction and returns once it is on the disk.
    pub(super) async fn write<T, F>(&self, doing: &'static str, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let path = self.path.clone();
        let piece = Piece {
            doing,
            path,
            work: Some(work),
            result: None,
            reply,
        };
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue
            .send(Box::new(piece))
            .map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Writer {
    /// Ends the thread after the work it has.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, queue: &Receiver<Box<dyn Work>>) {
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(MOST - 1));
        let committed = together(connection, &mut batch);
        if committed.is_err() && !connection.is_autocommit() {
            // The error that matters is reported already.
            let _ = connection.execute_batch("ROLLBACK");
        }
        match (committed, batch.len()) {
            (Ok(()), _) => batch.into_iter().for_each(|piece| piece.finish(Ok(()))),
            (Err(error), 1) => {
                let mut error = Some(error);
                for piece in batch {
                    let failure = error.take().unwrap_or(rusqlite::Error::InvalidQuery);
                    piece.finish(Err(failure.into()));
                }
            }
            (Err(rusqlite::Error::SqliteFailure(error, _)), _)
                if error.code == ErrorCode::DiskFull =>
            {
                for piece in batch {
                    let full = rusqlite::Error::SqliteFailure(error, None);
                    piece.finish(Err(full.into()));
                }
            }
            (Err(error), _) => {
                let reason = error.to_string();
                for piece in batch {
                    let source: Box<dyn std::error::Error + Send + Sync> = reason.as_str().into();
                    let doing = "stored several changes at once";
                    piece.finish(Err(Failure::Store(StoreError::Database { doing, source })));
                }
            }
        }
    }
}

/// Runs a batch in one transaction, each piece in a savepoint of its own.
fn together(connection: &Connection, batch: &mut [Box<dyn Work>]) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for piece in batch {
        connection.execute_batch("SAVEPOINT piece")?;
        let end = if piece.run(connection) {
            "RELEASE piece"
        } else {
            "ROLLBACK TO piece; RELEASE piece"
        };
        connection.execute_batch(end)?;
    }
    connection.execute_batch("COMMIT")
}
