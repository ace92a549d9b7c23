//! Connecting to the relay as an agent does.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties, Consumer};
use mig_agent::relay::Certificates;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::wire::{Layer, Switch, Wire, runtime};
use crate::configuration::SwarmError;

/// Smallest AMQP frames there are: the library keeps buffers of 32 frames.
const FRAME_MAX: u32 = 4096;
/// Time for all of it; many agents may be connecting.
const PATIENCE: Duration = Duration::from_secs(30);
/// AMQP heartbeat asked for, in seconds.
const HEARTBEAT: u16 = 60;
/// Deliveries ahead of their acknowledgement, as agents have them.
const PREFETCH: u16 = 8;
/// Exchange that carries commands.
const TO_AGENTS: &str = "toagents";

/// Where the relay is.
pub(crate) struct Relay {
    uri: AMQPUri,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Queues are quorum queues.
    quorum: bool,
}

/// An open connection, ready to work.
pub(crate) struct Link {
    pub connection: Connection,
    pub channel: Channel,
    pub consumer: Consumer,
    pub switch: Switch,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Network(#[from] io::Error),
    #[error("{0}")]
    Amqp(#[from] lapin::Error),
    #[error("the relay does not answer")]
    Silent,
}

impl Relay {
    /// Understands an address.
    pub fn new(
        address: &str,
        certificates: Option<&Certificates>,
        quorum: bool,
    ) -> Result<Self, SwarmError> {
        // The password is not shown.
        let shown = || {
            let shown = url::Url::parse(address).ok().map(|mut url| {
                let _ = url.set_password(None);
                url.to_string()
            });
            SwarmError::Relay(shown.unwrap_or_default())
        };
        let mut uri: AMQPUri = address.parse().map_err(|_| shown())?;
        uri.query.frame_max = Some(FRAME_MAX);
        uri.query.heartbeat = Some(HEARTBEAT);
        let tls = match uri.scheme {
            AMQPScheme::AMQP => None,
            AMQPScheme::AMQPS => {
                let certificates = certificates.ok_or_else(|| {
                    SwarmError::Certificates("a relay over TLS needs --ca, --cert and --key".into())
                })?;
                let name = ServerName::try_from(uri.authority.host.clone()).map_err(|_| shown())?;
                let config = client_config(certificates)
                    .map_err(|reason| SwarmError::Certificates(reason.to_string()))?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
        };
        Ok(Self { uri, tls, quorum })
    }

    /// Connects, and declares what an agent declares.
    pub async fn open(&self, number: usize, queue: &str) -> Result<Link, ConnectError> {
        tokio::time::timeout(PATIENCE, self.open_at_leisure(number, queue))
            .await
            .unwrap_or(Err(ConnectError::Silent))
    }

    async fn open_at_leisure(&self, number: usize, queue: &str) -> Result<Link, ConnectError> {
        let stream = self.connect(number).await?;
        stream.set_nodelay(true)?;
        let layer = match &self.tls {
            None => Layer::Plain(stream),
            Some((connector, name)) => {
                Layer::Tls(Box::new(connector.connect(name.clone(), stream).await?))
            }
        };
        let switch = Switch::default();
        let mut guard = HandshakeGuard(Some(switch.clone()));
        let wire = Mutex::new(Some(Wire::new(layer, switch.clone())));
        let connection = Connection::connector(
            self.uri.clone(),
            runtime(),
            async move |_, _| {
                let wire = wire.lock().unwrap_or_else(PoisonError::into_inner).take();
                let wire = wire.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
                Ok(AsyncTcpStream::Plain(wire))
            },
            ConnectionProperties::default().with_connection_name("mig-agent".into()),
        )
        .await?;
        let channel = connection.create_channel().await?;
        let consumer = prepare(&channel, queue, self.quorum).await?;
        guard.0 = None;
        Ok(Link {
            connection,
            channel,
            consumer,
            switch,
        })
    }

    /// Agents have addresses of their own. On the loopback network a process
    /// may take any, and relays limit connections by address.
    async fn connect(&self, number: usize) -> io::Result<TcpStream> {
        let authority = &self.uri.authority;
        let mut failure = io::ErrorKind::NotFound.into();
        for address in lookup_host((authority.host.as_str(), authority.port)).await? {
            let attempt = match address.ip() {
                IpAddr::V4(ip) if ip.is_loopback() => {
                    let socket = TcpSocket::new_v4()?;
                    socket.bind(SocketAddr::from((own_address(number), 0)))?;
                    socket.connect(address).await
                }
                _ => TcpStream::connect(address).await,
            };
            match attempt {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

/// An address of the loopback network.
fn own_address(number: usize) -> Ipv4Addr {
    let byte = |shift: usize| (number >> shift & 0xff) as u8;
    Ipv4Addr::new(127, 64 | byte(16) & 0x3f, byte(8), byte(0))
}

async fn prepare(channel: &Channel, queue: &str, quorum: bool) -> lapin::Result<Consumer> {
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    if quorum {
        let kind = AMQPValue::LongString("quorum".into());
        arguments.insert("x-queue-type".into(), kind);
    }
    channel
        .queue_declare(queue.into(), durable, arguments)
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

/// TLS that trusts one authority only.
fn client_config(pem: &Certificates) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let list = |pem: &[u8]| -> Result<Vec<_>, rustls_pki_types::pem::Error> {
        CertificateDer::pem_slice_iter(pem).collect()
    };
    let mut roots = RootCertStore::empty();
    for certificate in list(&pem.ca)? {
        roots.add(certificate)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(list(&pem.cert)?, PrivateKeyDer::from_pem_slice(&pem.key)?)?;
    // Agents on machines of their own share no sessions.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Cuts a connection that is not ready in time: the library would wait for a
/// silent relay for ever.
struct HandshakeGuard(Option<Switch>);

impl Drop for HandshakeGuard {
    fn drop(&mut self) {
        if let Some(switch) = &self.0 {
            switch.cut();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agent_has_an_address_of_its_own_on_the_loopback_network() {
        let addresses: std::collections::HashSet<Ipv4Addr> = (0..70_000).map(own_address).collect();
        assert_eq!(addresses.len(), 70_000);
        assert!(addresses.iter().all(Ipv4Addr::is_loopback));
        assert!(!addresses.contains(&Ipv4Addr::LOCALHOST));
    }

    #[test]
    fn an_address_that_is_none_is_named_without_its_password() {
        let refused = |address: &str| Relay::new(address, None, false).err().unwrap().to_string();
        assert!(refused("http://agent:secret@h/").contains("http://agent@h/"));
        assert!(!refused("http://agent:secret@h/").contains("secret"));
        assert!(refused("amqps://agent:x@localhost/mig").contains("--ca"));
    }
}
