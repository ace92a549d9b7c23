//! The connections to the relay, made again as often as one of them is lost.

mod blocked;
pub(crate) mod connect;
mod connection;
mod holding;
mod publish;
mod topology;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use lapin::Channel;
use mig_logging::causes;
use mig_store::StoreError;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::config::{QueueKind, RelayAccess};
use crate::inbound::{self, Storing};
use crate::places::{LastGood, NoPlace, Place};
use crate::start::Shared;

pub use connection::RelayConnection;
pub(crate) use topology::{HEARTBEATS, RESULTS, TO_AGENTS, agent_queue};

/// How long what is being stored may take when a session ends.
const STORING: Duration = Duration::from_secs(30);

/// Why a session with the relay ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The relay or the network.
    #[error("relay")]
    Relay(#[from] lapin::Error),
    /// The relay cannot be reached.
    #[error("no connection")]
    Network(#[from] std::io::Error),
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
    /// The store could not be told that this scheduler lives, for as long as it
    /// takes until others think it dead.
    #[error("for {0:?} the database could not be used; what came is given back")]
    Silent(Duration, #[source] StoreError),
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
    let open = async {
        holding::begin(shared).await;
        Links::open(&shared.config.relay, &shared.last_relay).await
    };
    let links = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return None,
        links = open => links,
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
    // The others have taken everything by then, and the store does not listen.
    if !matches!(ended, Some(SessionError::Silent(..))) {
        holding::release(shared).await;
    }
    links.close().await;
    drop(channels);
    ended
}

/// The connections of a session. A relay that is low on memory or disk stops
/// reading from who publishes; on a connection of their own, answers and
/// heartbeats are still taken off its hands then.
struct Links {
    publishing: RelayConnection,
    consuming: RelayConnection,
}

impl Links {
    async fn open(access: &RelayAccess, last: &LastGood) -> Result<Links, SessionError> {
        let publishing = connect::connect(access, last, "mig-scheduler, commands").await?;
        match connect::connect(access, last, "mig-scheduler, answers").await {
            Ok(consuming) => Ok(Links {
                publishing,
                consuming,
            }),
            Err(error) => {
                publishing.close().await;
                Err(error)
            }
        }
    }

    async fn close(self) {
        tokio::join!(self.publishing.close(), self.consuming.close());
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
        ended = publish::run(shared, &links.publishing, &channels.publishing) => Some(ended),
        ended = holding::keep(shared) => Some(ended),
        ended = blocked::report(shared, &links.publishing) => Some(ended),
        ended = &mut answers => Some(ended),
        ended = &mut heartbeats => Some(ended),
    };
    shared.connected.send_replace(false);
    if matches!(ended, Some(SessionError::Silent(..))) {
        // The relay has somebody else store what came here.
        return ended;
    }
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
