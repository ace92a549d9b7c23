//! What all requests share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mig_logging::Complaints;
use mig_protocol::{Id, Time};
use mig_store::{Changes, IdSource, Store, Wake};
use tokio::sync::watch;

use crate::auth::Authenticator;
use crate::collection::Items;
use crate::config::ApiConfig;
use crate::heartbeats::Heartbeats;

/// What all requests share.
pub(crate) struct State {
    pub(crate) config: ApiConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) heartbeats: Heartbeats,
    pub(crate) wake: Wake,
    pub(crate) changes: Changes,
    pub(crate) ids: IdSource,
    pub(crate) items: Items,
    /// Scheme and host for links.
    pub(crate) host: String,
    pub(crate) authenticator: Authenticator,
    /// What may still be said in the log about those who do not log in.
    pub(crate) complaints: Complaints,
    /// Becomes true when the server stops; readers that wait give up then.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Operation ids tie an answer to the log; they need not be unique beyond
    /// this process, so they come from no block of the store.
    last_operation: AtomicU64,
}

impl State {
    pub(crate) fn new(
        config: ApiConfig,
        address: SocketAddr,
        store: Arc<dyn Store>,
        wake: Wake,
        changes: Changes,
        stopping: watch::Receiver<bool>,
    ) -> State {
        let host = config.host(address);
        let base = format!("{host}{}", config.base_route.trim_end_matches('/'));
        State {
            ids: IdSource::new(Arc::clone(&store)),
            heartbeats: Heartbeats::start(Arc::clone(&store)),
            items: Items { base },
            host,
            authenticator: Authenticator::new(),
            complaints: Complaints::new(),
            last_operation: AtomicU64::new(Id::first_at(config.clock.now()).0),
            config,
            store,
            wake,
            changes,
            stopping,
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.config.clock.now()
    }

    pub(crate) fn next_operation(&self) -> Id {
        Id(self.last_operation.fetch_add(1, Ordering::Relaxed))
    }
}
