//! What every task of a relay can reach.

use crate::accounts::Accounts;
use crate::alarms::Alarms;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::config::CertificateName;
use crate::limits::Limits;
use crate::persistence::Storage;
use crate::stats::Counters;
use crate::vhost::Vhosts;
use mig_logging::Complaints;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Who may come in, and where to.
pub(crate) struct Doors {
    pub accounts: Accounts,
    pub vhosts: Vhosts,
    /// Which name of a certificate is as good as a password, if any is.
    pub certificates: Option<CertificateName>,
}

/// See the module.
pub(crate) struct Shared {
    pub doors: Doors,
    pub limits: Arc<Limits>,
    pub alarms: Arc<Alarms>,
    pub counters: Arc<Counters>,
    /// What the log says of those who do not get in: a flood of them must not fill it.
    pub strangers: Complaints,
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
        doors: Doors,
        limits: Arc<Limits>,
        counters: Arc<Counters>,
        alarms: Arc<Alarms>,
        clock: Clock,
    ) -> Self {
        Self {
            doors,
            alarms,
            strangers: Complaints::new(),
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
    pub fn new(bytes: usize) -> Self {
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

/// A publication's share of what may be in flight: of its connection's, and of
/// everybody's.
#[derive(Debug)]
pub(crate) struct InFlight {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl InFlight {
    /// A share at once, if there is one.
    pub fn try_take(own: &Budget, all: &Budget, bytes: u64) -> Option<Self> {
        Some(Self {
            _own: own.try_take(bytes)?,
            _all: all.try_take(bytes)?,
        })
    }

    /// A share when there is one. Who has much in flight already waits for
    /// itself first, before it stands in anybody's way.
    pub fn take(
        own: &Budget,
        all: &Budget,
        bytes: u64,
    ) -> impl Future<Output = Option<Self>> + Send + 'static {
        let own = own.take(bytes);
        let all = all.take(bytes);
        async move {
            Some(Self {
                _own: own.await?,
                _all: all.await?,
            })
        }
    }
}
