//! Starting and stopping the scheduler.

use std::sync::Arc;
use std::time::Duration;

use mig_logging::Complaints;
use mig_protocol::Time;
use mig_store::{Changes, IdSource, Store, Wake};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::config::SchedulerConfig;
use crate::counts::{Counts, CountsSnapshot};
use crate::duties::Heard;
use crate::events::Events;
use crate::places::LastGood;
use crate::{actions, duties, events, periodic, relay};

/// What all tasks of the scheduler share.
pub(crate) struct Shared {
    pub(crate) config: SchedulerConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) ids: IdSource,
    pub(crate) wake: Wake,
    pub(crate) changes: Changes,
    pub(crate) counts: Counts,
    /// What may still be said in the log about what agents send.
    pub(crate) complaints: Complaints,
    /// Who spoke over the relay.
    pub(crate) heard: Heard,
    /// What the other schedulers know this one as; new in each process, so that
    /// nobody is taken for a predecessor that died.
    pub(crate) holder: u64,
    /// Something was put into the outbox, or may be published again.
    pub(crate) outbox: Notify,
    /// The node of the relay that could be used last.
    pub(crate) last_relay: LastGood,
    /// News for workers; `None` when nobody wants any.
    pub(crate) events: Option<Events>,
    /// Whether the relay is connected and its topology declared.
    pub(crate) connected: watch::Sender<bool>,
}

impl Shared {
    /// Tells workers, if somebody wants that.
    pub(crate) fn tell(&self, kind: events::Kind, body: &[u8]) {
        if let Some(events) = &self.events {
            events.offer(&self.counts, kind, body);
        }
    }

    /// Whether one more line may be written about what agents send; those that may
    /// not are counted.
    pub(crate) fn may_complain(&self) -> bool {
        let allowed = self.complaints.allowed().is_some();
        if !allowed {
            self.counts.complaints_left_out.one();
        }
        allowed
    }

    pub(crate) fn now(&self) -> Time {
        self.config.clock.now()
    }
}

/// The scheduler.
pub struct Scheduler;

impl Scheduler {
    /// Starts the scheduler's tasks on the current tokio runtime. It connects
    /// to the relay by itself, as often as needed.
    pub fn start(
        config: SchedulerConfig,
        store: Arc<dyn Store>,
        wake: Wake,
        changes: Changes,
    ) -> SchedulerHandle {
        let (stop, stopped) = watch::channel(false);
        let (connected, _) = watch::channel(false);
        let shared = Arc::new(Shared {
            events: config.events.clone().map(Events::new),
            config,
            ids: IdSource::new(Arc::clone(&store)),
            store,
            wake,
            changes,
            counts: Counts::default(),
            complaints: Complaints::new(),
            heard: Heard::default(),
            holder: rand::random::<u64>() >> 1,
            outbox: Notify::new(),
            last_relay: LastGood::default(),
            connected,
        });
        let tasks = vec![
            tokio::spawn(actions::run(Arc::clone(&shared), stopped.clone())),
            tokio::spawn(relay::run(Arc::clone(&shared), stopped.clone())),
            tokio::spawn(events::run(Arc::clone(&shared), stopped.clone())),
            tokio::spawn(duties::run(Arc::clone(&shared), stopped.clone())),
            tokio::spawn(periodic::run(Arc::clone(&shared), stopped)),
        ];
        SchedulerHandle {
            shared,
            stop,
            tasks,
        }
    }
}

/// A running scheduler. Dropping it stops the scheduler without waiting.
pub struct SchedulerHandle {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl SchedulerHandle {
    /// What it did so far.
    pub fn counts(&self) -> CountsSnapshot {
        self.shared.counts.snapshot()
    }

    /// Waits until the relay is connected and exchanges and queues are
    /// declared, so that agents may come. False if that took longer.
    pub async fn connected(&self, within: Duration) -> bool {
        let mut connected = self.shared.connected.subscribe();
        let waiting = connected.wait_for(|connected| *connected);
        matches!(tokio::time::timeout(within, waiting).await, Ok(Ok(_)))
    }

    /// Whether the relay is connected now.
    pub fn is_connected(&self) -> bool {
        *self.shared.connected.borrow()
    }

    /// Waits until the relay is connected, however long that takes.
    pub async fn reached(&self) {
        let mut connected = self.shared.connected.subscribe();
        if connected.wait_for(|connected| *connected).await.is_err() {
            // The sender lives as long as this handle.
            std::future::pending().await
        }
    }

    /// Stops: takes no new work, finishes what is being stored, leaves the
    /// relay. Unacknowledged messages stay in their queues.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            if let Err(error) = task.await
                && error.is_panic()
            {
                tracing::error!("a task of the scheduler had panicked: {error}");
            }
        }
    }
}

impl Drop for SchedulerHandle {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
