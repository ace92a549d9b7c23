//! What every task of a relay can reach.

use crate::accounts::Accounts;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::limits::Limits;
use crate::persistence::Storage;
use crate::stats::Counters;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// See the module.
pub(crate) struct Shared {
    pub vhost: Arc<str>,
    pub limits: Arc<Limits>,
    pub accounts: Accounts,
    pub counters: Arc<Counters>,
    pub storage: Storage,
    pub clock: Clock,
    pub next_connection: AtomicU64,
    /// Bodies being received or not yet committed.
    pub inflight: Budget,
    /// Bodies read from the disk and not yet written to their socket.
    pub loading: Budget,
    /// The earliest deadline has moved forward.
    pub timer: Notify,
    broker: Mutex<Broker>,
}

impl Shared {
    pub fn new(
        broker: Broker,
        accounts: Accounts,
        limits: Arc<Limits>,
        counters: Arc<Counters>,
        clock: Clock,
    ) -> Self {
        Self {
            vhost: Arc::clone(&broker.vhost),
            accounts,
            counters,
            storage: broker.storage.clone(),
            clock,
            next_connection: AtomicU64::new(1),
            inflight: Budget::new(limits.max_inflight_bytes),
            loading: Budget::new(limits.max_inflight_bytes),
            limits,
            timer: Notify::new(),
            broker: Mutex::new(broker),
        }
    }

    /// Does something with the broker, which is told the time.
    pub fn broker<R>(&self, work: impl FnOnce(&mut Broker, u64) -> R) -> R {
        let mut broker = self.broker.lock().unwrap_or_else(PoisonError::into_inner);
        let before = broker.next_deadline();
        let result = work(&mut broker, self.clock.now());
        let sooner = match (broker.next_deadline(), before) {
            (Some(after), Some(before)) => after < before,
            (after, before) => after.is_some() && before.is_none(),
        };
        drop(broker);
        if sooner {
            self.timer.notify_one();
        }
        result
    }

    /// Drops expired messages and queues when their time comes.
    pub async fn keep_time(&self) {
        loop {
            let next = self.broker(|broker, now| {
                broker.tick(now);
                broker.next_deadline()
            });
            let sooner = self.timer.notified();
            match next {
                None => sooner.await,
                Some(deadline) => {
                    let until = self.clock.instant(deadline);
                    tokio::select! {
                        () = tokio::time::sleep_until(until) => {}
                        () = sooner => {}
                    }
                }
            }
        }
    }
}

/// Bytes that may be used at the same time, handed out in kibibytes.
pub(crate) struct Budget {
    semaphore: Arc<Semaphore>,
    units: u32,
}

impl Budget {
    fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes / 1024).unwrap_or(u32::MAX).max(1);
        Self {
            semaphore: Arc::new(Semaphore::new(units as usize)),
            units,
        }
    }

    fn units(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(1024))
            .unwrap_or(u32::MAX)
            .min(self.units)
    }

    /// A share at once, if there is one.
    pub fn try_take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.semaphore)
            .try_acquire_many_owned(self.units(bytes))
            .ok()
    }

    /// A share when there is one, first come, first served.
    pub fn take(
        &self,
        bytes: u64,
    ) -> impl Future<Output = Option<OwnedSemaphorePermit>> + Send + 'static {
        let share = Arc::clone(&self.semaphore).acquire_many_owned(self.units(bytes));
        async move { share.await.ok() }
    }
}
