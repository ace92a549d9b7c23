//! Starting and stopping the API.

use std::net::SocketAddr;
use std::sync::Arc;

use mig_store::{Changes, Store, Wake};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::ApiConfig;
use crate::http::{Running, serve};
use crate::state::State;

/// The API.
pub struct Api;

/// Why the API does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("the API cannot listen on {address}: {source}; choose another address or port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

impl Api {
    /// Starts to listen on the current tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(
        config: ApiConfig,
        store: Arc<dyn Store>,
        wake: Wake,
        changes: Changes,
    ) -> Result<ApiHandle, StartError> {
        let address = config.listen;
        let failed = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        if !config.authentication {
            tracing::warn!(
                "Authentication is off: everybody who reaches the API may do everything."
            );
        }
        let (stop, stopping) = watch::channel(false);
        let address = listener.local_addr().map_err(failed)?;
        let state = State::new(config, address, store, wake, changes, stopping);
        tracing::info!("The API is at {}.", state.items.base);
        let url = format!("{}/", state.items.base);
        let running = serve(listener, address, Arc::new(state));
        Ok(ApiHandle { stop, running, url })
    }
}

/// A running API. Dropping it stops the API without waiting.
pub struct ApiHandle {
    stop: watch::Sender<bool>,
    running: Running,
    url: String,
}

impl ApiHandle {
    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// The base URL that clients are configured with.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops: accepts nothing more, ends waiting readers with what there is,
    /// finishes requests within a few seconds.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.running.stopped().await;
    }
}
