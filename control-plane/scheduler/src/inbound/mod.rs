//! What agents send: answers and heartbeats. Messages are acknowledged once what
//! they say is in the store, or once it is known that nothing can be made of
//! them; those are logged and counted.

pub(crate) mod answers;
pub(crate) mod complaints;
pub(crate) mod heartbeats;
mod storing;

pub(crate) use storing::Storing;

use std::ops::Range;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use mig_logging::causes;
use mig_store::StoreResult;

use crate::backoff::Backoff;
use crate::relay::SessionError;

/// Starts to consume a queue with acknowledgement by hand. `prefetch` messages
/// may be on their way unacknowledged.
async fn consumer(
    channel: &Channel,
    queue: &'static str,
    prefetch: u16,
) -> lapin::Result<Consumer> {
    channel
        .basic_qos(prefetch, BasicQosOptions::default())
        .await?;
    channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
}

/// The next messages: at least one, and whatever else is there already, up to
/// `most`.
async fn next_batch(
    consumer: &mut Consumer,
    queue: &'static str,
    most: u16,
) -> Result<Vec<Delivery>, SessionError> {
    let first = consumer.next().await;
    let mut batch = vec![first.ok_or(SessionError::ConsumerEnded(queue))??];
    while batch.len() < usize::from(most) {
        match consumer.next().now_or_never() {
            Some(Some(delivery)) => batch.push(delivery?),
            // Ended or nothing there: the next call finds out which.
            Some(None) | None => break,
        }
    }
    Ok(batch)
}

/// Acknowledges a whole batch.
async fn acknowledge(batch: &[Delivery]) -> Result<(), SessionError> {
    if let Some(last) = batch.last() {
        last.acker.ack(BasicAckOptions { multiple: true }).await?;
    }
    Ok(())
}

/// Stores what came together, `count` pieces of which `write` stores a part; an
/// outcome for each. If the database refuses them, one by one: one that it will
/// never take holds up nobody else.
async fn persist<T, F>(
    count: usize,
    mut write: impl FnMut(Range<usize>) -> F,
) -> Vec<StoreResult<T>>
where
    F: Future<Output = StoreResult<Vec<T>>>,
{
    let all = patiently(|| write(0..count)).await;
    if count > 1 && all.is_err() {
        let mut outcomes = Vec::with_capacity(count);
        for place in 0..count {
            let one = patiently(|| write(place..place + 1)).await;
            outcomes.extend(each(one));
        }
        return outcomes;
    }
    each(all)
}

/// The outcomes by themselves, or that there are none.
fn each<T>(outcomes: StoreResult<Vec<T>>) -> Vec<StoreResult<T>> {
    match outcomes {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}

/// Repeats a write to the store until it succeeds or is refused for good: what
/// the relay delivered is not given up because the disk is full for a while.
async fn patiently<T, F: Future<Output = StoreResult<T>>>(
    mut write: impl FnMut() -> F,
) -> StoreResult<T> {
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
    loop {
        match write().await {
            Ok(value) => return Ok(value),
            Err(error) if error.is_refused() => return Err(error),
            Err(error) => {
                let pause = backoff.pause();
                tracing::error!("{}; trying again in {pause:?}", causes(&error));
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// A piece of a message for the log, without control characters.
fn excerpt(body: &[u8]) -> String {
    let start = &body[..body.len().min(120)];
    String::from_utf8_lossy(start).escape_debug().to_string()
}
