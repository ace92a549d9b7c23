//! The moments at which a connection acts by itself: heartbeats, and patience
//! that ends.

use super::{Connection, Stage};
use std::time::Duration;
use tokio::time::Instant;

/// How often to look after a client that has to wait because of an alarm.
const LOOK: Duration = Duration::from_secs(1);

/// When something last moved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Activity {
    pub read: Instant,
    pub written: Instant,
    /// Since when the client takes none of what is to be written.
    pub stuck: Option<Instant>,
    /// Since when a frame is incomplete.
    pub partial: Option<Instant>,
    /// Input is not read at the moment, so its absence means nothing.
    pub reading: bool,
    /// When it was last seen that the client is there although it is not read.
    pub looked: Instant,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The client gets a sign of life.
    Heartbeat,
    /// Nothing is read, so only looking tells whether the client is still there.
    Look,
    /// Nothing was read for so long that the client is taken for gone.
    Silence,
    /// The connection ends, with what is logged.
    End(&'static str),
}

impl Connection {
    /// All deadlines that apply now.
    fn deadlines(&self, activity: &Activity) -> impl Iterator<Item = (Instant, Due)> {
        let limits = &self.shared.limits;
        let login = !matches!(self.stage, Stage::Running | Stage::Closing | Stage::Done);
        let beats = self.stage == Stage::Running && self.heartbeat > Duration::ZERO;
        let content = self
            .channels
            .values()
            .filter_map(|channel| channel.content_deadline())
            .min();
        [
            login.then_some((self.login_by, Due::End("it did not log in in time"))),
            self.close_by
                .map(|at| (at, Due::End("it did not answer connection.close"))),
            beats.then_some((activity.written + self.heartbeat / 2, Due::Heartbeat)),
            (beats && activity.reading)
                .then_some((activity.read + self.heartbeat * 2, Due::Silence)),
            activity.stuck.map(|since| {
                (
                    since + limits.write_timeout,
                    Due::End("it does not read what is sent to it"),
                )
            }),
            activity.partial.map(|since| {
                (
                    since + limits.content_timeout,
                    Due::End("a frame was not sent in time"),
                )
            }),
            content.map(|at| (at, Due::End("a message was not sent in time"))),
            (!activity.reading && self.shared.alarms.number() > 0)
                .then_some((activity.looked + LOOK, Due::Look)),
        ]
        .into_iter()
        .flatten()
    }

    /// When to look again.
    pub(super) fn next_deadline(&self, activity: &Activity) -> Option<Instant> {
        self.deadlines(activity).map(|(at, _)| at).min()
    }

    /// What is due at `now`; an end first, then what may become one.
    pub(super) fn due(&self, activity: &Activity, now: Instant) -> Option<Due> {
        self.deadlines(activity)
            .filter(|(at, _)| *at <= now)
            .map(|(_, due)| due)
            .max_by_key(|due| match due {
                Due::End(_) => 2,
                Due::Silence => 1,
                Due::Heartbeat | Due::Look => 0,
            })
    }
}
