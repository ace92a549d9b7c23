//! From the outbox to the relay.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, PublisherConfirm};
use mig_logging::causes;
use mig_protocol::{Command, Id, to_go_json};
use tokio::time::Instant;

use super::{SessionError, TO_AGENTS, agent_queue, holding};
use crate::backoff::Backoff;
use crate::start::Shared;

/// Commands read, published and confirmed together.
const PAGE: u32 = 128;
/// Longest time to live, in milliseconds, that RabbitMQ understands.
const LONGEST_EXPIRATION: u128 = u32::MAX as u128;
/// AMQP's "persistent".
const PERSISTENT: u8 = 2;

/// Publishes what is in the outbox whenever told, until the relay is lost.
pub(crate) async fn run(
    shared: &Shared,
    connection: &Connection,
    channel: &Channel,
) -> SessionError {
    match publish_forever(shared, connection, channel).await {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

async fn publish_forever(
    shared: &Shared,
    connection: &Connection,
    channel: &Channel,
) -> Result<std::convert::Infallible, SessionError> {
    let mut channel = channel.clone();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    // What could not be delivered before may be deliverable on this connection.
    shared.wake.forget_missed();
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    // Kept over rounds: many new commands must not put off the old ones for ever.
    let mut retry_at: Option<Instant> = None;
    loop {
        let left = match empty_outbox(shared, &channel).await {
            // Not the relay's fault, and no reason to leave it: a store that stays
            // away ends the session elsewhere.
            Err(SessionError::Store(error)) => {
                tracing::warn!("outbox: {}; it is tried again.", causes(&error));
                Left {
                    waiting: true,
                    refused: false,
                }
            }
            left => left?,
        };
        if left.refused {
            // A channel that met a quorum queue for the first time while that had lost
            // the node of its leader goes on refusing; RabbitMQ looks for the new
            // leader on a new one only.
            channel = connection.create_channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
        }
        if left.waiting {
            retry_at.get_or_insert_with(|| Instant::now() + backoff.pause());
        } else {
            retry_at = None;
            backoff.reset();
        }
        let retry = async {
            match retry_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.outbox.notified() => {}
            () = retry => {
                retry_at = None;
                shared.wake.forget_missed();
            }
        }
    }
}

/// What stays behind.
#[derive(Default)]
struct Left {
    /// Something has to be tried again later.
    waiting: bool,
    /// Some of it because the relay refused it.
    refused: bool,
}

/// Publishes everything that can be published.
async fn empty_outbox(shared: &Shared, channel: &Channel) -> Result<Left, SessionError> {
    let mut after = Id(0);
    let mut left = Left::default();
    loop {
        let page = holding::page(shared, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(left);
        };
        after = last.id;
        let mut published = Vec::with_capacity(page.len());
        for command in page {
            if shared.wake.is_missed(&command.agent.queueloc) {
                left.waiting = true;
            } else if let Some(confirm) = publish(shared, channel, &command).await? {
                published.push((
                    command.id,
                    command.action.id,
                    command.agent.queueloc,
                    confirm,
                ));
            }
        }
        let mut done = Vec::with_capacity(published.len());
        for (command, action, queueloc, confirm) in published {
            match confirm.await? {
                Confirmation::Ack(None) | Confirmation::NotRequested => done.push(command),
                Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                    shared.counts.commands_unroutable.one();
                    tracing::warn!(
                        action = action.0,
                        command = command.0,
                        "The agent {queueloc} has no queue on the relay; \
                         the command waits for it until it expires."
                    );
                    shared.wake.missed(&queueloc);
                    left.waiting = true;
                }
                Confirmation::Nack(None) => {
                    shared.counts.commands_refused.one();
                    tracing::warn!(
                        action = action.0,
                        command = command.0,
                        "The relay refused the command for {queueloc}; it is tried again."
                    );
                    shared.wake.missed(&queueloc);
                    left = Left {
                        waiting: true,
                        refused: true,
                    };
                }
            }
        }
        shared.counts.commands_published.add(done.len() as u64);
        shared.store.outbox_done(&done).await?;
    }
}

/// Hands one command to the relay; `None` when its time is over, which the
/// expiry takes care of.
async fn publish(
    shared: &Shared,
    channel: &Channel,
    command: &Command,
) -> Result<Option<PublisherConfirm>, SessionError> {
    let now = shared.now();
    let left = command.action.expireafter.since(now).as_millis();
    if left == 0 {
        return Ok(None);
    }
    let body = match to_go_json(command) {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(
                action = command.action.id.0,
                command = command.id.0,
                "The command cannot be written as JSON and will expire: {error}."
            );
            return Ok(None);
        }
    };
    let mut properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_delivery_mode(PERSISTENT)
        .with_timestamp(now.unix_seconds().unsigned_abs());
    // A command that is valid for longer waits for its agent until that looks at
    // it; refused for its expiration it would hold up all the others.
    if left <= LONGEST_EXPIRATION {
        properties = properties.with_expiration(left.to_string().into());
    }
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let key = agent_queue(&command.agent.queueloc);
    let confirm = channel
        .basic_publish(TO_AGENTS.into(), key.into(), options, &body, properties)
        .await?;
    Ok(Some(confirm))
}
