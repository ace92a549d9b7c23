//! The result as a document.

use crate::support::{Closed, ping, run};
use mig_module_ping::PingModule;
use mig_plugin_sdk::abi::fingerprint;
use mig_plugin_sdk::{Manifest, Module};
use serde_json::json;

fn manifest() -> Manifest {
    Manifest::parse(PingModule::MANIFEST).expect("a manifest")
}

#[test]
fn the_manifest_states_this_abi() {
    assert_eq!(manifest().abi.fingerprint, fingerprint::FINGERPRINT);
    assert_eq!(manifest().version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_result_is_the_original_to_the_byte() {
    let closed = Closed::tcp();
    let port = closed.port;
    let document = run(ping("tcp", "127.0.0.1", port));
    let wanted = format!(
        "{{\"foundanything\":false,\"success\":true,\"elements\":{{\"latencies\":[-1],\
         \"protocol\":\"tcp\",\"resolvedhost\":\"127.0.0.1:{port} (127.0.0.1)\",\
         \"failures\":null}},\"statistics\":null,\"errors\":null}}"
    );
    assert_eq!(document.to_string(), wanted);
}

#[test]
fn results_fit_the_declared_schema_and_privacy_hides_addresses() {
    let closed = Closed::tcp();
    let mut document = run(ping("tcp", "127.0.0.1", closed.port));
    document["elements"]["failures"] = json!(["ping #1 failed with error: 192.0.2.7 said no"]);
    document["errors"] = json!(["192.0.2.8"]);
    let manifest = manifest();
    let schema = manifest.result();
    schema.validate(&document, false).unwrap();
    let masked = schema.mask(document.clone());
    schema.validate(&masked, true).unwrap();
    let wanted = json!({"latencies": [-1], "protocol": "tcp", "resolvedhost": "masked",
        "failures": ["masked"]});
    assert_eq!(masked["elements"], wanted);
    assert_eq!(masked["errors"], json!(["masked"]));
    assert_eq!(masked["foundanything"], document["foundanything"]);
    // A run that did not get that far.
    let nothing = json!({"foundanything": false, "success": false, "elements": null,
        "statistics": null, "errors": ["no"]});
    schema.validate(&nothing, false).unwrap();
}
