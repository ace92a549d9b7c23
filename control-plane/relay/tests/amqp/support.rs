//! Starting relays and talking to them.

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, Error,
    ErrorKind, ExchangeKind, Queue,
};
use mig_relay::{
    Listener, Password, PermissionPatterns, Relay, RelayConfig, RelayHandle, Stats, User,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

/// Long enough for a loaded machine; nothing waits that long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A relay of the test's own.
pub struct Server {
    pub relay: RelayHandle,
    pub directory: TempDir,
}

pub fn user(name: &str, permissions: PermissionPatterns) -> User {
    User {
        name: name.into(),
        password: Password::Plain(format!("{name}-secret")),
        permissions,
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A relay with user `guest`, who may do everything, on a free port.
    pub async fn with(adjust: impl FnOnce(&mut RelayConfig)) -> Self {
        Self::reopen(tempfile::tempdir().expect("a directory"), adjust).await
    }

    /// A relay on what another one has left.
    pub async fn reopen(directory: TempDir, adjust: impl FnOnce(&mut RelayConfig)) -> Self {
        let mut config = RelayConfig::new(directory.path().join("relay.db"));
        config
            .listeners
            .push(Listener::Plain(([127, 0, 0, 1], 0).into()));
        config.users.push(user("guest", PermissionPatterns::all()));
        config.limits.refused_login_delay = Duration::from_millis(1);
        // Nobody is dropped because the machine is busy.
        config.limits.login_timeout = 2 * PATIENCE;
        adjust(&mut config);
        let relay = Relay::start(config).await.expect("a relay");
        Self { relay, directory }
    }

    pub fn address(&self) -> SocketAddr {
        self.relay.addresses()[0]
    }

    pub fn uri(&self, user: &str) -> String {
        format!("amqp://{user}:{user}-secret@{}/mig", self.address())
    }

    pub async fn connect(&self) -> Connection {
        self.connect_as("guest").await
    }

    pub async fn connect_as(&self, user: &str) -> Connection {
        connect(&self.uri(user)).await.expect("a connection")
    }

    pub async fn channel(&self) -> Channel {
        let connection = self.connect().await;
        // The channel keeps its connection alive.
        connection.create_channel().await.expect("a channel")
    }

    /// Waits until the relay's numbers are as expected.
    pub async fn until(&self, what: &str, mut holds: impl FnMut(&Stats) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(&self.relay.stats()) {
            assert!(
                Instant::now() < end,
                "{what} did not come: {:?}",
                self.relay.stats()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub async fn stop(self) -> TempDir {
        self.relay.shutdown().await.expect("a clean stop");
        self.directory
    }
}

/// Notices when the thread of a test and its relay stands still, as it does on a busy
/// machine: what is to happen every second happens late then.
pub struct Stalls(Arc<AtomicU64>);

impl Stalls {
    pub fn watch() -> Self {
        let longest = Arc::new(AtomicU64::new(0));
        let noted = Arc::downgrade(&longest);
        tokio::spawn(async move {
            while let Some(noted) = noted.upgrade() {
                let before = Instant::now();
                tokio::time::sleep(Duration::from_millis(10)).await;
                let milliseconds = before.elapsed().as_millis() as u64;
                noted.fetch_max(milliseconds, Ordering::Relaxed);
            }
        });
        Self(longest)
    }

    /// The longest one since this was asked the last time.
    pub fn longest(&self) -> Duration {
        Duration::from_millis(self.0.swap(0, Ordering::Relaxed))
    }
}

pub async fn connect(uri: &str) -> lapin::Result<Connection> {
    timeout(
        PATIENCE,
        Connection::connect(uri, ConnectionProperties::default()),
    )
    .await
    .expect("an answer in time")
}

/// Arguments of a declaration.
pub fn arguments(pairs: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in pairs {
        table.insert((*key).into(), value.clone());
    }
    table
}

pub async fn declare(channel: &Channel, name: &str, pairs: &[(&str, AMQPValue)]) -> Queue {
    let options = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .queue_declare(name.into(), options, arguments(pairs))
        .await
        .expect("a queue")
}

pub async fn declare_exchange(channel: &Channel, name: &str, kind: ExchangeKind) {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .exchange_declare(name.into(), kind, options, FieldTable::default())
        .await
        .expect("an exchange");
}

pub async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

/// Publishes to an exchange and waits for the answer.
pub async fn route(channel: &Channel, exchange: &str, key: &str, body: &[u8]) -> Confirmation {
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let sent = channel
        .basic_publish(exchange.into(), key.into(), options, body, persistent())
        .await
        .expect("sent");
    timeout(PATIENCE, sent)
        .await
        .expect("an answer in time")
        .expect("an answer")
}

/// Everything that waits in a queue.
pub async fn take_all(channel: &Channel, queue: &str) -> Vec<String> {
    let mut all = Vec::new();
    let options = BasicGetOptions { no_ack: true };
    while let Some(got) = channel
        .basic_get(queue.into(), options)
        .await
        .expect("an answer")
    {
        all.push(String::from_utf8(got.delivery.data).expect("text"));
    }
    all
}

/// Messages waiting in a queue.
pub async fn waiting(channel: &Channel, name: &str) -> u32 {
    let options = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    channel
        .queue_declare(name.into(), options, FieldTable::default())
        .await
        .expect("a queue")
        .message_count()
}

pub fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

/// Publishes to a queue through the default exchange.
pub async fn publish(channel: &Channel, queue: &str, body: &[u8], properties: BasicProperties) {
    channel
        .basic_publish(
            "".into(),
            queue.into(),
            BasicPublishOptions::default(),
            body,
            properties,
        )
        .await
        .expect("sent");
}

/// Publishes and waits for the answer; the channel has confirms selected.
pub async fn publish_confirmed(
    channel: &Channel,
    queue: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Confirmation {
    let sent = channel
        .basic_publish(
            "".into(),
            queue.into(),
            BasicPublishOptions {
                mandatory: true,
                ..Default::default()
            },
            body,
            properties,
        )
        .await
        .expect("sent");
    timeout(PATIENCE, sent)
        .await
        .expect("an answer in time")
        .expect("an answer")
}

pub async fn select_confirms(channel: &Channel) {
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .expect("confirms");
}

pub async fn consume(channel: &Channel, queue: &str) -> Consumer {
    channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("a consumer")
}

/// The next delivery.
pub async fn next(consumer: &mut Consumer) -> Delivery {
    timeout(PATIENCE, consumer.next())
        .await
        .expect("a delivery in time")
        .expect("a delivery")
        .expect("no error")
}

pub async fn ack(delivery: &Delivery) {
    delivery
        .ack(BasicAckOptions::default())
        .await
        .expect("acknowledged");
}

/// The reply code in an error of lapin.
pub fn code(error: &Error) -> u16 {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_id(),
        other => panic!("not a refusal: {other:?}"),
    }
}
