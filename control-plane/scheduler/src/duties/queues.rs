//! Deleting the queues of agents that are gone.
//!
//! Only a queue that nobody takes from and in which nothing waits: the relay
//! looks at both and deletes in one step. An agent that comes back at that moment
//! declares its queue again, or is refused as a consumer and connects again; a
//! command for it is in the queue, which stays, or comes back to the outbox.

use std::collections::HashSet;
use std::time::Duration;

use lapin::Channel;
use lapin::options::QueueDeleteOptions;

use crate::relay::{HEARTBEATS, RESULTS, RelayConnection, SessionError, agent_queue, connect};
use crate::start::Shared;

/// What the relay calls the connection.
const NAME: &str = "mig-scheduler, queues of lost agents";
/// Agents looked at together.
const PAGE: u32 = 256;
/// Replies for a queue that has to stay: it is another's, in use or not empty.
const KEPT: [u16; 2] = [405, 406];
/// The reply for a queue of a type that the relay does not delete on conditions; it
/// costs the connection.
const NOT_IMPLEMENTED: u16 = 540;
/// So many of those in one round; further ones are asked for in the next.
const MOST_REFUSED: usize = 16;
/// The reply for a queue that is not there.
const MISSING: u16 = 404;

/// Queues that the relay deletes for nobody who has conditions: quorum queues.
pub(super) type Lasting = HashSet<String>;

/// What becomes of a queue.
enum Fate {
    Gone,
    Stays,
    Lasts,
}

/// Looks at all agents that were silent for `silent` and longer.
pub(super) async fn clean(
    shared: &Shared,
    silent: Duration,
    lasting: &mut Lasting,
) -> Result<(), SessionError> {
    let since = shared.now() - silent.max(shared.config.agent_timeout);
    let mut link: Option<Link> = None;
    let (mut after, mut deleted, mut kept) = (String::new(), 0, 0);
    let mut outcome = Ok(());
    let mut refused = 0;
    while outcome.is_ok() && refused < MOST_REFUSED {
        let page = shared.store.lost_queues(since, &after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after.clone_from(last);
        let mut gone = Vec::with_capacity(page.len());
        for queueloc in page {
            if lasting.contains(&queueloc) {
                continue;
            }
            match delete(shared, &mut link, &agent_queue(&queueloc)).await {
                Ok(Fate::Gone) => gone.push(queueloc),
                Ok(Fate::Stays) => kept += 1,
                Ok(Fate::Lasts) => {
                    refused += 1;
                    lasting.insert(queueloc);
                    if refused == MOST_REFUSED {
                        break;
                    }
                }
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
        link.connection.close().await;
    }
    shared.counts.queues_deleted.add(deleted as u64);
    if deleted > 0 || kept > 0 {
        tracing::info!(
            "Of agents silent for {silent:?} and longer, {deleted} queues are gone; {kept} stay, \
             because something waits in them or somebody takes from them."
        );
    }
    if refused > 0 && refused == lasting.len() {
        tracing::warn!(
            "The relay does not delete quorum queues on the condition that nothing waits in \
             them, so those of lost agents stay. Delete them with `rabbitmqctl delete_queue \
             --if-empty --if-unused`, or let them expire by a policy."
        );
    }
    outcome
}

/// A connection for nothing else, since a refusal ends the channel.
struct Link {
    connection: RelayConnection,
    channel: Channel,
}

async fn delete(
    shared: &Shared,
    link: &mut Option<Link>,
    queue: &str,
) -> Result<Fate, SessionError> {
    // Some agent may call itself so.
    if [HEARTBEATS, RESULTS].contains(&queue) {
        return Ok(Fate::Gone);
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
            return Ok(Fate::Gone);
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
        _ if reply == MISSING => Ok(Fate::Gone),
        _ if KEPT.contains(&reply) => Ok(Fate::Stays),
        _ if reply == NOT_IMPLEMENTED => Ok(Fate::Lasts),
        Err(error) => Err(error),
        Ok(_) => Ok(Fate::Gone),
    }
}

async fn open(shared: &Shared) -> Result<Link, SessionError> {
    let connection = connect::connect(&shared.config.relay, &shared.last_relay, NAME).await?;
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
