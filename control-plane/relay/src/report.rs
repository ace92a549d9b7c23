//! Tells the log what was lost or turned away, once a minute and only when there
//! was something: nobody may have to ask for that.

use crate::shared::Shared;
use crate::stats::Stats;
use std::time::Duration;
use tokio::time::{Instant, interval_at};

const INTERVAL: Duration = Duration::from_secs(60);

/// Reports until it is dropped.
pub(crate) async fn report(shared: &Shared) {
    let mut before = Stats::default();
    let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
    loop {
        ticks.tick().await;
        let now = shared.broker(|broker, _| broker.stats());
        if let Some(news) = news(&before, &now) {
            tracing::warn!("The relay in the last minute: {news}.");
        }
        before = now;
    }
}

/// What has grown, in words.
fn news(before: &Stats, now: &Stats) -> Option<String> {
    // Counted one after the other, while publications go on.
    let lost = |stats: &Stats| stats.unroutable.saturating_sub(stats.returned);
    let table = [
        (
            now.refused - before.refused,
            "publications refused for want of room",
        ),
        (
            now.dropped - before.dropped,
            "messages dropped from the head of full queues",
        ),
        (
            lost(now).saturating_sub(lost(before)),
            "publications for which no queue is bound",
        ),
        (
            now.blocked - before.blocked,
            "publishers made to wait for memory or disk",
        ),
        (
            now.turned_away - before.turned_away,
            "connections turned away because there are too many",
        ),
        (now.logins_refused - before.logins_refused, "logins refused"),
        (
            now.store_failures - before.store_failures,
            "failed writes of the store",
        ),
    ];
    let grown: Vec<String> = table
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    (!grown.is_empty()).then(|| grown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_grown_is_told() {
        let before = Stats {
            refused: 3,
            unroutable: 5,
            returned: 5,
            ..Stats::default()
        };
        assert_eq!(news(&before, &before), None);
        // Delivering is no news, and what came back to its publisher is not lost.
        let now = Stats {
            published: 100,
            unroutable: 7,
            returned: 7,
            ..before.clone()
        };
        assert_eq!(news(&before, &now), None);
        let now = Stats {
            refused: 5,
            unroutable: 6,
            turned_away: 1,
            ..before.clone()
        };
        assert_eq!(
            news(&before, &now).as_deref(),
            Some(
                "2 publications refused for want of room, \
                 1 publications for which no queue is bound, \
                 1 connections turned away because there are too many"
            )
        );
    }
}
