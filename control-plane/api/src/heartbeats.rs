//! Heartbeats on their way to the store, many at a time: thousands of agents
//! send one each, and a transaction for each would be most of what the database
//! does.

use std::sync::Arc;

use mig_logging::Complaints;
use mig_protocol::{Agent, Time};
use mig_store::{Store, StoreError, StoreResult};
use tokio::sync::{mpsc, oneshot};

/// Heartbeats stored at once.
const BATCH: usize = 256;
/// Heartbeats that wait; who sends more waits with them.
const WAITING: usize = 1024;

/// Where requests hand in heartbeats.
pub(crate) struct Heartbeats(mpsc::Sender<Waiting>);

struct Waiting {
    agent: Agent,
    now: Time,
    stored: oneshot::Sender<bool>,
}

impl Heartbeats {
    /// A queue with a task that empties it, on the current tokio runtime, as
    /// long as the queue exists.
    pub(crate) fn start(store: Arc<dyn Store>) -> Heartbeats {
        let (sender, mut receiver) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            // Apart from others, so that nobody who floods hides them.
            let complaints = Complaints::new();
            // While one batch is stored, the next one comes together.
            while receiver.recv_many(&mut batch, BATCH).await > 0 {
                store_all(&*store, &mut batch, &complaints).await;
            }
        });
        Heartbeats(sender)
    }

    /// Stores a heartbeat; false when that failed, which the log explains.
    pub(crate) async fn store(&self, agent: Agent, now: Time) -> bool {
        let (stored, done) = oneshot::channel();
        let waiting = Waiting { agent, now, stored };
        self.0.send(waiting).await.is_ok() && done.await.unwrap_or(false)
    }
}

async fn store_all(store: &dyn Store, batch: &mut Vec<Waiting>, complaints: &Complaints) {
    let now = batch.iter().map(|one| one.now).max().unwrap_or(Time::ZERO);
    let agents: Vec<Agent> = batch.iter().map(|one| one.agent.clone()).collect();
    let together = store.record_heartbeats(&agents, now).await.map(drop);
    // What is wrong with one must not be the others' loss; a database that is away
    // is no fault of any of them, and each would wait for it in turn.
    let away = matches!(together, Err(StoreError::Unreachable { .. }));
    if together.is_err() && !away && batch.len() > 1 {
        for waiting in batch.drain(..) {
            let agent = std::slice::from_ref(&waiting.agent);
            let alone = store.record_heartbeats(agent, now).await.map(drop);
            answer(waiting, &alone, complaints);
        }
    } else {
        batch
            .drain(..)
            .for_each(|waiting| answer(waiting, &together, complaints));
    }
}

fn answer(waiting: Waiting, outcome: &StoreResult<()>, complaints: &Complaints) {
    if let Err(error) = outcome
        && let Some(left_out) = complaints.allowed()
    {
        let queueloc = waiting.agent.queueloc.escape_debug();
        tracing::error!("A heartbeat of {queueloc} could not be stored: {error}.{left_out}");
    }
    // A request that was given up does not need to know.
    let _ = waiting.stored.send(outcome.is_ok());
}
