//! Opening the connection: TCP, perhaps through a proxy, TLS, AMQP, the
//! agent's queue.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties, Consumer};
use nix::sys::socket::{Shutdown, shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::RelayError;
use super::endpoint::{Endpoint, place};
use super::stream::{RelayStream, adapt, runtime};
use crate::http::check_tunnel;

/// Time for a TCP connection, and for a proxy's answer.
const TCP: Duration = Duration::from_secs(5);
/// Time for the TLS handshake.
const TLS: Duration = Duration::from_secs(10);
/// Time for the AMQP handshake and the declarations.
const AMQP: Duration = Duration::from_secs(20);
/// Longest answer of a proxy.
const MAX_PROXY_ANSWER: usize = 4096;
/// Exchange that carries commands.
const TO_AGENTS: &str = "toagents";
/// Deliveries the relay may send ahead of their acknowledgement.
const PREFETCH: u16 = 8;

/// An open connection, ready to work.
pub(super) struct Link {
    pub connection: Connection,
    pub channel: Channel,
    pub consumer: Consumer,
    /// The proxy it goes through.
    pub proxy: Option<String>,
}

/// Tries the proxies in order, then the direct way; the first that works wins.
pub(super) async fn open(endpoint: &Endpoint, queue: &str) -> Result<Link, RelayError> {
    let mut failures = Vec::new();
    for proxy in endpoint.proxies.iter().map(Some).chain([None]) {
        match open_through(endpoint, proxy, queue).await {
            Ok(link) => return Ok(link),
            Err(error) => failures.push(match proxy {
                Some(proxy) => format!("through {proxy}: {error}"),
                None => error.to_string(),
            }),
        }
    }
    Err(RelayError::Unreachable {
        place: endpoint.place(),
        reasons: failures.join("; "),
    })
}

async fn open_through(
    endpoint: &Endpoint,
    proxy: Option<&String>,
    queue: &str,
) -> Result<Link, RelayError> {
    let authority = &endpoint.uri.authority;
    let target = place(&authority.host, authority.port);
    let reach = |source| RelayError::Network {
        place: proxy.unwrap_or(&target).clone(),
        source,
    };
    let mut stream = within(TCP, TcpStream::connect(proxy.unwrap_or(&target)))
        .await
        .map_err(reach)?;
    stream.set_nodelay(true).map_err(reach)?;
    let handle = stream.as_fd().try_clone_to_owned().map_err(reach)?;
    let mut guard = HandshakeGuard(Some(handle));
    if let Some(proxy) = proxy {
        let answer = within(TCP, tunnel(&mut stream, &target))
            .await
            .map_err(reach)?;
        check_tunnel(&answer, proxy).map_err(|error| RelayError::Proxy(error.to_string()))?;
    }
    let stream = match &endpoint.tls {
        None => RelayStream::Plain(stream),
        Some((config, name)) => {
            let connector = TlsConnector::from(Arc::clone(config));
            let tls = within(TLS, connector.connect(name.clone(), stream))
                .await
                .map_err(|source| RelayError::Tls {
                    place: target.clone(),
                    source,
                })?;
            RelayStream::Tls(Box::new(tls))
        }
    };
    let opened = tokio::time::timeout(AMQP, async {
        let stream = Mutex::new(Some(adapt(stream)));
        let connection = Connection::connector(
            endpoint.uri.clone(),
            runtime(),
            async move |_, _| {
                // Reconnecting is this agent's business, so it is taken once.
                let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
                let stream = stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
                Ok(AsyncTcpStream::Plain(stream))
            },
            ConnectionProperties::default().with_connection_name("mig-agent".into()),
        )
        .await?;
        let channel = connection.create_channel().await?;
        let consumer = prepare(&channel, queue).await?;
        Ok::<_, lapin::Error>(Link {
            connection,
            channel,
            consumer,
            proxy: proxy.cloned(),
        })
    })
    .await;
    match opened {
        Ok(Ok(link)) => {
            guard.0 = None;
            Ok(link)
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(RelayError::Silent { place: target }),
    }
}

/// Declares what an agent needs. The exchange is the scheduler's.
async fn prepare(channel: &Channel, queue: &str) -> lapin::Result<Consumer> {
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.into(), durable, FieldTable::default())
        .await?;
    channel
        .queue_bind(
            queue.into(),
            TO_AGENTS.into(),
            queue.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
}

/// Cuts the connection if it is not ready in time: the library would wait for a
/// silent relay for ever.
struct HandshakeGuard(Option<OwnedFd>);

impl Drop for HandshakeGuard {
    fn drop(&mut self) {
        if let Some(socket) = &self.0 {
            use std::os::fd::AsRawFd;
            let _ = shutdown(socket.as_raw_fd(), Shutdown::Both);
        }
    }
}

async fn tunnel(stream: &mut TcpStream, target: &str) -> io::Result<Vec<u8>> {
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Byte by byte: what follows belongs to the relay.
    while !answer.ends_with(b"\r\n\r\n") && answer.len() < MAX_PROXY_ANSWER {
        answer.push(stream.read_u8().await?);
    }
    Ok(answer)
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
