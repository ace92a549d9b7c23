//! Heartbeats of many callers in one transaction: while one is under way, what
//! arrives waits for the next, however much it is.

use std::sync::Arc;

use mig_protocol::{Agent, Time};
use tokio::sync::{mpsc, oneshot};

use super::connection::{Database, Kind, transaction};
use super::heartbeats;
use crate::{HeartbeatOutcome, StoreError, StoreResult};

/// Most heartbeats in one transaction.
const MOST: usize = 4096;

/// Most callers that wait; further ones wait for a place.
const WAITING: usize = 4096;

type Outcomes = Vec<HeartbeatOutcome>;

struct Piece {
    heard: Vec<(Agent, Time)>,
    reply: oneshot::Sender<StoreResult<Outcomes>>,
}

/// The way to the task that stores heartbeats.
#[derive(Debug)]
pub(super) struct Gathering(mpsc::Sender<Piece>);

impl Gathering {
    /// Starts the task; it ends after the work it has once this is dropped.
    pub(super) fn start(database: Arc<Database>) -> Gathering {
        let (queue, pieces) = mpsc::channel(WAITING);
        tokio::spawn(serve(database, pieces));
        Gathering(queue)
    }

    /// Returns once the heartbeats are stored.
    pub(super) async fn store(&self, agents: &[Agent], now: Time) -> StoreResult<Outcomes> {
        let (reply, outcome) = oneshot::channel();
        let heard = agents.iter().map(|agent| (agent.clone(), now)).collect();
        let sent = self.0.send(Piece { heard, reply }).await;
        sent.map_err(|_| StoreError::Closed)?;
        outcome.await.map_err(|_| StoreError::Closed)?
    }
}

async fn serve(database: Arc<Database>, mut pieces: mpsc::Receiver<Piece>) {
    while let Some(first) = pieces.recv().await {
        let mut count = first.heard.len();
        let mut batch = vec![first];
        while count < MOST {
            let Ok(piece) = pieces.try_recv() else { break };
            count += piece.heard.len();
            batch.push(piece);
        }
        together(&database, batch).await;
    }
}

async fn together(database: &Database, mut batch: Vec<Piece>) {
    let all: Vec<(Agent, Time)> = batch
        .iter()
        .flat_map(|piece| piece.heard.iter().cloned())
        .collect();
    match store(database, &all).await {
        Ok(outcomes) => {
            let mut outcomes = outcomes.into_iter();
            for piece in batch {
                let own = outcomes.by_ref().take(piece.heard.len()).collect();
                // Nobody waits any more: it is stored nevertheless.
                let _ = piece.reply.send(Ok(own));
            }
        }
        // The database is away for all of them alike.
        Err(StoreError::Unreachable { database, reason }) => {
            for piece in batch {
                let (database, reason) = (database.clone(), reason.clone());
                let error = StoreError::Unreachable { database, reason };
                let _ = piece.reply.send(Err(error));
            }
        }
        Err(error) if batch.len() == 1 => {
            if let Some(piece) = batch.pop() {
                let _ = piece.reply.send(Err(error));
            }
        }
        // One that the database refuses takes nothing of the others with it.
        Err(_) => {
            for piece in batch {
                let outcomes = store(database, &piece.heard).await;
                let _ = piece.reply.send(outcomes);
            }
        }
    }
}

async fn store(database: &Database, heard: &[(Agent, Time)]) -> StoreResult<Outcomes> {
    transaction!(database, "stored heartbeats", Kind::Repeatable, tx => heartbeats::store(tx, heard))
}
