//! Following an action until it is done.

use std::time::{Duration, Instant};

use mig_protocol::{Action, Counters, Id, Time};

use crate::error::ClientError;
use crate::http::Api;

/// How long the API may hold a request until something changes.
const WAIT: Duration = Duration::from_secs(20);
/// Pause between questions to an API that does not know how to wait.
const POLL: Duration = Duration::from_millis(250);
/// How long after its expiry an action is still followed: expiries are stored
/// by the scheduler, which may be a little late.
const AFTER_EXPIRY: Duration = Duration::from_secs(10);
/// Changes that are looked at without a pause between them. A large fleet
/// answers all the time, and the API has others to serve.
const BURST: u32 = 8;
/// Failed questions in a row after which following ends.
const PATIENCE: u32 = 30;
/// Longest pause after a failed question.
const RETRY: Duration = Duration::from_secs(1);

/// An action at the end of following.
#[derive(Debug)]
pub struct Followed {
    /// Its last state.
    pub action: Action,
    /// Why it is invalid, if the API says so.
    pub reason: Option<String>,
}

/// Whether the caller wants to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// Tell me more.
    Continue,
    /// I have seen enough.
    Stop,
}

/// Asks for the action until it is over, telling `report` of every change.
/// Returns the last state seen. An API that fails for a while, as one does that
/// is started again, is asked again for about half a minute.
///
/// # Errors
/// When the API cannot be asked any more.
pub fn follow(
    api: &Api,
    id: Id,
    mut report: impl FnMut(&Action) -> Interest,
) -> Result<Followed, ClientError> {
    let mut last: Option<Action> = None;
    let mut failures = 0;
    let mut burst = BURST;
    loop {
        let asked = Instant::now();
        match ask(api, id, last.as_ref()) {
            Ok(Followed { action, reason }) => {
                failures = 0;
                let changed = last.as_ref().is_none_or(|last| differs(last, &action));
                if changed && report(&action) == Interest::Stop || is_over(&action) {
                    return Ok(Followed { action, reason });
                }
                last = Some(action);
                // An original API answers at once and does not know `wait`.
                match POLL.checked_sub(asked.elapsed()) {
                    None => burst = BURST,
                    Some(_) if changed && burst > 0 => burst -= 1,
                    Some(rest) => std::thread::sleep(rest),
                }
            }
            Err(error) => {
                failures += 1;
                let expired = last.as_ref().is_some_and(is_expired);
                if !may_pass(&error) || failures >= PATIENCE || expired {
                    return Err(error);
                }
                std::thread::sleep(RETRY.min(Duration::from_millis(50) * failures));
            }
        }
    }
}

/// Whether asking again may help. An original API answers 404 when its database
/// fails.
fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Refused { status, .. } => *status == 404 || *status >= 500,
        _ => false,
    }
}

fn ask(api: &Api, id: Id, last: Option<&Action>) -> Result<Followed, ClientError> {
    let id = id.to_string();
    let mut query = vec![("actionid", id.as_str())];
    let (wait, since);
    if let Some(last) = last {
        wait = WAIT.as_secs().to_string();
        since = last.lastupdatetime.to_string();
        query.extend([("wait", wait.as_str()), ("since", since.as_str())]);
    }
    let wait = if last.is_some() { WAIT } else { Duration::ZERO };
    let answer = api.get_waiting("action", &query, wait)?;
    Ok(Followed {
        reason: answer.text("reason"),
        action: answer.document("action")?,
    })
}

fn differs(left: &Action, right: &Action) -> bool {
    left.status != right.status
        || left.counters != right.counters
        || left.lastupdatetime != right.lastupdatetime
}

fn is_over(action: &Action) -> bool {
    let Counters { sent, done, .. } = action.counters;
    !action.status.is_running()
        || (sent > 0 && done >= sent && action.status != "pending")
        || is_expired(action)
}

fn is_expired(action: &Action) -> bool {
    Time::now() > action.expireafter + AFTER_EXPIRY
}

/// The line that sums up an action: `5 sent, 5 done, 4 succeeded, 1 failed`.
pub fn counter_line(counters: &Counters) -> String {
    let mut line = format!("{} sent, {} done", counters.sent, counters.done);
    for (count, word) in [
        (counters.inflight, "inflight"),
        (counters.success, "succeeded"),
        (counters.cancelled, "cancelled"),
        (counters.expired, "expired"),
        (counters.failed, "failed"),
        (counters.timeout, "timed out"),
    ] {
        if count != 0 {
            line.push_str(&format!(", {count} {word}"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use mig_protocol::ActionStatus;

    use super::*;

    #[test]
    fn the_counter_line_names_only_what_happened() {
        let counters = Counters {
            sent: 3,
            done: 2,
            inflight: 1,
            success: 1,
            failed: 1,
            ..Default::default()
        };
        assert_eq!(
            counter_line(&counters),
            "3 sent, 2 done, 1 inflight, 1 succeeded, 1 failed"
        );
        assert_eq!(counter_line(&Counters::default()), "0 sent, 0 done");
    }

    #[test]
    fn an_action_is_over_when_all_have_answered_or_it_is_invalid_or_expired() {
        let running = Action {
            status: ActionStatus::Inflight,
            expireafter: Time::now() + Duration::from_secs(60),
            counters: Counters {
                sent: 2,
                done: 1,
                ..Default::default()
            },
            ..Default::default()
        };
        assert!(!is_over(&running));
        let answered = Action {
            counters: Counters {
                sent: 2,
                done: 2,
                ..Default::default()
            },
            ..running.clone()
        };
        assert!(is_over(&answered));
        assert!(is_over(&Action {
            status: ActionStatus::Invalid,
            ..running.clone()
        }));
        assert!(is_over(&Action {
            expireafter: Time::now() - Duration::from_secs(11),
            ..running
        }));
    }
}
