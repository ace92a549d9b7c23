//! Opening the connection: TCP, perhaps through a proxy, TLS, AMQP, the
//! agent's queue.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::uri::AMQPScheme;
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties, Consumer};
use nix::sys::socket::{Shutdown, shutdown};

use super::RelayError;
use super::endpoint::{Endpoint, place};
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
    let runtime = lapin::runtime::default_runtime()?;
    let (mut stream, handle) = within(TCP, async {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in tokio::net::lookup_host(proxy.unwrap_or(&target)).await? {
            match AsyncTcpStream::connect(&runtime, address).await {
                Ok(stream) => {
                    let handle = match &stream {
                        AsyncTcpStream::Plain(plain) => {
                            plain.get_ref().as_fd().try_clone_to_owned()?
                        }
                        // It was opened a moment ago, without TLS.
                        _ => return Err(io::ErrorKind::Unsupported.into()),
                    };
                    return Ok((stream, handle));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    })
    .await
    .map_err(reach)?;
    let mut guard = HandshakeGuard(Some(handle));
    if let Some(proxy) = proxy {
        let answer = within(TCP, tunnel(&mut stream, &target))
            .await
            .map_err(reach)?;
        check_tunnel(&answer, proxy).map_err(|error| RelayError::Proxy(error.to_string()))?;
    }
    if endpoint.uri.scheme == AMQPScheme::AMQPS {
        stream = within(TLS, stream.into_tls(&authority.host, endpoint.tls.as_ref()))
            .await
            .map_err(|source| RelayError::Tls {
                place: target.clone(),
                source,
            })?;
        // A build without the TLS feature hands the plain stream back: the
        // password must not travel on it.
        if matches!(stream, AsyncTcpStream::Plain(_)) {
            return Err(RelayError::Tls {
                place: target,
                source: io::Error::other("this program was built without TLS"),
            });
        }
    }
    let opened = tokio::time::timeout(AMQP, async {
        let stream = Mutex::new(Some(stream));
        let connection = Connection::connector(
            endpoint.uri.clone(),
            runtime,
            async move |_, _| {
                // Reconnecting is this agent's business, so it is taken once.
                let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
                stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
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

async fn tunnel<S>(stream: &mut S, target: &str) -> io::Result<Vec<u8>>
where
    S: futures_util::AsyncRead + futures_util::AsyncWrite + Unpin,
{
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && answer.len() < MAX_PROXY_ANSWER {
        stream.read_exact(&mut byte).await?;
        answer.extend_from_slice(&byte);
    }
    Ok(answer)
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
