//! What there is to say about a run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::ledger::Counts;
use crate::quantiles::Quantiles;

/// A run in numbers. Times are in milliseconds, sizes in bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Agents there are.
    pub agents: usize,
    /// Those that are connected.
    pub connected: usize,
    /// Agents of each kind.
    pub scenarios: BTreeMap<&'static str, usize>,
    /// The seed.
    pub seed: u64,
    /// Seconds since the start.
    pub seconds: f64,
    /// Seconds from the start until all agents were connected for the first
    /// time; absent when that has not happened.
    pub all_connected_after: Option<f64>,
    /// How often things happened.
    pub counts: Counts,
    /// Lies by kind.
    pub lies: BTreeMap<&'static str, u64>,
    /// Times.
    pub milliseconds: Milliseconds,
    /// What the process takes.
    pub process: ProcessReport,
}

/// Times of all agents together.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Milliseconds {
    /// Making a connection: TCP, TLS, AMQP, queue and consumer.
    pub connecting: Quantiles,
    /// From the scheduler's making of a command to its being in the journal of
    /// its agent, by the clock of this machine.
    pub delivery: Quantiles,
    /// From a command's arrival to its answer being in the journal.
    pub work: Quantiles,
    /// From a command's arrival to the relay's confirmation of the answer.
    pub confirmation: Quantiles,
}

/// What the process takes of the machine.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ProcessReport {
    /// Resident memory.
    pub resident: u64,
    /// How much of that came with the agents, divided among them.
    pub resident_per_agent: u64,
    /// Threads.
    pub threads: u64,
    /// Open files.
    pub descriptors: u64,
}

pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).round() / 1e3
}
