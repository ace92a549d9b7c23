//! The lines that clients show.

use mig_plugin_sdk::{ResultDocument, times};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Local time and verdict, then errors, statistics and success unless only
/// finds are wanted. The result may be masked or that of an original agent.
pub fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let elements = &result.elements;
    if elements.is_object() {
        lines.push(format!("local time is {}", text(elements, "localtime")));
    }
    if flag(elements, "hascheckeddrift") {
        if flag(elements, "iswithindrift") {
            lines.push("local time is within acceptable drift from NTP servers".to_owned());
        } else {
            lines.push("local time is out of sync from NTP servers".to_owned());
            lines.extend(
                list(elements, "drifts").filter_map(|line| line.as_str().map(str::to_owned)),
            );
        }
    }
    if found_only {
        return lines;
    }
    for error in result.errors.iter().flatten() {
        lines.push("error:".to_owned());
        lines.push(error.clone());
    }
    let statistics = &result.statistics;
    if statistics.is_object() {
        lines.push(format!(
            "stat: execution time was {}",
            text(statistics, "exectime")
        ));
    }
    lines.extend(list(statistics, "ntpstats").map(statistic));
    let outcome = if result.success {
        "succeeded"
    } else {
        "failed"
    };
    lines.push(format!("timedrift module has {outcome}"));
    lines
}

fn statistic(server: &Value) -> String {
    let host = text(server, "host");
    if !flag(server, "reachable") {
        return format!("stat: {host} was unreachable");
    }
    format!(
        "stat: {host} responded in {} with time {}. local time drifts by {}",
        text(server, "latency"),
        utc(text(server, "time")),
        text(server, "drift"),
    )
}

/// A time in the form of printed lines; what is none stays as it is.
fn utc(written: &str) -> String {
    match OffsetDateTime::parse(written, &Rfc3339) {
        Ok(time) => times::utc(time.unix_timestamp(), time.nanosecond()),
        Err(_) => written.to_owned(),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}
