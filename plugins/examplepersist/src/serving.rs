//! What the module does while it runs: two things at once, in one loop.

use crate::{Configuration, Parameters, answers};
use mig_plugin_sdk::{Failure, Message, Query, Service, times};
use serde::Serialize;
use std::time::{Duration, Instant, SystemTime};

/// What the status page shows.
#[derive(Debug, Default, Serialize)]
struct Status {
    /// Seconds between two log lines.
    interval: u64,
    /// Queries answered so far.
    queries: u64,
}

/// Logs the time at the configured interval and answers queries, until the host
/// asks for the end.
///
/// # Errors
/// [`Failure::cancelled`] at the end, or the host is gone.
pub fn serve(configuration: &Configuration, service: &Service<'_>) -> Result<(), Failure> {
    let (interval, asked_for) = configuration.interval();
    if !asked_for {
        service.session().info(&format!(
            "no interval above zero is configured, the time is logged every {} s",
            interval.as_secs()
        ));
    }
    let mut status = Status {
        interval: interval.as_secs(),
        ..Status::default()
    };
    service.status(&status)?;
    service.ready()?;

    let mut due = Due::new(interval);
    loop {
        // `next` is where a module waits: for messages, for its own next moment,
        // and for the host's pings, which it answers by itself.
        match service.next(due.patience())? {
            None if due.is_now() => {
                service.session().info(&now());
                due = Due::new(interval);
            }
            Some(Message::Query(query)) => {
                answer(query, service)?;
                status.queries += 1;
                service.status(&status)?;
            }
            // This module neither takes alerts nor cares where it runs.
            None | Some(_) => {}
        }
    }
}

/// Every query gets an answer, be it a failure.
fn answer(query: Query, service: &Service<'_>) -> Result<(), Failure> {
    let answer = query.parameters::<Parameters>().map(answers::echo);
    service.answer(query, answer)
}

/// When something is due; never, when that lies beyond what clocks can say.
struct Due(Option<Instant>);

impl Due {
    fn new(interval: Duration) -> Self {
        Self(Instant::now().checked_add(interval))
    }

    fn patience(&self) -> Option<Duration> {
        self.0
            .map(|due| due.saturating_duration_since(Instant::now()))
    }

    fn is_now(&self) -> bool {
        self.patience().is_some_and(|left| left.is_zero())
    }
}

fn now() -> String {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    format!("the time is {}", times::utc(seconds, since.subsec_nanos()))
}
