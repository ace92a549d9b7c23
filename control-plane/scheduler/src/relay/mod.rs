//! The connections to the relay, made again as often as one of them is lost.

mod blocked;
pub(crate) mod connect;
mod holding;
mod publish;
mod topology;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use lapin::{Channel, Connection};
use mig_store::StoreError;
use tokio::sync::watch;

use crate::actions::causes;
use crate::backoff::Backoff;
use crate::config::{QueueKind, RelayAccess};
use crate::inbound::{self, Storing};
use crate::places::{NoPlace, Place};
use crate::start::Shared;

pub(crate) use topology::{HEARTBEATS, RESULTS, TO_AGENTS, agent_queue};

/// How long what is being stored may take when a session ends.
const STORING: Duration = Duration::from_secs(30);

/// Why a session with the relay ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The relay or the network.
    #[error("relay")]
    Relay(#[from] lapin::Error),
    /// `host` cannot be understood.
    #[error(transparent)]
    Place(#[from] NoPlace),
    /// None of several nodes can be used.
    #[error("{}", .0.iter().map(|(place, error)| format!("{place}: {}", causes(error))).collect::<Vec<_>>().join("; "))]
    NoneOf(Vec<(Place, SessionError)>),
    /// Connecting took too long.
    #[error("the relay did not answer within {0:?}")]
    Slow(Duration),
    /// A queue is there with other properties.
    #[error(
        "the relay has {queue} already, and not as a {wanted} queue: {reason}; \
         set the type of queues to what it is there, or delete it there once it is empty"
    )]
    Mismatch {
        /// The queue.
        queue: &'static str,
        /// The type that is configured.
        wanted: QueueKind,
        /// What the relay says.
        reason: lapin::Error,
    },
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
    let links = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return None,
        links = Links::open(&shared.config.relay) => links,
    };
    let links = match links {
        Ok(links) => links,
        Err(error) => return Some(error),
    };
    let opened = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => None,
        opened = Channels::open(&links, shared.config.queues) => Some(opened),
    };
    // The channels live until the connections are closed: a channel that is
    // dropped starts to close itself, which gets in the way of a polite end.
    let (ended, channels) = match opened {
        None => (None, None),
        Some(Err(error)) => (Some(error), None),
        Some(Ok(channels)) => {
            backoff.reset();
            let ended = session(shared, &links, &channels, stop).await;
            (ended, Some(channels))
        }
    };
    shared.connected.send_replace(false);
    holding::release(shared).await;
    links.close().await;
    drop(channels);
    ended
}

/// The connections of a session. A relay that is low on memory or disk stops
/// reading from who publishes; on a connection of their own, answers and
/// heartbeats are still taken off its hands then.
struct Links {
    publishing: Connection,
    consuming: Connection,
}

impl Links {
    async fn open(access: &RelayAccess) -> Result<Links, SessionError> {
        let publishing = connect::connect(access, "mig-scheduler, commands").await?;
        match connect::connect(access, "mig-scheduler, answers").await {
            Ok(consuming) => Ok(Links {
                publishing,
                consuming,
            }),
            Err(error) => {
                connect::close(&publishing).await;
                Err(error)
            }
        }
    }

    async fn close(&self) {
        tokio::join!(
            connect::close(&self.publishing),
            connect::close(&self.consuming)
        );
    }
}

/// The channels of a session. One each, so that acknowledging "all up to here"
/// on one never concerns the other.
struct Channels {
    publishing: Channel,
    results: Channel,
    heartbeats: Channel,
}

impl Channels {
    async fn open(links: &Links, queues: QueueKind) -> Result<Channels, SessionError> {
        topology::declare(&links.consuming, queues).await?;
        Ok(Channels {
            publishing: links.publishing.create_channel().await?,
            results: links.consuming.create_channel().await?,
            heartbeats: links.consuming.create_channel().await?,
        })
    }
}

/// One session: everything at once, until the first part fails, or `None` when
/// told to stop.
async fn session(
    shared: &Shared,
    links: &Links,
    channels: &Channels,
    stop: &mut watch::Receiver<bool>,
) -> Option<SessionError> {
    shared.counts.connections.one();
    shared.connected.send_replace(true);
    tracing::info!("{:?}: connected to the relay.", shared.config.relay);
    let (storing_answers, storing_heartbeats) = (Storing::new(), Storing::new());
    let answers = inbound::answers::consume(shared, &channels.results, &storing_answers);
    let heartbeats =
        inbound::heartbeats::consume(shared, &channels.heartbeats, &storing_heartbeats);
    let (mut answers, mut heartbeats) = (pin!(answers.fuse()), pin!(heartbeats.fuse()));
    let ended = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => None,
        ended = publish::run(shared, &channels.publishing) => Some(ended),
        ended = holding::keep(shared) => Some(ended),
        ended = blocked::report(shared, &links.publishing) => Some(ended),
        ended = &mut answers => Some(ended),
        ended = &mut heartbeats => Some(ended),
    };
    shared.connected.send_replace(false);
    let rest = async {
        let answers = async {
            tokio::select! {
                _ = answers => {}
                () = storing_answers.over() => {}
            }
        };
        let heartbeats = async {
            tokio::select! {
                _ = heartbeats => {}
                () = storing_heartbeats.over() => {}
            }
        };
        tokio::join!(answers, heartbeats)
    };
    // Longer only if the store is lost as well; the relay delivers it again.
    let _ = tokio::time::timeout(STORING, rest).await;
    ended
}
