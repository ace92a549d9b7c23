//! The result document and the verdict in it.

use crate::asking::{Asked, Measurement};
use crate::sys;
use mig_plugin_sdk::{ResultDocument, times};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// What stands for a time that is not known.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// The elements, in the original's order.
#[derive(Serialize)]
struct Elements {
    hascheckeddrift: bool,
    #[serde(skip_serializing_if = "is_false")]
    iswithindrift: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    drifts: Vec<String>,
    localtime: String,
}

/// One server in the statistics.
#[derive(Serialize)]
struct Server {
    host: String,
    time: String,
    latency: String,
    drift: String,
    reachable: bool,
}

#[derive(Serialize)]
struct Statistics {
    exectime: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ntpstats: Vec<Server>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Nanoseconds since 1970 as seconds and nanoseconds of the second.
fn split(nanoseconds: i128) -> (i64, u32) {
    let seconds = nanoseconds.div_euclid(1_000_000_000);
    let rest = nanoseconds.rem_euclid(1_000_000_000);
    (
        i64::try_from(seconds).unwrap_or(i64::MAX),
        u32::try_from(rest).unwrap_or(0),
    )
}

/// A time in nanoseconds since 1970, in the local zone.
pub fn local_time(nanoseconds: i128) -> String {
    let (seconds, rest) = split(nanoseconds);
    times::rfc3339(seconds, rest, sys::zone_offset(seconds))
}

/// What is known at the end, or until then.
pub struct Report {
    /// In the local zone.
    pub localtime: String,
    /// How far the clock may be off; `None` when that was not asked.
    pub window: Option<Duration>,
    /// Servers, in the order in which they were asked.
    pub asked: Vec<Asked>,
    /// What went wrong before anybody was asked.
    pub errors: Vec<String>,
}

impl Report {
    fn measurements(&self) -> impl Iterator<Item = (&Asked, Measurement)> {
        self.asked
            .iter()
            .filter_map(|asked| Some((asked, *asked.outcome.as_ref().ok()?)))
    }

    /// Whether any server answered.
    pub fn has_answer(&self) -> bool {
        self.measurements().next().is_some()
    }

    /// The servers that put the clock outside the window, as sentences.
    fn outside(&self, window: Duration) -> Vec<String> {
        self.measurements()
            .filter(|(_, measured)| u128::from(measured.ahead.unsigned_abs()) > window.as_nanos())
            .map(|(asked, measured)| {
                let direction = if measured.ahead > 0 {
                    "ahead of"
                } else {
                    "behind"
                };
                let distance = Duration::from_nanos(measured.ahead.unsigned_abs());
                let distance = times::duration(distance);
                format!(
                    "Local time is {direction} ntp host {} by {distance}",
                    asked.server
                )
            })
            .collect()
    }

    /// The document; `complete` when the run came to its end.
    pub fn document(&self, complete: bool, took: Duration) -> ResultDocument {
        let answers = self.measurements().count();
        let drifts = self
            .window
            .map_or(Vec::new(), |window| self.outside(window));
        // Most of those who answered must agree with the clock; when it is half
        // and half, somebody should look.
        let within = answers == 0 || 2 * drifts.len() < answers;
        let mut errors = self.errors.clone();
        errors.extend(self.asked.iter().filter_map(|asked| {
            let reason = asked.outcome.as_ref().err()?;
            Some(format!("ntp host {} {reason}", asked.server))
        }));
        if self.window.is_some() && answers == 0 && complete {
            errors.push(
                "no NTP server answered; name one that the endpoint can reach with -server"
                    .to_owned(),
            );
        }
        if !drifts.is_empty() && drifts.len() < answers {
            let count = drifts.len();
            errors.push(format!(
                "NTP servers disagree: {count} of {answers} put the clock outside the window"
            ));
        }
        let elements = Elements {
            hascheckeddrift: answers > 0,
            iswithindrift: self.window.is_some() && within,
            drifts,
            localtime: self.localtime.clone(),
        };
        let statistics = Statistics {
            exectime: times::duration(took),
            ntpstats: self.asked.iter().map(statistic).collect(),
        };
        ResultDocument {
            foundanything: self.window.is_none() || !within,
            success: complete && (self.window.is_none() || answers > 0),
            elements: json!(elements),
            statistics: json!(statistics),
            errors: (!errors.is_empty()).then_some(errors),
        }
    }
}

fn statistic(asked: &Asked) -> Server {
    let host = asked.server.to_string();
    match &asked.outcome {
        Ok(measured) => {
            let (seconds, rest) = split(measured.time);
            Server {
                host,
                time: times::rfc3339(seconds, rest, 0),
                latency: times::duration(measured.latency),
                drift: times::signed_duration(measured.ahead),
                reachable: true,
            }
        }
        Err(_) => Server {
            host,
            time: NO_TIME.to_owned(),
            latency: String::new(),
            drift: String::new(),
            reachable: false,
        },
    }
}
