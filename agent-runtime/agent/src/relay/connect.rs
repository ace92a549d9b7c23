//! Opening the connection: TCP, perhaps through a proxy, TLS, AMQP, the
//! agent's queue.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::protocol::AMQPSoftError;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties, Consumer, ErrorKind};
use mig_reach::Begin;
use nix::sys::socket::{Shutdown, shutdown};
use tokio_rustls::TlsConnector;

use super::RelayError;
use super::endpoint::{Endpoint, place};
use super::stream::{RelayStream, adapt, runtime};
use crate::proxy::{Proxy, open_tunnel};

/// Time for a TCP connection to one address.
const TCP: Duration = Duration::from_secs(5);
/// Time for the TLS handshake.
const TLS: Duration = Duration::from_secs(10);
/// Time for the AMQP handshake and the declarations.
const AMQP: Duration = Duration::from_secs(20);
/// Exchange that carries commands.
const TO_AGENTS: &str = "toagents";
/// Deliveries the relay may send ahead of their acknowledgement.
const PREFETCH: u16 = 8;

/// An open connection, ready to work.
pub(super) struct Link {
    pub connection: Connection,
    /// For commands and heartbeats.
    pub channel: Channel,
    /// For answers alone: when the relay closes it, an answer is to blame.
    pub answers: Channel,
    pub consumer: Consumer,
    /// The proxy it goes through.
    pub proxy: Option<String>,
    /// What it is made of in the end.
    pub socket: Socket,
}

/// The agent's queue on the relay.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub name: String,
    /// Replicated over the nodes of a RabbitMQ cluster, instead of the type that
    /// the original declares.
    pub quorum: bool,
}

impl Queue {
    fn kind(&self) -> &'static str {
        if self.quorum { "quorum" } else { "classic" }
    }

    fn arguments(&self) -> FieldTable {
        let mut arguments = FieldTable::default();
        if self.quorum {
            let kind = AMQPValue::LongString(self.kind().into());
            arguments.insert("x-queue-type".into(), kind);
        }
        arguments
    }
}

/// Tries the relays one after the other, each agent beginning with another one, so
/// that they share the agents.
pub(super) async fn open_any<'a>(
    relays: &'a [Endpoint],
    queue: &Queue,
) -> Result<(&'a Endpoint, Link), RelayError> {
    let random = random() as usize;
    let (before, after) = relays.split_at(random % relays.len().max(1));
    let mut failures = Vec::new();
    for endpoint in after.iter().chain(before) {
        match open(endpoint, queue).await {
            Ok(link) => return Ok((endpoint, link)),
            Err(failure) => failures.push(failure),
        }
    }
    Err(match failures.pop() {
        Some(failure) if failures.is_empty() => failure,
        last => RelayError::NoneOf(failures.into_iter().chain(last).collect()),
    })
}

/// Tries the proxies in order, then the direct way; the first that works wins.
async fn open(endpoint: &Endpoint, queue: &Queue) -> Result<Link, RelayError> {
    let mut failures = Vec::new();
    for proxy in &endpoint.ways {
        match open_through(endpoint, proxy.as_ref(), queue).await {
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
    proxy: Option<&Proxy>,
    queue: &Queue,
) -> Result<Link, RelayError> {
    let authority = &endpoint.uri.authority;
    let target = place(&authority.host, authority.port);
    let first = proxy.map_or(target.as_str(), Proxy::place);
    let reach = |source| RelayError::Network {
        place: first.to_owned(),
        source,
    };
    // A name may have several addresses, which are shared as a list is.
    let mut stream = mig_reach::connect(first, Begin::At(random()), TCP)
        .await
        .map_err(reach)?;
    stream.set_nodelay(true).map_err(reach)?;
    let handle = stream.as_fd().try_clone_to_owned().map_err(reach)?;
    // Cut if the connection is not ready in time as well.
    let socket = Socket(handle);
    if let Some(proxy) = proxy {
        open_tunnel(&mut stream, proxy, &target).await?;
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
        let answers = connection.create_channel().await?;
        for channel in [&channel, &answers] {
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
        }
        let consumer = prepare(&channel, queue).await?;
        Ok::<_, RelayError>((connection, channel, answers, consumer))
    })
    .await;
    match opened {
        Ok(Ok((connection, channel, answers, consumer))) => Ok(Link {
            connection,
            channel,
            answers,
            consumer,
            proxy: proxy.map(Proxy::to_string),
            socket,
        }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(RelayError::Silent { place: target }),
    }
}

/// Declares what an agent needs. The exchange is the scheduler's.
async fn prepare(channel: &Channel, queue: &Queue) -> Result<Consumer, RelayError> {
    let name = queue.name.as_str();
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(name.into(), durable, queue.arguments())
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::ProtocolError(refusal)
                if refusal.get_id() == AMQPSoftError::PRECONDITIONFAILED.get_id() =>
            {
                RelayError::Mismatch {
                    queue: name.to_owned(),
                    kind: queue.kind(),
                    reason: error,
                }
            }
            _ => error.into(),
        })?;
    channel
        .queue_bind(
            name.into(),
            TO_AGENTS.into(),
            name.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let consumer = channel
        .basic_consume(
            name.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    Ok(consumer)
}

/// The socket under a connection, cut when this value goes. The library would wait
/// for ever for a relay that does not greet, and for one that does not answer a
/// goodbye as long as the kernel tries to deliver that, without a look at heartbeats.
pub(super) struct Socket(OwnedFd);

impl Drop for Socket {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }
}

/// Differs between agents that start together.
fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both the relay and a proxy may be names with several addresses.
    #[tokio::test]
    async fn a_silent_address_of_a_name_is_passed_over() {
        if !mig_testkit::own_mounts() {
            return;
        }
        let port = mig_testkit::free_port();
        let _silent = mig_testkit::Silent::listen_at(([127, 0, 0, 2], port).into());
        mig_testkit::name(&[
            ("relay.test", [127, 0, 0, 2]),
            ("relay.test", [127, 0, 0, 1]),
        ]);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .unwrap();
        // Hangs up on everybody, which is another failure than never to answer.
        let hanging_up = async { while listener.accept().await.is_ok() {} };
        let endpoint =
            Endpoint::new(&format!("amqp://relay.test:{port}/mig"), None, &[], 300).unwrap();
        let proxy = Proxy::parse(&format!("relay.test:{port}")).unwrap();
        let queue = Queue {
            name: "mig.agt.linux.x".into(),
            quorum: false,
        };
        let opening = (0..24)
            .map(|number| open_through(&endpoint, (number % 2 == 0).then_some(&proxy), &queue));
        let outcomes = tokio::select! {
            () = hanging_up => unreachable!("it listens for ever"),
            outcomes = futures_util::future::join_all(opening) => outcomes,
        };
        for outcome in outcomes {
            let error = outcome.err().expect("it hung up");
            let unanswered = matches!(&error, RelayError::Network { source, .. }
                if source.kind() == io::ErrorKind::TimedOut);
            assert!(!unanswered, "{error}");
        }
    }
}
