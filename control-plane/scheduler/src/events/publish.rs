//! From the buffer to the exchange, over a connection of its own: however large
//! the events and however slow whoever takes them, commands do not wait behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, ExchangeKind, PublisherConfirm};
use mig_logging::causes;
use tokio::sync::watch;

use super::{Event, Events, Kind, TO_WORKERS};
use crate::backoff::Backoff;
use crate::relay::{SessionError, connect};
use crate::start::Shared;

/// What the relay calls the connection.
const NAME: &str = "mig-scheduler events";
/// Events published before their confirmations are waited for.
const AT_ONCE: usize = 64;
/// AMQP's "persistent".
const PERSISTENT: u8 = 2;
/// Milliseconds after which the relay forgets an event that no worker took.
const EXPIRY: &str = "6000000";
/// Replies of a relay that does not want this account to publish events, or has
/// another kind of exchange under the name: 403, 404, 406.
const REFUSALS: [u16; 3] = [403, 404, 406];

/// Publishes events until told to stop. Without a configuration for events it
/// ends at once.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let Some(events) = &shared.events else {
        return;
    };
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
    let mut said = false;
    while let Some(ended) = connected_once(&shared, events, &mut stop, &mut backoff).await {
        let pause = match ended {
            Ended::Refused(reason) => {
                refuse(&shared, events, &reason, &mut said);
                events.config.refused
            }
            // The scheduler's own session tells of a relay that is gone.
            Ended::Lost(error) => {
                let pause = backoff.pause();
                tracing::debug!("events: {}; connecting again in {pause:?}", causes(&error));
                pause
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep(pause) => {}
        }
        events.refused.store(false, Ordering::Relaxed);
    }
    // Whatever is left had its one chance.
    shared.counts.events_dropped.add(events.buffer.clear());
}

/// Why events are not published for now.
enum Ended {
    /// The relay or the network is gone.
    Lost(SessionError),
    /// The relay does not want events, for this reason.
    Refused(String),
}

/// Connects and publishes until the relay is lost; `None` when told to stop.
async fn connected_once(
    shared: &Shared,
    events: &Events,
    stop: &mut watch::Receiver<bool>,
    backoff: &mut Backoff,
) -> Option<Ended> {
    let connection = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return None,
        connection = connect::connect(&shared.config.relay, &shared.last_relay, NAME) => connection,
    };
    let connection = match connection {
        Ok(connection) => connection,
        // A login that fails is none of the refusals that concern events.
        Err(error) => return Some(Ended::Lost(error)),
    };
    let channel = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => None,
        channel = connection.create_channel() => Some(channel),
    };
    // The channel lives until the connection is closed, as in the other session.
    let ended = match &channel {
        None => None,
        Some(Err(error)) => Some(Ended::Lost(error.clone().into())),
        Some(Ok(channel)) => tokio::select! {
            _ = stop.wait_for(|stop| *stop) => None,
            error = session(shared, events, channel, backoff) => Some(match refusal(&error) {
                Some(reason) => Ended::Refused(reason),
                None => Ended::Lost(error),
            }),
        },
    };
    connection.close().await;
    ended
}

/// What the relay said if it refused events, rather than being gone.
fn refusal(error: &SessionError) -> Option<String> {
    let SessionError::Relay(error) = error else {
        return None;
    };
    match error.kind() {
        lapin::ErrorKind::ProtocolError(reply) if REFUSALS.contains(&reply.get_id()) => {
            Some(reply.get_message().to_string())
        }
        _ => None,
    }
}

/// From now on events are dropped where they arise; says so the first time.
fn refuse(shared: &Shared, events: &Events, reason: &str, said: &mut bool) {
    events.refused.store(true, Ordering::Relaxed);
    shared.counts.events_refused.one();
    shared.counts.events_dropped.add(events.buffer.clear());
    if !std::mem::replace(said, true) {
        tracing::warn!(
            "{:?}: the relay refuses events: {}; workers get none until this account may \
             configure and write the exchange {TO_WORKERS}. Everything else goes on.",
            shared.config.relay,
            reason.escape_debug()
        );
    }
}

/// Publishes what comes until the relay is lost.
async fn session(
    shared: &Shared,
    events: &Events,
    channel: &Channel,
    backoff: &mut Backoff,
) -> SessionError {
    match publish_forever(shared, events, channel, backoff).await {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

async fn publish_forever(
    shared: &Shared,
    events: &Events,
    channel: &Channel,
    backoff: &mut Backoff,
) -> Result<std::convert::Infallible, SessionError> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(
            TO_WORKERS.into(),
            ExchangeKind::Topic,
            durable,
            FieldTable::default(),
        )
        .await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    backoff.reset();
    let mut beat = tokio::time::interval(events.config.heartbeat);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut reported = shared.counts.snapshot().events_dropped;
    loop {
        tokio::select! {
            _ = beat.tick() => {
                let dropped = shared.counts.snapshot().events_dropped;
                if dropped > reported {
                    tracing::warn!(
                        "{} events were dropped, {dropped} since the start: \
                         the relay takes them more slowly than they arise.",
                        dropped - reported
                    );
                    reported = dropped;
                }
                events.offer(&shared.counts, Kind::SchedulerHeartbeat, &heartbeat(shared));
            }
            () = events.added.notified() => {}
        }
        while publish_some(shared, events, channel).await? {}
    }
}

/// What the scheduler says of itself.
fn heartbeat(shared: &Shared) -> Vec<u8> {
    let counts = shared.counts.snapshot();
    let relay = &shared.config.relay;
    serde_json::json!({
        "name": "mig-scheduler",
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "relay": relay.host,
        "vhost": relay.vhost,
        "heartbeatts": shared.now().to_string(),
        "actionsstarted": counts.actions_started,
        "commandspublished": counts.commands_published,
        "answersstored": counts.answers_stored,
        "heartbeatsstored": counts.heartbeats_stored,
        "dropped": counts.dropped(),
        "eventsdropped": counts.events_dropped,
    })
    .to_string()
    .into_bytes()
}

/// Publishes what waits, up to a limit; false when nothing did.
async fn publish_some(
    shared: &Shared,
    events: &Events,
    channel: &Channel,
) -> Result<bool, SessionError> {
    // What is taken while the relay is gone would be lost for nothing.
    if !channel.status().connected() {
        return Err(lost());
    }
    let mut published = Vec::new();
    let mut outcome = Ok(());
    while published.len() < AT_ONCE {
        let Some(event) = events.buffer.pop() else {
            break;
        };
        match publish(shared, channel, &event).await {
            Ok(confirm) => published.push(confirm),
            Err(error) => {
                shared.counts.events_dropped.one();
                outcome = Err(error.into());
                break;
            }
        }
    }
    let any = !published.is_empty();
    for confirm in published {
        match confirm.await {
            Ok(Confirmation::Ack(_) | Confirmation::NotRequested) => {
                shared.counts.events_published.one();
            }
            Ok(Confirmation::Nack(_)) => shared.counts.events_dropped.one(),
            Err(error) => {
                shared.counts.events_dropped.one();
                outcome = Err(error.into());
            }
        }
    }
    outcome.map(|()| any)
}

fn lost() -> SessionError {
    lapin::Error::from(std::io::Error::from(std::io::ErrorKind::NotConnected)).into()
}

async fn publish(
    shared: &Shared,
    channel: &Channel,
    event: &Event,
) -> lapin::Result<PublisherConfirm> {
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_delivery_mode(PERSISTENT)
        .with_expiration(EXPIRY.into())
        // Tells a worker that gets an event again that it is the same.
        .with_message_id(format!("{:016x}-{}", shared.holder, event.number).into())
        .with_timestamp(shared.now().unix_seconds().unsigned_abs());
    channel
        .basic_publish(
            TO_WORKERS.into(),
            event.kind.key().into(),
            BasicPublishOptions::default(),
            &event.body,
            properties,
        )
        .await
}
