//! What the module does, seen from the host, from the disk, and from a real
//! HTTP server in this process.

mod delivery;
mod encryption;
mod failures;
mod killed;
mod module;
mod server;
mod sns;

use mig_module_dispatch::DispatchModule;
use mig_plugin_sdk::testing::FakeService;
use serde_json::{Value, json};
use std::path::Path;

/// A running module: its configuration on top of an address, short pauses.
fn start(url: &str, directory: &Path, more: Value) -> FakeService {
    let mut section = json!({"httpurl": url, "retryfirst": "10ms", "retrylongest": "50ms"});
    for (key, value) in more.as_object().expect("keys") {
        section[key] = value.clone();
    }
    FakeService::start::<DispatchModule>(json!({
        "config": {"dispatch": section},
        "hostname": "db1.example.net",
        "environment": {"init": "systemd", "ident": "Debian 12", "os": "linux", "arch": "amd64",
            "isproxied": false, "aws": {}},
        "tags": {"operator": "ops"},
        "directory": directory,
    }))
}

/// The record of an event on that machine.
fn record(event: &str) -> String {
    format!(
        r#"{{"hostname":"db1.example.net","environment":{{"init":"systemd","ident":"Debian 12","os":"linux","arch":"amd64","isproxied":false,"aws":{{}}}},"tags":{{"operator":"ops"}},"event":{event}}}"#
    )
}

/// Waits until nothing waits any more, and checks that the counters add up.
fn settled(service: &FakeService, stored: u64) -> Value {
    let status = service.status_with(|status| status["stored"] == stored && status["waiting"] == 0);
    let sum: u64 = ["delivered", "rejected", "dropped", "damaged"]
        .iter()
        .map(|key| status[*key].as_u64().expect("a counter"))
        .sum();
    assert_eq!(sum, stored, "{status}");
    assert_eq!(status["waitingbytes"], 0, "{status}");
    status
}
