//! The connection to the relay, made again as often as it is lost.

mod connect;
mod holding;
mod publish;
mod topology;

use std::sync::Arc;
use std::time::Duration;

use lapin::{Channel, Connection};
use mig_store::StoreError;
use tokio::sync::watch;

use crate::actions::causes;
use crate::backoff::Backoff;
use crate::inbound;
use crate::start::Shared;

pub(crate) use topology::{HEARTBEATS, RESULTS, TO_AGENTS, agent_queue};

/// Why a session with the relay ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The relay or the network.
    #[error("relay")]
    Relay(#[from] lapin::Error),
    /// Connecting took too long.
    #[error("the relay did not answer within {0:?}")]
    Slow(Duration),
    /// A consumer was cancelled, for instance because its queue was deleted.
    #[error("the relay ended the consumer of {0}")]
    ConsumerEnded(&'static str),
    /// The outbox cannot be read or written.
    #[error("outbox")]
    Store(#[from] StoreError),
}

/// Keeps a session with the relay until told to stop.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
    while let Some(lost) = connected_once(&shared, &mut stop, &mut backoff).await {
        let pause = backoff.pause();
        tracing::warn!(
            "{:?}: {}; connecting again in {pause:?}",
            shared.config.relay,
            causes(&lost)
        );
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Connects and works until the relay is lost; `None` when told to stop.
async fn connected_once(
    shared: &Shared,
    stop: &mut watch::Receiver<bool>,
    backoff: &mut Backoff,
) -> Option<SessionError> {
    let connection = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return None,
        connection = connect::connect(&shared.config.relay) => connection,
    };
    let connection = match connection {
        Ok(connection) => connection,
        Err(error) => return Some(error),
    };
    let opened = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => None,
        opened = Channels::open(&connection) => Some(opened),
    };
    // The channels live until the connection is closed: a channel that is
    // dropped starts to close itself, which gets in the way of a polite end.
    let ended = match &opened {
        None => None,
        Some(Err(error)) => Some(error.clone().into()),
        Some(Ok(channels)) => {
            backoff.reset();
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => None,
                ended = session(shared, channels) => Some(ended),
            }
        }
    };
    shared.connected.send_replace(false);
    holding::release(shared).await;
    connect::close(&connection).await;
    ended
}

/// The channels of a session. One each, so that acknowledging "all up to here"
/// on one never concerns the other.
struct Channels {
    publishing: Channel,
    results: Channel,
    heartbeats: Channel,
}

impl Channels {
    async fn open(connection: &Connection) -> lapin::Result<Channels> {
        topology::declare(connection).await?;
        Ok(Channels {
            publishing: connection.create_channel().await?,
            results: connection.create_channel().await?,
            heartbeats: connection.create_channel().await?,
        })
    }
}

/// One session: everything at once, until the first part fails.
async fn session(shared: &Shared, channels: &Channels) -> SessionError {
    shared.counts.connections.one();
    shared.connected.send_replace(true);
    tracing::info!("{:?}: connected to the relay.", shared.config.relay);
    tokio::select! {
        ended = publish::run(shared, &channels.publishing) => ended,
        ended = holding::keep(shared) => ended,
        ended = inbound::answers::consume(shared, &channels.results) => ended,
        ended = inbound::heartbeats::consume(shared, &channels.heartbeats) => ended,
    }
}
