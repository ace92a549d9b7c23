//! One event to the webhook, as often as it takes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lapin::message::Delivery;

use crate::backoff::Backoff;
use crate::event;
use crate::settings::Settings;
use crate::webhook::{Verdict, Webhook};

/// First and longest pause between attempts.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What became of events since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) posted: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) dead: AtomicU64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        write!(
            f,
            "{} events posted, {} attempts repeated, {} events dead",
            of(&self.posted),
            of(&self.repeated),
            of(&self.dead)
        )
    }
}

fn one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// Posts an event until the webhook has it, refuses it for good, or the attempts
/// are used up. True when the webhook has it.
pub(crate) async fn deliver(
    settings: &Settings,
    webhook: &Arc<Webhook>,
    counts: &Counts,
    delivery: &Delivery,
) -> bool {
    let key = delivery.routing_key.as_str();
    let properties = &delivery.properties;
    let id = properties.message_id().as_ref().map(|id| id.as_str());
    let time = properties.timestamp().unwrap_or_default();
    let document = match event::document(key, id, time, &delivery.data) {
        Ok(document) => Arc::new(document),
        Err(reason) => return dead(counts, key, id, &reason.to_string()),
    };
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    let mut attempts: u64 = 0;
    loop {
        attempts += 1;
        let verdict = post(webhook, &document).await;
        let (reason, wish) = match verdict {
            Verdict::Accepted => {
                one(&counts.posted);
                tracing::debug!(
                    "The event {} ({}) was posted.",
                    key.escape_debug(),
                    shown(id)
                );
                return true;
            }
            Verdict::Refused(reason) => return dead(counts, key, id, &reason),
            Verdict::Later(reason, wish) => (reason, wish),
        };
        if settings.attempts > 0 && attempts >= settings.attempts {
            let reason = format!("{reason}, after {attempts} attempts");
            return dead(counts, key, id, &reason);
        }
        one(&counts.repeated);
        let pause = backoff.asked(wish);
        tracing::warn!(
            "The event {} was not accepted: {reason}; trying again in {pause:?}.",
            key.escape_debug()
        );
        tokio::time::sleep(pause).await;
    }
}

fn dead(counts: &Counts, key: &str, id: Option<&str>, reason: &str) -> bool {
    one(&counts.dead);
    tracing::error!(
        "The event {} ({}) is dead: {reason}. {counts}.",
        key.escape_debug(),
        shown(id)
    );
    false
}

fn shown(id: Option<&str>) -> String {
    id.unwrap_or("without identifier")
        .escape_debug()
        .to_string()
}

/// One attempt, beside the task that keeps the relay's connection alive.
async fn post(webhook: &Arc<Webhook>, document: &Arc<Vec<u8>>) -> Verdict {
    let (webhook, document) = (Arc::clone(webhook), Arc::clone(document));
    let attempt = tokio::task::spawn_blocking(move || webhook.post(&document));
    attempt
        .await
        .unwrap_or_else(|error| Verdict::Later(error.to_string(), None))
}
