//! Deleting the queues of agents that are gone.
//!
//! Only a queue that nobody takes from and in which nothing waits: the relay
//! looks at both and deletes in one step. An agent that comes back at that moment
//! declares its queue again, or is refused as a consumer and connects again; a
//! command for it is in the queue, which stays, or comes back to the outbox.

use std::time::Duration;

use lapin::options::QueueDeleteOptions;
use lapin::{Channel, Connection};

use crate::relay::{HEARTBEATS, RESULTS, SessionError, agent_queue, connect};
use crate::start::Shared;

/// What the relay calls the connection.
const NAME: &str = "mig-scheduler, queues of lost agents";
/// Agents looked at together.
const PAGE: u32 = 256;
/// Replies for a queue that has to stay: it is another's, in use or not empty,
/// or of a type that the relay does not delete on conditions.
const KEPT: [u16; 3] = [405, 406, 540];
/// The reply for a queue that is not there.
const MISSING: u16 = 404;

/// Looks at all agents that were silent for `silent` and longer.
pub(super) async fn clean(shared: &Shared, silent: Duration) -> Result<(), SessionError> {
    let since = shared.now() - silent.max(shared.config.agent_timeout);
    let mut link: Option<Link> = None;
    let (mut after, mut deleted, mut kept) = (String::new(), 0, 0);
    let mut outcome = Ok(());
    while outcome.is_ok() {
        let page = shared.store.lost_queues(since, &after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after.clone_from(last);
        let mut gone = Vec::with_capacity(page.len());
        for queueloc in page {
            match delete(shared, &mut link, &agent_queue(&queueloc)).await {
                Ok(true) => gone.push(queueloc),
                Ok(false) => kept += 1,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        shared.store.queues_deleted(&gone, since).await?;
        deleted += gone.len();
    }
    if let Some(link) = link {
        connect::close(&link.connection).await;
    }
    shared.counts.queues_deleted.add(deleted as u64);
    if deleted > 0 || kept > 0 {
        tracing::info!(
            "Of agents silent for {silent:?} and longer, {deleted} queues are gone; {kept} stay, \
             because something waits in them or somebody takes from them."
        );
    }
    outcome
}

/// A connection for nothing else, since a refusal ends the channel.
struct Link {
    connection: Connection,
    channel: Channel,
}

/// False when the queue has to stay.
async fn delete(
    shared: &Shared,
    link: &mut Option<Link>,
    queue: &str,
) -> Result<bool, SessionError> {
    // Some agent may call itself so.
    if [HEARTBEATS, RESULTS].contains(&queue) {
        return Ok(true);
    }
    let open = match link.take() {
        Some(open) => open,
        None => open(shared).await?,
    };
    let options = QueueDeleteOptions {
        if_unused: true,
        if_empty: true,
        ..QueueDeleteOptions::default()
    };
    let answer = within(shared, open.channel.queue_delete(queue.into(), options)).await;
    let reply = match &answer {
        Ok(_) => {
            *link = Some(open);
            return Ok(true);
        }
        Err(SessionError::Relay(error)) => match error.kind() {
            lapin::ErrorKind::ProtocolError(reply) => reply.get_id(),
            _ => 0,
        },
        Err(_) => 0,
    };
    // The channel is gone with that, for one reply the connection too.
    if open.connection.status().connected() {
        let channel = within(shared, open.connection.create_channel()).await;
        if let Ok(channel) = channel {
            *link = Some(Link { channel, ..open });
        }
    }
    match answer {
        _ if reply == MISSING => Ok(true),
        _ if KEPT.contains(&reply) => Ok(false),
        Err(error) => Err(error),
        Ok(_) => Ok(true),
    }
}

async fn open(shared: &Shared) -> Result<Link, SessionError> {
    let connection = connect::connect(&shared.config.relay, NAME).await?;
    let channel = within(shared, connection.create_channel()).await?;
    Ok(Link {
        connection,
        channel,
    })
}

/// The relay's answer, if it comes in time.
async fn within<T>(
    shared: &Shared,
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, SessionError> {
    let limit = shared.config.relay.timeout;
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(SessionError::Slow(limit)),
    }
}
