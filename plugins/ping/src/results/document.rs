//! The result document.

use super::{FAILED, TIMED_OUT, UNREACHABLE};
use crate::parameters::{Plan, Protocol};
use crate::probe::Outcome;
use mig_plugin_sdk::ResultDocument;
use mig_plugin_sdk::numbers::whole_when_possible;
use serde::Serialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// A latency as it is written: whole when it is.
#[derive(Serialize)]
struct Latency(#[serde(serialize_with = "whole_when_possible")] f64);

/// Collects attempts.
pub struct Report {
    protocol: Protocol,
    host: String,
    latencies: Vec<Latency>,
    failures: Vec<String>,
    reached: bool,
}

impl Report {
    /// Nothing so far.
    pub fn new(plan: &Plan, address: SocketAddr) -> Self {
        let port = match plan.protocol.has_ports() {
            true => format!(":{}", plan.port),
            false => String::new(),
        };
        // Only an address that was written with a zone has one.
        let zone = plan
            .destination
            .find('%')
            .map_or("", |at| &plan.destination[at..]);
        Self {
            protocol: plan.protocol,
            host: format!("{}{port} ({}{zone})", plan.destination, address.ip()),
            latencies: Vec::new(),
            failures: Vec::new(),
            reached: false,
        }
    }

    /// Adds one attempt.
    pub fn add(&mut self, outcome: Outcome) {
        let latency = match outcome {
            Outcome::Answered(time) => {
                self.reached = true;
                milliseconds(time)
            }
            Outcome::TimedOut => {
                // Silence is how most open udp ports answer.
                self.reached |= self.protocol == Protocol::Udp;
                TIMED_OUT
            }
            Outcome::Unreachable => UNREACHABLE,
            Outcome::Failed(reason) => {
                let number = self.latencies.len() + 1;
                self.failures
                    .push(format!("ping #{number} failed with error: {reason}"));
                FAILED
            }
        };
        self.latencies.push(Latency(latency));
    }

    /// The document; `complete` when all attempts were made.
    pub fn document(&self, complete: bool) -> ResultDocument {
        ResultDocument {
            foundanything: self.reached,
            success: complete,
            elements: json!({
                "latencies": filled(&self.latencies),
                "protocol": self.protocol.name(),
                "resolvedhost": self.host,
                "failures": filled(&self.failures),
            }),
            statistics: Value::Null,
            errors: None,
        }
    }
}

/// An empty list is null.
fn filled<T: Serialize>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

/// Milliseconds, never 0, which means something else.
fn milliseconds(time: Duration) -> f64 {
    time.as_nanos().max(1) as f64 / 1e6
}
