//! `GET action`, also as a long poll.
//!
//! Two parameters are ours, and ignored by an original API: `wait`, in seconds,
//! and `since`, what the reader has seen. The answer comes as soon as the action
//! is different from that, or when the time is over. `since` is either the
//! action's `lastupdatetime` or a number of finished commands (`counters.done`),
//! which spares the reader the steps before the first answer; an action that is
//! not running any more is always answered at once.

use std::time::Duration;

use ::http::StatusCode;
use mig_protocol::{Id, Time};
use mig_store::{Changes, Progress};
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::records::found;
use crate::error::{ApiError, ApiResult};
use crate::http::{Answer, Call};
use crate::state::State;

/// What the reader has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    Updated(Time),
    Done(i64),
}

impl Since {
    fn parse(text: &str) -> ApiResult<Since> {
        if let Ok(done) = text.parse() {
            return Ok(Since::Done(done));
        }
        Time::parse(text).map(Since::Updated).map_err(|_| {
            ApiError::bad_request(format!(
                "parameter since: `{}` is neither a number of finished commands nor a time",
                text.escape_debug()
            ))
        })
    }

    /// True when the action is not as the reader has seen it.
    fn is_news(self, progress: &Progress) -> bool {
        match self {
            _ if !progress.status.is_running() => true,
            Since::Updated(seen) => progress.lastupdatetime != seen,
            Since::Done(seen) => progress.counters.done > seen,
        }
    }
}

pub(super) async fn show(state: &State, call: &Call) -> ApiResult<Answer> {
    let id = call.query.id("actionid", "Action")?;
    if let Some(seconds) = call.query.parsed::<f64>("wait")? {
        let longest = state.config.longest_wait.as_secs_f64();
        let wait = Duration::from_secs_f64(seconds.clamp(0.0, longest));
        let since = match call.query.get("since") {
            None => None,
            Some(text) => Some(Since::parse(text)?),
        };
        wait_for_news(state, id, since, wait).await?;
    }
    let stored = found(state.store.action(id).await, "Action", id)?;
    let mut item = state.items.action(stored.action);
    if let Some(reason) = stored.reason {
        item = item.and("reason", Value::String(reason));
    }
    Answer::items(call, StatusCode::OK, vec![item])
}

async fn wait_for_news(
    state: &State,
    id: Id,
    since: Option<Since>,
    wait: Duration,
) -> ApiResult<()> {
    // Listening starts before looking, or a change between the two is missed.
    let mut changes = state.changes.subscribe();
    let end = Instant::now() + wait;
    let mut stopping = state.stopping.clone();
    let first = found(state.store.action_progress(id).await, "Action", id)?;
    let since = since.unwrap_or(Since::Updated(first.lastupdatetime));
    let mut progress = first;
    while !since.is_news(&progress) {
        tokio::select! {
            () = tokio::time::sleep_until(end) => return Ok(()),
            _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
            () = changed(&mut changes, id) => {}
        }
        progress = found(state.store.action_progress(id).await, "Action", id)?;
    }
    Ok(())
}

/// Waits until this action may have changed.
async fn changed(changes: &mut tokio::sync::broadcast::Receiver<Id>, id: Id) {
    loop {
        match changes.recv().await {
            Ok(action) if action == id || action == Changes::ANY => return,
            Ok(_) => {}
            // Too many changes to keep; it may have been among them.
            Err(RecvError::Lagged(_)) => return,
            // Nobody is left who could change anything.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mig_protocol::{ActionStatus, Counters};

    #[test]
    fn news_is_what_the_reader_has_not_seen() {
        let seen = Time::from_unix(1_700_000_000);
        let progress = |status, updated, done| Progress {
            status,
            lastupdatetime: updated,
            counters: Counters {
                done,
                ..Counters::default()
            },
        };
        let running = progress(ActionStatus::Inflight, seen, 2);
        let ended = progress(ActionStatus::Completed, seen, 2);
        for (since, progress, news) in [
            ("2", &running, false),
            ("1", &running, true),
            ("2", &ended, true),
            ("2023-11-14T22:13:20Z", &running, false),
            ("2023-11-14T23:13:20+01:00", &running, false),
            ("2023-11-14T22:13:20.000001Z", &running, true),
            ("2023-11-14T22:13:20Z", &ended, true),
        ] {
            let since = Since::parse(since).unwrap_or(Since::Done(-1));
            assert_eq!(since.is_news(progress), news, "{since:?} {progress:?}");
        }
        assert!(Since::parse("yesterday").is_err());
    }
}
