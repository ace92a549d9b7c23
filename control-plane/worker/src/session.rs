//! The connection to the relay, made again as often as it is lost.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use mig_logging::causes;
use mig_scheduler::{LastGood, RelayError, connect_to_relay};

use crate::NAME;
use crate::backoff::Backoff;
use crate::deliver::{self, Counts};
use crate::settings::Settings;
use crate::webhook::Webhook;

/// Exchange of events.
const TO_WORKERS: &str = "toworkers";
/// Events on their way at once; they are posted one after the other, and each may
/// have many megabytes.
const PREFETCH: u16 = 4;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error(transparent)]
    Connecting(#[from] RelayError),
    #[error("relay")]
    Relay(#[from] lapin::Error),
    #[error(
        "the exchange {TO_WORKERS} cannot be bound to: it is there once a scheduler with \
         `events` has been connected, and this account has to be allowed to read it"
    )]
    NoExchange(#[source] lapin::Error),
    #[error("the relay ended the consumer of {0}")]
    ConsumerEnded(String),
}

/// Works for ever.
pub(crate) async fn run(settings: &Settings, counts: &Counts) -> Infallible {
    let webhook = Arc::new(Webhook::new(
        &settings.url,
        settings.authorization.as_deref(),
        &settings.authorities,
        settings.timeout,
    ));
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    let last = LastGood::default();
    loop {
        let lost = match connect_to_relay(&settings.relay, &last, NAME).await {
            Ok(connection) => {
                let lost = work(settings, &webhook, counts, &connection, &mut backoff).await;
                connection.close().await;
                lost
            }
            Err(error) => error.into(),
        };
        let pause = backoff.pause();
        tracing::warn!(
            "{:?}: {}; connecting again in {pause:?}.",
            settings.relay,
            causes(&lost)
        );
        tokio::time::sleep(pause).await;
    }
}

/// Takes and posts events until the relay is lost.
async fn work(
    settings: &Settings,
    webhook: &Arc<Webhook>,
    counts: &Counts,
    connection: &Connection,
    backoff: &mut Backoff,
) -> SessionError {
    let channel = match connection.create_channel().await {
        Ok(channel) => channel,
        Err(error) => return error.into(),
    };
    match take(settings, webhook, counts, &channel, backoff).await {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

async fn take(
    settings: &Settings,
    webhook: &Arc<Webhook>,
    counts: &Counts,
    channel: &Channel,
    backoff: &mut Backoff,
) -> Result<Infallible, SessionError> {
    let queue = settings.queue();
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.as_str().into(), durable, FieldTable::default())
        .await?;
    for pattern in &settings.events {
        channel
            .queue_bind(
                queue.as_str().into(),
                TO_WORKERS.into(),
                pattern.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(SessionError::NoExchange)?;
    }
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let mut consumer = channel
        .basic_consume(
            queue.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    backoff.reset();
    tracing::info!(
        "{:?}: taking events from {queue} for {}.",
        settings.relay,
        settings.receiver()
    );
    loop {
        let delivery = consumer.next().await;
        let delivery = delivery.ok_or_else(|| SessionError::ConsumerEnded(queue.clone()))??;
        if deliver::deliver(settings, webhook, counts, &delivery).await {
            delivery.acker.ack(BasicAckOptions::default()).await?;
        } else {
            // To the queue's dead letter exchange, where the relay has one.
            let away = BasicRejectOptions { requeue: false };
            delivery.acker.reject(away).await?;
        }
    }
}
