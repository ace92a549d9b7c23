//! The agent's side of the relay: one connection, kept up for the life of the
//! process, over which commands arrive, answers leave and heartbeats beat.

mod backoff;
mod connect;
mod endpoint;
mod session;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::agent::Agent;
use crate::proxy::TunnelError;
pub use backoff::Backoff;
pub use endpoint::{Certificates, Endpoint, EndpointError, addresses};

/// Why there is no connection, or no longer one.
#[derive(Debug, Error)]
pub enum RelayError {
    /// No way to the relay worked.
    #[error("cannot connect to the relay {place}: {reasons}")]
    Unreachable {
        /// `host:port`.
        place: String,
        /// One reason per way.
        reasons: String,
    },
    /// None of several relays can be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoneOf(Vec<RelayError>),
    /// The network said no.
    #[error("{place}: {source}")]
    Network {
        /// `host:port` of the relay or the proxy.
        place: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A proxy opens no tunnel.
    #[error("{0}")]
    Proxy(#[from] TunnelError),
    /// TLS failed: most often a certificate that does not fit.
    #[error("no TLS with {place}: {source}")]
    Tls {
        /// `host:port`.
        place: String,
        /// What TLS said.
        source: std::io::Error,
    },
    /// The relay accepts the connection but does not go on.
    #[error("{place} does not answer")]
    Silent {
        /// `host:port`.
        place: String,
    },
    /// The relay refused something or went away.
    #[error("{0}")]
    Amqp(#[from] lapin::Error),
    /// The agent's queue is there with other properties.
    #[error(
        "the relay has {queue} already, and not as a {kind} queue: {reason}; set `queuetype` in \
         [agent] to what it is there, or delete it there once it is empty"
    )]
    Mismatch {
        /// The queue.
        queue: String,
        /// What it should be.
        kind: &'static str,
        /// What the relay says.
        reason: lapin::Error,
    },
    /// The relay stopped delivering.
    #[error("the relay closed the queue's consumer")]
    ConsumerClosed,
}

/// How a check-in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The agent is to stop.
    Stopped,
    /// Check-in mode: nothing more arrived.
    Idle,
}

/// Keeps a connection to one of the relays up until the agent stops. A lost one is
/// opened again after a pause that grows; nothing else of the agent is disturbed by
/// that. Relays that are named together are the nodes of a cluster: each can take
/// the place of any other.
///
/// # Errors
/// In check-in mode only, when there is nothing to try again for.
pub async fn run(agent: Arc<Agent>, relays: Vec<Endpoint>) -> Result<Ended, RelayError> {
    let mut backoff = Backoff::default();
    let mut reached = false;
    let queue = connect::Queue {
        name: agent.identity().queue(),
        quorum: agent.settings().quorum_queue,
    };
    loop {
        // A failure may take its time; stopping does not wait for it.
        let opened = tokio::select! {
            opened = connect::open_any(&relays, &queue) => opened,
            () = agent.until_stopping() => return Ok(Ended::Stopped),
        };
        let error = match opened {
            Ok((endpoint, link)) => {
                backoff.succeeded();
                reached = true;
                tracing::info!("connected to the relay {}", endpoint.place());
                agent.set_proxy(link.proxy.as_deref());
                agent.set_connected(true);
                let ended = session::run(&agent, link).await;
                agent.set_connected(false);
                match ended {
                    Ok(ended) => return Ok(ended),
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        // A check-in tries once; but what it has taken up it also brings to an
        // end, within its time.
        if agent.is_checkin() && !(reached && agent.has_work()) {
            return Err(error);
        }
        let pause = backoff.next_pause();
        tracing::warn!("{error}; trying again in {:.1} s", pause.as_secs_f64());
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = agent.until_stopping() => return Ok(Ended::Stopped),
        }
    }
}

/// Check-in mode gives up after this long without a command.
pub(crate) const CHECKIN_IDLE: Duration = Duration::from_secs(3);
