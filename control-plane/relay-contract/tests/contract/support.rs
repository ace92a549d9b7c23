//! Talking to a relay through an ordinary client.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Consumer, Error, ErrorKind, ExchangeKind, Queue,
};
use tokio::time::timeout;

/// Long enough for a loaded machine; nothing waits that long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What `work` gives, or a panic when it takes too long.
pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| panic!("{what}: nothing within {PATIENCE:?}"))
}

/// Asks again and again until the answer is yes.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    soon(what, async {
        while !holds().await {
            ticks.tick().await;
        }
    })
    .await;
}

/// Arguments of a declaration.
pub fn arguments(pairs: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in pairs {
        table.insert((*key).into(), value.clone());
    }
    table
}

pub fn durable() -> QueueDeclareOptions {
    QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    }
}

pub fn passive() -> QueueDeclareOptions {
    QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    }
}

/// A durable queue.
pub async fn declare(channel: &Channel, name: &str, pairs: &[(&str, AMQPValue)]) -> Queue {
    channel
        .queue_declare(name.into(), durable(), arguments(pairs))
        .await
        .expect("a queue")
}

/// A durable exchange.
pub async fn declare_exchange(channel: &Channel, name: &str, kind: ExchangeKind) {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(name.into(), kind, options, FieldTable::default())
        .await
        .expect("an exchange");
}

pub async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) {
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("a binding");
}

/// Messages waiting in a queue.
pub async fn waiting(channel: &Channel, name: &str) -> u32 {
    channel
        .queue_declare(name.into(), passive(), FieldTable::default())
        .await
        .expect("a queue")
        .message_count()
}

pub fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

/// Publishes with `mandatory` and waits for the relay's answer; the channel has
/// confirms selected.
pub async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<Confirmation> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let sent = channel
        .basic_publish(exchange.into(), key.into(), options, body, properties)
        .await?;
    soon("the answer to a publication", sent).await
}

/// Publishes to a queue and expects that the relay took it.
pub async fn put(channel: &Channel, queue: &str, body: &[u8]) {
    let confirmation = publish(channel, "", queue, body, persistent())
        .await
        .expect("an answer");
    assert_eq!(confirmation, Confirmation::Ack(None));
}

pub async fn select_confirms(channel: &Channel) {
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .expect("confirms");
}

pub async fn prefetch(channel: &Channel, count: u16) {
    channel
        .basic_qos(count, BasicQosOptions::default())
        .await
        .expect("prefetch");
}

pub async fn consume(channel: &Channel, queue: &str) -> Consumer {
    try_consume(channel, queue).await.expect("a consumer")
}

pub async fn try_consume(channel: &Channel, queue: &str) -> lapin::Result<Consumer> {
    channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
}

/// The next delivery.
pub async fn next(consumer: &mut Consumer) -> Delivery {
    soon("a delivery", consumer.next())
        .await
        .expect("a delivery")
        .expect("no error")
}

pub async fn ack(delivery: &Delivery) {
    delivery
        .ack(BasicAckOptions::default())
        .await
        .expect("acknowledged");
}

/// Nothing is to be delivered. The queue's answer to a question proves that
/// whatever it had sent before has arrived.
pub async fn nothing_comes(channel: &Channel, queue: &str, consumer: &mut Consumer) {
    for _ in 0..2 {
        waiting(channel, queue).await;
    }
    let came = consumer.next().now_or_never();
    assert!(came.is_none(), "{came:?}");
}

/// The reply code in an error of the client.
pub fn code(error: &Error) -> u16 {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_id(),
        other => panic!("not a refusal: {other:?}"),
    }
}

/// The reply code of what must have been refused.
pub fn refused<T>(result: lapin::Result<T>) -> u16 {
    match result {
        Ok(_) => panic!("not refused"),
        Err(error) => code(&error),
    }
}
