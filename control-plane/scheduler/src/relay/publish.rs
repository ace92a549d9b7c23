//! From the outbox to the relay.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
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
pub(crate) async fn run(shared: &Shared, channel: &Channel) -> SessionError {
    match publish_forever(shared, channel).await {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

async fn publish_forever(
    shared: &Shared,
    channel: &Channel,
) -> Result<std::convert::Infallible, SessionError> {
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    // What could not be delivered before may be deliverable on this connection.
    shared.wake.forget_missed();
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    // Kept over rounds: many new commands must not put off the old ones for ever.
    let mut retry_at: Option<Instant> = None;
    loop {
        if empty_outbox(shared, channel).await? {
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

/// Publishes everything that can be published; true when something stays behind
/// and has to be tried again later.
async fn empty_outbox(shared: &Shared, channel: &Channel) -> Result<bool, SessionError> {
    let mut after = Id(0);
    let mut waiting = false;
    loop {
        let page = holding::page(shared, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(waiting);
        };
        after = last.id;
        let mut published = Vec::with_capacity(page.len());
        for command in page {
            if shared.wake.is_missed(&command.agent.queueloc) {
                waiting = true;
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
                    waiting = true;
                }
                Confirmation::Nack(None) => {
                    shared.counts.commands_refused.one();
                    tracing::warn!(
                        action = action.0,
                        command = command.0,
                        "The relay refused the command for {queueloc}; it is tried again."
                    );
                    shared.wake.missed(&queueloc);
                    waiting = true;
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
