//! What happens while a connection lasts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicPublishOptions, ConfirmSelectOptions,
};
use lapin::protocol::AMQPSoftError;
use lapin::{BasicProperties, Channel, Confirmation, Connection, Consumer};
use mig_protocol::Time;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::connect::Link;
use super::{Backoff, CHECKIN_IDLE, Ended, RelayError};
use crate::agent::Agent;
use crate::intake::Received;

/// Exchange that carries answers and heartbeats.
const TO_SCHEDULERS: &str = "toschedulers";
/// Routing key of answers.
const RESULTS: &str = "mig.agt.results";
/// Routing key of heartbeats.
const HEARTBEATS: &str = "mig.agt.heartbeats";
/// Time to say goodbye.
const CLOSING: Duration = Duration::from_secs(2);
/// A heartbeat that waited this many periods is worth nothing.
const HEARTBEAT_PERIODS: u128 = 10;
/// Longest time to live, in milliseconds, that RabbitMQ understands.
const LONGEST_EXPIRATION: u128 = u32::MAX as u128;

/// Works until the agent is over, check-in finds nothing more to do, or the
/// connection breaks.
pub(super) async fn run(agent: &Arc<Agent>, link: Link) -> Result<Ended, RelayError> {
    let Link {
        connection,
        channel,
        answers,
        mut consumer,
        socket,
        ..
    } = link;
    let ended = tokio::select! {
        ended = consume(agent, &channel, &mut consumer) => ended,
        error = publish_answers(agent, &connection, &answers) => Err(error),
        error = publish_heartbeats(agent, &connection, &channel) => Err(error),
        () = agent.until_over() => Ok(Ended::Stopped),
    };
    // Politely if the relay is still there; over in any case.
    let _ = tokio::time::timeout(CLOSING, connection.close(200, "OK".into())).await;
    drop(socket);
    ended
}

/// Takes commands. Each is on this host's disk before the relay hears that it
/// arrived; what cannot be started yet stays with the relay.
async fn consume(
    agent: &Arc<Agent>,
    channel: &Channel,
    consumer: &mut Consumer,
) -> Result<Ended, RelayError> {
    loop {
        let next = tokio::select! {
            next = consumer.next() => Some(next),
            () = agent.until_stopping() => break,
            () = idle(agent) => None,
        };
        let Some(next) = next else {
            // Answers may still be on their way.
            agent.until_quiet().await;
            return Ok(Ended::Idle);
        };
        let delivery = next.ok_or(RelayError::ConsumerClosed)??;
        match take(agent, delivery).await? {
            Taken::Done => {}
            Taken::Stopping => break,
            Taken::NotNow => {
                agent.until_quiet().await;
                return Ok(Ended::Idle);
            }
        }
    }
    // Stopping: take no more, but let the answers out.
    channel
        .basic_cancel(consumer.tag(), BasicCancelOptions::default())
        .await?;
    std::future::pending().await
}

/// Ends when check-in mode has had nothing to do for a while; otherwise never.
async fn idle(agent: &Agent) {
    if !agent.is_checkin() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(CHECKIN_IDLE).await;
    agent.until_inactive().await;
    // Nobody would know of a check-in without a heartbeat. One to the API was
    // tried before.
    if !agent.settings().heartbeat_over_http {
        agent.until_alive().await;
    }
}

/// What became of a delivery.
enum Taken {
    /// The relay may forget it.
    Done,
    /// The agent is stopping; it stays with the relay.
    Stopping,
    /// The disk does not take it, and a check-in does not wait; it stays with the
    /// relay.
    NotNow,
}

/// Takes one command in. While it cannot be journalled it is kept here, without an
/// acknowledgement, so that it is still the relay's: giving it back each time would
/// use up what a quorum queue allows, after which it would be lost.
async fn take(agent: &Arc<Agent>, delivery: Delivery) -> Result<Taken, RelayError> {
    let Delivery { data, acker, .. } = delivery;
    let mut permit = tokio::select! {
        permit = agent.command_permit() => permit,
        () = agent.until_stopping() => return Ok(Taken::Stopping),
    };
    let data: Arc<[u8]> = data.into();
    let mut backoff = Backoff::default();
    while let Some(place) = offer(agent, &data, permit).await {
        if agent.is_checkin() {
            return Ok(Taken::NotNow);
        }
        let pause = backoff.next_pause();
        tracing::info!("trying again in {:.1} s", pause.as_secs_f64());
        tokio::select! {
            () = tokio::time::sleep(pause) => permit = place,
            () = agent.until_stopping() => return Ok(Taken::Stopping),
        }
    }
    acker.ack(BasicAckOptions::default()).await?;
    Ok(Taken::Done)
}

/// Has the agent receive a command and do what it says. Returns the place among the
/// accepted commands when it cannot be taken now.
async fn offer(agent: &Arc<Agent>, data: &Arc<[u8]>, permit: Permit) -> Option<Permit> {
    // In a task of its own: what was journalled must run even if the connection
    // is lost at this very moment.
    let (journalled, known) = oneshot::channel();
    let (agent, data) = (Arc::clone(agent), Arc::clone(data));
    tokio::spawn(async move {
        let receiver = Arc::clone(&agent);
        let received = tokio::task::spawn_blocking(move || receiver.receive(&data))
            .await
            .unwrap_or(Received::Nothing);
        // Nobody listens when the connection is gone; the relay then delivers
        // again, which is recognised.
        if matches!(received, Received::NotNow) {
            let _ = journalled.send(Some(permit));
            return;
        }
        let _ = journalled.send(None);
        match received {
            Received::Run(task) => agent.execute(*task, permit).await,
            Received::Answered => agent.answers_waiting(),
            Received::Nothing | Received::NotNow => {}
        }
    });
    known.await.unwrap_or(None)
}

/// A place among the accepted commands.
type Permit = Option<OwnedSemaphorePermit>;

/// Publishes stored answers in order, each until the relay confirms that it is
/// on a queue.
async fn publish_answers(
    agent: &Arc<Agent>,
    connection: &Connection,
    channel: &Channel,
) -> RelayError {
    let mut channel = channel.clone();
    let mut backoff = Backoff::default();
    loop {
        let (entry, answer) = agent.next_answer().await;
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_delivery_mode(2)
            .with_timestamp(timestamp());
        let confirmation = match publish(&channel, RESULTS, true, &answer, properties).await {
            Ok(confirmation) => confirmation,
            Err(error) => {
                if is_unacceptable(&error) {
                    // It would be refused for ever, and everything behind it.
                    let agent = Arc::clone(agent);
                    let reason = error.to_string();
                    let _ =
                        tokio::task::spawn_blocking(move || agent.give_up(entry, &reason)).await;
                }
                return error.into();
            }
        };
        let refusal = matches!(confirmation, Confirmation::Nack(_));
        let refused = match confirmation {
            Confirmation::Ack(None) => None,
            Confirmation::Ack(Some(_)) => Some("no scheduler has declared its queue"),
            Confirmation::Nack(_) | Confirmation::NotRequested => Some("its queue is full"),
        };
        match refused {
            None => {
                backoff.succeeded();
                let agent = Arc::clone(agent);
                // Rewriting the journal may take a moment.
                let _ = tokio::task::spawn_blocking(move || agent.answer_sent(entry)).await;
            }
            Some(reason) => {
                let pause = backoff.next_pause();
                tracing::warn!(
                    "the relay did not take a result: {reason}; it stays here, trying again in {:.1} s",
                    pause.as_secs_f64()
                );
                tokio::time::sleep(pause).await;
                if refusal {
                    channel = match new_channel(connection).await {
                        Ok(channel) => channel,
                        Err(error) => return error.into(),
                    };
                }
            }
        }
    }
}

/// Publishes a heartbeat at once and then every period, unless they go to the
/// API. One that no scheduler's queue took is followed sooner: otherwise an agent
/// that comes before its scheduler would stay unknown for a whole period.
async fn publish_heartbeats(
    agent: &Arc<Agent>,
    connection: &Connection,
    channel: &Channel,
) -> RelayError {
    let mut channel = channel.clone();
    if agent.settings().heartbeat_over_http {
        return std::future::pending().await;
    }
    let period = agent.settings().heartbeat;
    let expiration = (period.as_millis() * HEARTBEAT_PERIODS).min(LONGEST_EXPIRATION);
    let mut backoff = Backoff::default();
    loop {
        let body = agent.heartbeat_record().await;
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_expiration(expiration.to_string().into())
            .with_timestamp(timestamp());
        let confirmation = match publish(&channel, HEARTBEATS, true, &body, properties).await {
            Ok(confirmation) => confirmation,
            Err(error) => return error.into(),
        };
        // A check-in does not wait for schedulers.
        agent.heartbeat_sent();
        let refusal = matches!(confirmation, Confirmation::Nack(_));
        let pause = if let Confirmation::Ack(None) = confirmation {
            backoff.succeeded();
            period
        } else {
            let pause = backoff.next_pause().min(period);
            let why = match confirmation {
                Confirmation::Ack(_) => "no scheduler has a queue for heartbeats",
                Confirmation::Nack(_) | Confirmation::NotRequested => {
                    "the relay did not take a heartbeat"
                }
            };
            tracing::info!("{why}, trying again in {:.1} s", pause.as_secs_f64());
            pause
        };
        tokio::time::sleep(pause).await;
        if refusal {
            channel = match new_channel(connection).await {
                Ok(channel) => channel,
                Err(error) => return error.into(),
            };
        }
    }
}

/// A channel for messages to be confirmed, in place of one on which the relay refused
/// a message. One that met a quorum queue for the first time while that had lost the
/// node of its leader goes on refusing; RabbitMQ looks for the new leader on a new
/// one only.
async fn new_channel(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    Ok(channel)
}

/// Whether the relay refuses a message for what it is, its size most likely.
fn is_unacceptable(error: &lapin::Error) -> bool {
    let lapin::ErrorKind::ProtocolError(error) = error.kind() else {
        return false;
    };
    [
        AMQPSoftError::CONTENTTOOLARGE.get_id(),
        AMQPSoftError::PRECONDITIONFAILED.get_id(),
    ]
    .contains(&error.get_id())
}

async fn publish(
    channel: &Channel,
    key: &str,
    mandatory: bool,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<Confirmation> {
    let options = BasicPublishOptions {
        mandatory,
        ..BasicPublishOptions::default()
    };
    channel
        .basic_publish(TO_SCHEDULERS.into(), key.into(), options, body, properties)
        .await?
        .await
}

fn timestamp() -> u64 {
    u64::try_from(Time::now().unix_seconds()).unwrap_or(0)
}
