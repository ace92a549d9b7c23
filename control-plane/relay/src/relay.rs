//! Starting and stopping a relay.

use crate::accounts::Accounts;
use crate::admission::Admission;
use crate::alarms::Alarms;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::config::{Listener, RelayConfig};
use crate::error::RelayError;
use crate::frame_guard::MINIMUM_FRAME_MAX;
use crate::limits::Limits;
use crate::listener::Door;
use crate::persistence::{Op, OpenStore, StoreThread};
use crate::report::report;
use crate::shared::{Doors, Shared};
use crate::stats::{Counters, Stats};
use crate::vhost::Vhosts;
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
        check_limits(&config.limits)?;
        let vhosts = Vhosts::new(&config.vhost, &config.vhosts);
        let external = config.external.as_ref();
        let accounts = Accounts::new(&config.users, &config.grants, &vhosts, external)?;
        let listeners = listen(&config.listeners).await?;
        let clock = Clock::start();
        let counters = Arc::new(Counters::default());
        let limits = Arc::new(config.limits);

        let path = config.database;
        let now = clock.now();
        let counted = Arc::clone(&counters);
        let alarms = Alarms::new(Arc::clone(&counters));
        let raised = Arc::clone(&alarms);
        let main = Arc::clone(vhosts.main());
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
            vhosts.names(),
            Arc::clone(&limits),
            store.storage().clone(),
            Arc::clone(&counters),
            Arc::clone(&alarms),
        );
        broker.restore(loaded, now);
        let shared = Arc::new(Shared::new(
            broker,
            Doors {
                accounts,
                vhosts,
                certificates: config.external.map(|external| external.name),
            },
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

fn check_limits(limits: &Limits) -> Result<(), RelayError> {
    let wrong = |name, problem: &str| {
        Err(RelayError::Limit {
            name,
            problem: problem.into(),
        })
    };
    if (limits.max_frame_bytes as usize) < MINIMUM_FRAME_MAX {
        return wrong("max_frame_bytes", "must be at least 4096");
    }
    if limits.max_channels == 0 {
        return wrong("max_channels", "must be at least 1");
    }
    if limits.max_message_bytes > limits.max_inflight_bytes as u64 {
        return wrong(
            "max_message_bytes",
            "must not exceed max_inflight_bytes, or the largest message never gets through",
        );
    }
    if limits.max_inflight_bytes_per_connection == 0 {
        return wrong("max_inflight_bytes_per_connection", "must be at least 1");
    }
    Ok(())
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
