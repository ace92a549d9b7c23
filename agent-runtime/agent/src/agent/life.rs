//! The phases of an agent's life, and what it waits for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::Agent;
use crate::sys;

/// Quiet after which memory is given back.
const QUIET: Duration = Duration::from_millis(500);

/// Where the agent is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// At work.
    Running,
    /// Takes no more commands; running modules are stopped and answers sent.
    Stopping,
    /// The connection may be closed.
    Over,
}

impl Agent {
    /// Waits until the agent is no longer at work.
    pub async fn until_stopping(&self) {
        let _ = self
            .phase
            .subscribe()
            .wait_for(|phase| *phase != Phase::Running)
            .await;
    }

    /// Waits until the connection may be closed.
    pub async fn until_over(&self) {
        let _ = self
            .phase
            .subscribe()
            .wait_for(|phase| *phase == Phase::Over)
            .await;
    }

    /// Moves on to the next phase; never back.
    pub fn enter(&self, next: Phase) {
        self.phase.send_if_modified(|phase| {
            let forward = matches!(
                (*phase, next),
                (Phase::Running, Phase::Stopping | Phase::Over) | (Phase::Stopping, Phase::Over)
            );
            if forward {
                *phase = next;
            }
            forward
        });
        if next == Phase::Stopping {
            self.cancel.cancel();
        }
    }

    /// Whether there is a connection to the relay.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Whether there ever was one.
    pub fn was_connected(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
        self.reached.fetch_or(connected, Ordering::Relaxed);
    }

    /// Whether a command is running, or an answer waits for the relay.
    pub(crate) fn has_work(&self) -> bool {
        *self.active.borrow() > 0 || *self.unsent.borrow() > 0
    }

    /// Room for one more command.
    pub async fn command_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.commands).acquire_owned().await.ok()
    }

    /// Room for one more operation.
    pub(crate) async fn operation_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.operations).acquire_owned().await.ok()
    }

    /// Counts a running command while the guard lives.
    pub(crate) fn activity(self: &Arc<Self>) -> Activity {
        self.active.send_modify(|count| *count += 1);
        Activity(Arc::clone(self))
    }

    /// Waits until no command is running.
    pub async fn until_inactive(&self) {
        let _ = self.active.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Waits until a command is running.
    #[cfg(test)]
    pub(crate) async fn until_active(&self) {
        let _ = self.active.subscribe().wait_for(|count| *count > 0).await;
    }

    /// Waits until no command is running and every answer was sent.
    pub async fn until_quiet(&self) {
        self.until_inactive().await;
        let _ = self.unsent.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Waits until a heartbeat has arrived.
    pub async fn until_alive(&self) {
        let _ = self.alive.subscribe().wait_for(|alive| *alive).await;
    }

    /// Gives memory back whenever there was work and then a moment's quiet, so
    /// that an idle agent weighs little and a busy one is not disturbed.
    pub async fn settle(&self) {
        loop {
            self.worked.notified().await;
            while tokio::time::timeout(QUIET, self.worked.notified())
                .await
                .is_ok()
            {}
            self.until_inactive().await;
            sys::return_memory();
        }
    }

    /// Stops: no more commands, modules are cancelled within `patience`, answers
    /// are stored and, as far as the relay takes them within `sending`, sent.
    pub async fn stop(&self, patience: Duration, sending: Duration) {
        self.enter(Phase::Stopping);
        if tokio::time::timeout(patience, self.until_inactive())
            .await
            .is_err()
        {
            tracing::error!("a module did not stop; its command is resumed at the next start");
        }
        if self.is_connected() {
            let _ = tokio::time::timeout(sending, self.until_quiet()).await;
        }
        self.enter(Phase::Over);
    }
}

/// A running command.
pub(crate) struct Activity(Arc<Agent>);

impl Drop for Activity {
    fn drop(&mut self) {
        self.0
            .active
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}
