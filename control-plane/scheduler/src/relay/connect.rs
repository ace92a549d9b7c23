//! Connecting to the relay.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_compat::CompatExt;
use lapin::tcp::{AsyncTcpStream, OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties};
use tokio::net::TcpStream;

use super::SessionError;
use crate::config::RelayAccess;
use crate::places::Place;

/// Frames no larger than this: the client keeps buffers of many frames.
const FRAME_MAX: u32 = 64 * 1024;
/// How long one of several nodes may take to accept a connection.
const REACHING: Duration = Duration::from_secs(5);
/// How long leaving may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Connects and logs in at the first node that can be used; the relay shows `name`
/// to its operators.
pub(crate) async fn connect(access: &RelayAccess, name: &str) -> Result<Connection, SessionError> {
    let places = access.places()?;
    // A node that says nothing must not keep us from the next one for long.
    let reaching = match places.len() {
        1 => access.timeout,
        _ => access.timeout.min(REACHING),
    };
    let mut failures = Vec::new();
    for place in places {
        match connect_to(access, &place, reaching, name).await {
            Ok(connection) => return Ok(connection),
            Err(failure) => failures.push((place, failure)),
        }
    }
    Err(match failures.pop() {
        Some((_, failure)) if failures.is_empty() => failure,
        last => SessionError::NoneOf(failures.into_iter().chain(last).collect()),
    })
}

/// One attempt.
async fn connect_to(
    access: &RelayAccess,
    place: &Place,
    reaching: Duration,
    name: &str,
) -> Result<Connection, SessionError> {
    let uri = AMQPUri {
        scheme: if access.tls.is_some() {
            AMQPScheme::AMQPS
        } else {
            AMQPScheme::AMQP
        },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: access.user.clone(),
                password: access.password.clone(),
            },
            host: place.host.clone(),
            port: place.port,
        },
        vhost: access.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: Some(u16::try_from(access.heartbeat.as_secs()).unwrap_or(u16::MAX)),
            frame_max: Some(FRAME_MAX),
            ..AMQPQueryString::default()
        },
    };
    let tls = match &access.tls {
        None => OwnedTLSConfig::default(),
        Some(tls) => OwnedTLSConfig {
            identity: tls
                .identity
                .clone()
                .map(|(pem, key)| OwnedIdentity::PKCS8 { pem, key }),
            cert_chain: Some(tls.ca.clone()),
        },
    };
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let runtime = lapin::runtime::default_runtime()?;
    let abandoned = Abandoned::default();
    let socket = Arc::clone(&abandoned.0);
    let limit = access.timeout;
    let attempt = Connection::connector(
        uri,
        runtime,
        async move |uri, _| {
            let AMQPAuthority { host, port, .. } = &uri.authority;
            let reached = TcpStream::connect((host.as_str(), *port));
            let stream = tokio::time::timeout(reaching, reached)
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
            stream.set_nodelay(true)?;
            let second = stream.as_fd().try_clone_to_owned()?;
            *socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(second.into());
            let stream = AsyncTcpStream::Plain(stream.compat());
            if uri.scheme == AMQPScheme::AMQP {
                return Ok(stream);
            }
            let stream = stream.into_tls(host, tls.as_ref()).await?;
            // Built without its TLS the client would send the password in clear.
            if matches!(stream, AsyncTcpStream::Plain(_)) {
                let error = io::Error::other("this program was built without TLS");
                return Err(error.into());
            }
            Ok(stream)
        },
        properties,
    );
    match tokio::time::timeout(limit, attempt).await {
        Ok(connection) => {
            abandoned.keep();
            Ok(connection?)
        }
        Err(_) => Err(SessionError::Slow(limit)),
    }
}

/// Cuts the connection of an attempt that is given up: the client would wait for
/// a silent relay for ever, with a thread for each attempt.
#[derive(Default)]
struct Abandoned(Arc<Mutex<Option<std::net::TcpStream>>>);

impl Abandoned {
    /// The attempt came to an end.
    fn keep(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(socket) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It may be gone already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Leaves the relay politely, but does not wait for one that is gone.
pub(crate) async fn close(connection: &Connection) {
    // Whether it succeeds or not, the session is over.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection.close(200, "bye".into())).await;
}
