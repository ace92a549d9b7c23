//! What happens while a connection lasts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicPublishOptions};
use lapin::protocol::AMQPSoftError;
use lapin::{BasicProperties, Channel, Confirmation, Consumer};
use mig_protocol::Time;
use tokio::sync::oneshot;

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
        ..
    } = link;
    let ended = tokio::select! {
        ended = consume(agent, &channel, &mut consumer) => ended,
        error = publish_answers(agent, &answers) => Err(error),
        error = publish_heartbeats(agent, &channel) => Err(error),
        () = agent.until_over() => Ok(Ended::Stopped),
    };
    if ended.is_ok() {
        let _ = tokio::time::timeout(CLOSING, connection.close(200, "OK".into())).await;
    }
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
        if !take(agent, delivery).await? {
            break;
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

/// Takes one command in; false when the agent is stopping and it stays with the
/// relay.
async fn take(agent: &Arc<Agent>, delivery: Delivery) -> Result<bool, RelayError> {
    let Delivery { data, acker, .. } = delivery;
    let permit = tokio::select! {
        permit = agent.command_permit() => permit,
        () = agent.until_stopping() => return Ok(false),
    };
    // In a task of its own: what was journalled must run even if the connection
    // is lost at this very moment.
    let (journalled, known) = oneshot::channel();
    let agent = Arc::clone(agent);
    tokio::spawn(async move {
        let receiver = Arc::clone(&agent);
        let received = tokio::task::spawn_blocking(move || receiver.receive(&data))
            .await
            .unwrap_or(Received::Nothing);
        // Nobody listens when the connection is gone; the relay then delivers
        // again, which is recognised.
        let _ = journalled.send(());
        match received {
            Received::Run(task) => agent.execute(*task, permit).await,
            Received::Answered => agent.answers_waiting(),
            Received::Nothing => {}
        }
    });
    let _ = known.await;
    acker.ack(BasicAckOptions::default()).await?;
    Ok(true)
}

/// Publishes stored answers in order, each until the relay confirms that it is
/// on a queue.
async fn publish_answers(agent: &Arc<Agent>, channel: &Channel) -> RelayError {
    let mut backoff = Backoff::default();
    loop {
        let (entry, answer) = agent.next_answer().await;
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_delivery_mode(2)
            .with_timestamp(timestamp());
        let confirmation = match publish(channel, RESULTS, true, &answer, properties).await {
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
            }
        }
    }
}

/// Publishes a heartbeat at once and then every period, unless they go to the
/// API. One that no scheduler's queue took is followed sooner: otherwise an agent
/// that comes before its scheduler would stay unknown for a whole period.
async fn publish_heartbeats(agent: &Arc<Agent>, channel: &Channel) -> RelayError {
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
        let confirmation = match publish(channel, HEARTBEATS, true, &body, properties).await {
            Ok(confirmation) => confirmation,
            Err(error) => return error.into(),
        };
        // A check-in does not wait for schedulers.
        agent.heartbeat_sent();
        let pause = if let Confirmation::Ack(None) = confirmation {
            backoff.succeeded();
            period
        } else {
            let pause = backoff.next_pause().min(period);
            tracing::info!(
                "no scheduler has a queue for heartbeats, trying again in {:.1} s",
                pause.as_secs_f64()
            );
            pause
        };
        tokio::time::sleep(pause).await;
    }
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
