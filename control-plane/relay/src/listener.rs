//! Accepts connections and lets in as many as the limits allow.

use crate::admission::{Admission, Seat};
use crate::certificate_name::account_name;
use crate::connection::{self, Socket, Stop};
use crate::shared::Shared;
use crate::stats::count;
use nix::sys::socket::{setsockopt, sockopt};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, Timeout, timeout_at};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// Dropped by the last task that is done.
pub(crate) type Alive = mpsc::Sender<()>;

/// What an accept loop needs.
pub(crate) struct Door {
    pub listener: TcpListener,
    pub tls: Option<TlsAcceptor>,
    pub admission: Arc<Admission>,
    pub shared: Arc<Shared>,
    pub stop: Stop,
    pub alive: Alive,
}

impl Door {
    /// Accepts until told to stop.
    pub async fn serve(mut self) {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = self.stop.changed() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    count(&self.shared.counters.accepted);
                    match self.admission.admit(peer.ip()) {
                        Ok(seat) => self.welcome(stream, seat),
                        Err(full) => {
                            count(&self.shared.counters.turned_away);
                            if full.new {
                                tracing::warn!("The relay turned a connection away: {full}.");
                            }
                        }
                    }
                }
                Err(error) => {
                    // Out of descriptors, most likely: the connection stays in
                    // the queue and the loop would spin.
                    tracing::warn!(%error, "The relay cannot accept a connection.");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn welcome(&self, stream: TcpStream, seat: Seat) {
        let login_by = Instant::now() + self.shared.limits.login_timeout;
        let shared = Arc::clone(&self.shared);
        let mut stop = self.stop.clone();
        let alive = self.alive.clone();
        let tls = self.tls.clone();
        tokio::spawn(async move {
            let _alive = alive;
            tune_socket(&stream);
            let socket = Socket::new(stream);
            let stream = socket.clone();
            match tls {
                None => connection::serve(shared, stream, socket, seat, login_by, None, stop).await,
                Some(acceptor) => {
                    let accepted = tokio::select! {
                        accepted = accept(&acceptor, stream, login_by) => accepted,
                        _ = stop.changed() => return,
                    };
                    match accepted {
                        Ok(Ok(stream)) => {
                            let certified = certified(&shared, &stream);
                            Box::pin(connection::serve(
                                shared, stream, socket, seat, login_by, certified, stop,
                            ))
                            .await;
                        }
                        Ok(Err(error)) => failed_handshake(&shared, &error),
                        Err(_) => failed_handshake(&shared, &"it took too long"),
                    }
                }
            }
        });
    }
}

/// The TLS handshake. In a box, as what is served afterwards: a task is as large
/// as the largest thing it ever does, for as long as it lives.
fn accept(
    acceptor: &TlsAcceptor,
    stream: Socket,
    login_by: Instant,
) -> Pin<Box<Timeout<Accept<Socket>>>> {
    Box::pin(timeout_at(login_by, acceptor.accept(stream)))
}

/// The account that the client's certificate stands for, where that counts.
fn certified(shared: &Shared, stream: &TlsStream<Socket>) -> Option<String> {
    let kind = shared.doors.certificates?;
    let name = account_name(stream.get_ref().1.peer_certificates()?.first()?, kind);
    if name.is_none()
        && let Some(left_out) = shared.strangers.allowed()
    {
        tracing::info!(
            ?kind,
            "A client's certificate has no name to log in with.{left_out}"
        );
    }
    name
}

fn failed_handshake(shared: &Shared, error: &dyn std::fmt::Display) {
    if let Some(left_out) = shared.strangers.allowed() {
        tracing::info!(%error, "A TLS handshake with the relay failed.{left_out}");
    }
}

fn tune_socket(stream: &TcpStream) {
    // Failing to tune harms nobody.
    let _ = stream.set_nodelay(true);
    // A client may switch heartbeats off and vanish.
    let _ = setsockopt(stream, sockopt::KeepAlive, &true);
    let _ = setsockopt(stream, sockopt::TcpKeepIdle, &120);
    let _ = setsockopt(stream, sockopt::TcpKeepInterval, &30);
    let _ = setsockopt(stream, sockopt::TcpKeepCount, &4);
}
