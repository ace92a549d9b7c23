//! Starting and stopping a relay.

use crate::admission::Admission;
use crate::alarms::Alarms;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::config::{Listener, RelayConfig};
use crate::error::RelayError;
use crate::listener::Door;
use crate::persistence::{Op, OpenStore, StoreThread};
use crate::report::report;
use crate::shared::Shared;
use crate::stats::{Counters, Stats};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The embedded relay; see [`Relay::start`].
#[derive(Debug)]
pub struct Relay;

impl Relay {
    /// Opens the store, listens and serves on the current tokio runtime, of
    /// either flavour.
    ///
    /// # Errors
    /// Names what of the configuration cannot be used and how to mend it.
    pub async fn start(config: RelayConfig) -> Result<RelayHandle, RelayError> {
        let doors = config.doors()?;
        let listeners = listen(&config.listeners).await?;
        let clock = Clock::start();
        let counters = Arc::new(Counters::default());
        let limits = Arc::new(config.limits);

        let path = config.database;
        let now = clock.now();
        let counted = Arc::clone(&counters);
        let alarms = Alarms::new(Arc::clone(&counters));
        let raised = Arc::clone(&alarms);
        let main = Arc::clone(doors.vhosts.main());
        let least_free = limits.disk_free_bytes;
        let opened = tokio::task::spawn_blocking(move || {
            StoreThread::open(OpenStore {
                path: &path,
                vhost: &main,
                now,
                least_free,
                counters: counted,
                alarms: raised,
            })
        });
        let (store, loaded) = opened
            .await
            .map_err(|error| RelayError::StoreFailed(error.to_string()))??;

        let mut broker = Broker::new(
            doors.vhosts.names(),
            Arc::clone(&limits),
            store.storage().clone(),
            Arc::clone(&counters),
            Arc::clone(&alarms),
        );
        broker.restore(loaded, now);
        let shared = Arc::new(Shared::new(
            broker,
            doors,
            Arc::clone(&limits),
            counters,
            alarms,
            clock,
        ));
        let weak = Arc::downgrade(&shared);
        shared.storage.send(Op::Attach(Box::new(move |outcomes| {
            if let Some(shared) = Weak::upgrade(&weak) {
                shared.broker(|broker, _| broker.stored(outcomes));
            }
        })));

        let (stop, stopped) = watch::channel(false);
        let (alive, all_gone) = mpsc::channel(1);
        let admission = Admission::new(limits);
        let mut addresses = Vec::new();
        for (listener, address, tls) in listeners {
            addresses.push(address);
            let door = Door {
                listener,
                tls,
                admission: Arc::clone(&admission),
                shared: Arc::clone(&shared),
                stop: stopped.clone(),
                alive: alive.clone(),
            };
            tokio::spawn(door.serve());
        }
        let timekeeper = Arc::clone(&shared);
        let timer = tokio::spawn(async move {
            tokio::join!(timekeeper.keep_time(), report(&timekeeper));
        });
        Ok(RelayHandle {
            shared,
            addresses,
            stop,
            all_gone,
            timer,
            store: Some(store),
        })
    }
}

type Listening = (TcpListener, SocketAddr, Option<TlsAcceptor>);

async fn listen(listeners: &[Listener]) -> Result<Vec<Listening>, RelayError> {
    if listeners.is_empty() {
        return Err(RelayError::NoListener);
    }
    let mut all = Vec::new();
    for listener in listeners {
        let (address, tls) = match listener {
            Listener::Plain(address) => (*address, None),
            Listener::Tls(address, files) => {
                (*address, Some(TlsAcceptor::from(files.server_config()?)))
            }
        };
        let failed = |source| RelayError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        all.push((listener, local, tls));
    }
    Ok(all)
}

/// A running relay. Dropping it ends the relay without waiting for anything;
/// [`RelayHandle::shutdown`] does it properly.
pub struct RelayHandle {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    all_gone: mpsc::Receiver<()>,
    timer: JoinHandle<()>,
    store: Option<StoreThread>,
}

impl RelayHandle {
    /// The addresses listened on, in the order of the configuration, with the
    /// ports that were taken.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What the relay holds and has done.
    pub fn stats(&self) -> Stats {
        self.shared.broker(|broker, _| broker.stats())
    }

    /// Whether the file with further accounts has workers now.
    pub fn lists_workers(&self) -> bool {
        self.shared.doors.accounts.lists_workers()
    }

    /// Stops accepting, closes every connection with 320, waits for them as
    /// long as the limits say, and commits what is left.
    ///
    /// # Errors
    /// When the last changes could not be stored.
    pub async fn shutdown(mut self) -> Result<(), RelayError> {
        let patience = self.shared.limits.close_timeout + Duration::from_secs(1);
        let _ = self.stop.send(true);
        let gone = async { while self.all_gone.recv().await.is_some() {} };
        if tokio::time::timeout(patience, gone).await.is_err() {
            tracing::warn!("Some connections of the relay did not end in time.");
        }
        self.timer.abort();
        let Some(store) = self.store.take() else {
            return Ok(());
        };
        tokio::task::spawn_blocking(move || store.stop())
            .await
            .map_err(|error| RelayError::StoreFailed(error.to_string()))?
    }
}

impl std::fmt::Debug for RelayHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayHandle")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl Drop for RelayHandle {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.timer.abort();
    }
}
