//! Who takes the alerts: a collector behind an address, or a topic.

mod answer;
mod client;
mod http;
mod sns;
mod trust;

use crate::configuration::{Plan, Target};
use crate::spool::Entry;
use std::time::Duration;

pub(crate) use client::Client;
pub use client::retry_after;

/// What a receiver said to one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has it.
    Delivered,
    /// It will never take this one; the reason in a few words.
    Rejected(String),
    /// Not now.
    Later(Later),
}

/// Why an alert could not be delivered now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Later {
    /// In a few words.
    pub reason: String,
    /// How long the receiver wants to be left alone.
    pub wait: Option<Duration>,
}

impl Later {
    /// Without a wish of the receiver.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            wait: None,
        }
    }
}

/// Somebody who takes alerts.
pub(crate) trait Sink {
    /// Sends alerts of the buffer of this identity, in their order; a verdict
    /// for each.
    fn send(&mut self, identity: u64, batch: &[&Entry]) -> Vec<Verdict>;
    /// Most alerts that one call takes.
    fn most(&self) -> usize;
    /// Most bytes of records that one call shall take.
    fn bytes(&self) -> usize;
}

/// The receiver of the configuration.
pub(crate) fn of<'a>(plan: &'a Plan, client: &'a Client) -> Box<dyn Sink + 'a> {
    match &plan.target {
        Target::Http(target) => Box::new(http::Collector::new(target, plan.batch, client)),
        Target::Sns(target) => Box::new(sns::Topic::new(target, plan.batch, client)),
    }
}

/// The same verdict for all.
fn for_all(count: usize, verdict: Verdict) -> Vec<Verdict> {
    vec![verdict; count]
}

/// What names alerts to receivers, so that they notice those they have
/// already: `IDENTITY/17`, or `IDENTITY/17-20` for several.
fn label(identity: u64, batch: &[&Entry]) -> String {
    let first = batch.first().map_or(0, |entry| entry.sequence);
    let last = batch.last().map_or(0, |entry| entry.sequence);
    match first == last {
        true => format!("{identity:016x}/{first}"),
        false => format!("{identity:016x}/{first}-{last}"),
    }
}
