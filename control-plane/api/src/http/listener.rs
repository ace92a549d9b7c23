//! Accepting connections: TLS, limits, time-outs, graceful stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::newcomers::{Newcomer, Newcomers};
use super::service::{Peer, filter};
use crate::state::State;

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests may take to finish once the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Most headers of a request.
const MOST_HEADERS: usize = 64;
/// Largest head of a request, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;
/// Pause when the system has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener at work.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    /// Waits until the listener has stopped.
    pub(crate) async fn stopped(self) {
        if let Err(error) = self.task.await
            && error.is_panic()
        {
            tracing::error!("the listener of the API had panicked: {error}");
        }
    }
}

/// Starts to accept connections, until `state.stopping`.
pub(crate) fn serve(listener: TcpListener, address: SocketAddr, state: Arc<State>) -> Running {
    let task = tokio::spawn(accept(listener, state));
    Running { address, task }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let filter = filter(Arc::clone(&state));
    let tls = state.config.tls.clone().map(TlsAcceptor::from);
    let connections = Arc::new(Semaphore::new(state.config.connections));
    let newcomers = Arc::new(Newcomers::default());
    let graceful = GracefulShutdown::new();
    let mut stopping = state.stopping.clone();
    loop {
        let (stream, peer, permit) = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => break,
            accepted = next(&listener, &connections, &newcomers, &state) => accepted,
        };
        let connection = Connection {
            filter: filter.clone(),
            tls: tls.clone(),
            peer,
            head_timeout: state.config.head_timeout,
            silence: state.config.silence,
            newcomer: Arc::new(newcomers.enter()),
            watcher: graceful.watcher(),
            permit,
        };
        tokio::spawn(connection.run(stream, stopping.clone()));
    }
    drop(listener);
    if tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "Requests were still running {STOP_TIMEOUT:?} after the API was told to stop."
        );
    }
}

/// The next connection, once one may be served.
async fn next(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
    newcomers: &Newcomers,
    state: &State,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let (stream, peer) = loop {
        match listener.accept().await {
            Ok(accepted) => break accepted,
            Err(error) => {
                tracing::warn!("A connection to the API could not be accepted: {error}.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    };
    if let Ok(permit) = Arc::clone(connections).try_acquire_owned() {
        return (stream, peer, permit);
    }
    if let Some(so_far) = newcomers.turn_one_out()
        && let Some(left_out) = state.complaints.allowed()
    {
        tracing::warn!(
            "All {} places for connections are taken, so one that had asked for nothing was \
             closed for a new one, {so_far} so far; `connections` in [server] says how many \
             there are.{left_out}",
            state.config.connections
        );
    }
    match Arc::clone(connections).acquire_owned().await {
        Ok(permit) => (stream, peer, permit),
        // The semaphore is never closed.
        Err(_) => std::future::pending().await,
    }
}

struct Connection {
    filter: BoxedFilter<(Response,)>,
    tls: Option<TlsAcceptor>,
    peer: SocketAddr,
    head_timeout: Duration,
    silence: Duration,
    newcomer: Arc<Newcomer>,
    watcher: Watcher,
    /// Held as long as the connection lasts: this is the connection limit.
    permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, stopping: watch::Receiver<bool>) {
        let (newcomer, peer, silence) = (Arc::clone(&self.newcomer), self.peer, self.silence);
        tokio::select! {
            () = self.greet(stream, stopping) => {}
            () = newcomer.has_to_go(silence) => tracing::debug!("{peer}: it asked for nothing."),
        }
    }

    async fn greet(self, stream: TcpStream, mut stopping: watch::Receiver<bool>) {
        // Answers are written at once; waiting to fill a packet only delays.
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.tls.clone() else {
            return self.serve(stream).await;
        };
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            accepted = handshake => accepted,
        };
        match accepted {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!("{}: TLS: {error}.", self.peer),
            Err(_) => tracing::debug!("{}: TLS: the handshake took too long.", self.peer),
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Connection {
            filter,
            peer: address,
            head_timeout,
            newcomer,
            watcher,
            permit,
            ..
        } = self;
        let inner = TowerToHyperService::new(warp::service(filter));
        let service = service_fn(move |mut request: Request<Incoming>| {
            newcomer.spoke();
            let version = request.version();
            request.extensions_mut().insert(Peer { address, version });
            hyper::service::Service::call(&inner, request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_headers(MOST_HEADERS)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!("{address}: {error}.");
        }
        drop(permit);
    }
}
