//! The lines that clients show.

use super::{FAILED, TIMED_OUT, UNREACHABLE};
use mig_plugin_sdk::ResultDocument;
use serde_json::Value;

/// The verdict, then a line for each attempt. Errors and failures are not
/// printed, except when they are all there is.
pub fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    let Value::Object(elements) = &result.elements else {
        let errors = result.errors.iter().flatten();
        return match found_only {
            true => Vec::new(),
            false => errors.map(|error| format!("error: {error}")).collect(),
        };
    };
    let text = |key: &str| elements.get(key).and_then(Value::as_str).unwrap_or("");
    let (protocol, host) = (text("protocol"), text("resolvedhost"));
    let mut lines = Vec::new();
    if result.foundanything {
        lines.push(format!(
            "{protocol} ping of {host} succeeded. Target is reachable."
        ));
    } else if !found_only {
        lines.push(format!(
            "{protocol} ping of {host} failed. Target is no reachable."
        ));
    }
    if found_only {
        return lines;
    }
    let latencies = elements.get("latencies").and_then(Value::as_array);
    let latencies = latencies.into_iter().flatten().filter_map(Value::as_f64);
    lines.extend((1..).zip(latencies).map(|(number, latency)| {
        if latency == TIMED_OUT && protocol == "udp" {
            format!("ping #{number} may have succeeded (no udp response)")
        } else if latency == TIMED_OUT {
            format!("ping #{number} failed, connection timed out")
        } else if latency == UNREACHABLE {
            format!("ping #{number} failed, target was unreachable")
        } else if latency == FAILED {
            format!("ping #{number} failed, reason unknown")
        } else {
            format!("ping #{number} succeeded in {latency:.0}ms")
        }
    }));
    lines
}
