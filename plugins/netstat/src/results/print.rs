//! The lines people see.

use mig_plugin_sdk::ResultDocument;
use serde_json::Value;

/// Kinds in the order of printed lines, with the word that the line about
/// nothing found has for them; the original has none about interfaces' hardware
/// addresses.
const PRINTED: [(&str, Option<&str>); 6] = [
    ("localmac", None),
    ("neighbormac", Some("neighbormac")),
    ("neighborip", Some("neighborIP")),
    ("localip", Some("localip")),
    ("connectedip", Some("connectedip")),
    ("listeningport", Some("listeningport")),
];

/// Turns a result into lines, one per element. `found_only` leaves out
/// questions without an answer, errors and statistics. The result may be masked
/// or come from another version: what is missing prints as empty.
pub fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, nothing) in PRINTED {
        let questions = result.elements[kind].as_object();
        let mut questions: Vec<_> = questions.into_iter().flatten().collect();
        questions.sort_by_key(|(value, _)| value.as_str());
        for (value, found) in questions {
            let found = found.as_array().map_or(&[][..], Vec::as_slice);
            lines.extend(found.iter().map(|element| line(kind, value, element)));
            if let (true, false, Some(kind)) = (found.is_empty(), found_only, nothing) {
                lines.push(format!(
                    "did not find anything for netstat {kind}:'{value}'"
                ));
            }
        }
    }
    if !found_only {
        let errors = result.errors.iter().flatten();
        lines.extend(errors.map(|error| format!("error: {error}")));
        lines.push(format!(
            "Statistics: total hits {} examined {} items exectime {}",
            number(&result.statistics["totalhits"]),
            number(&result.statistics["examined"]),
            text(&result.statistics["exectime"]),
        ));
    }
    lines
}

fn line(kind: &str, value: &str, element: &Value) -> String {
    let text = |field: &str| text(&element[field]);
    let tuple = |address: &str, port: &str| {
        let port = number(&element[port]);
        format!("{}:{port}", text(address))
    };
    let mut line = match kind {
        "localmac" => format!(
            "found local mac {} for netstat localmac:'{value}'",
            text("localmacaddr")
        ),
        "neighbormac" => format!(
            "found neighbor mac {} {} for netstat neighbormac:'{value}'",
            text("remotemacaddr"),
            text("remoteaddr")
        ),
        "neighborip" => format!(
            "found neighbor IP {} {} for netstat neighborIP:'{value}'",
            text("remoteaddr"),
            text("remotemacaddr")
        ),
        "localip" => format!(
            "found local ip {} for netstat localip:'{value}'",
            text("localaddr")
        ),
        "connectedip" => format!(
            "found connected tuple {} with local tuple {} for netstat connectedip:'{value}'",
            tuple("remoteaddr", "remoteport"),
            tuple("localaddr", "localport")
        ),
        _ => format!(
            "found listening port {} for netstat listeningport:'{value}'",
            number(&element["localport"])
        ),
    };
    let namespace = text("namespace");
    if !namespace.is_empty() && namespace != "default" {
        line.push_str(&format!(" namespace:[{namespace}]"));
    }
    line
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A number without a fraction, as it is printed.
fn number(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => {
            format!("{:.0}", number.as_f64().unwrap_or_default())
        }
        Value::Number(number) => number.to_string(),
        _ => "0".to_owned(),
    }
}
