//! The result as a document.

use crate::responder::Responder;
use crate::support::{compare, run};
use mig_module_timedrift::TimedriftModule;
use mig_plugin_sdk::abi::fingerprint;
use mig_plugin_sdk::{Manifest, Module};
use serde_json::json;

fn manifest() -> Manifest {
    Manifest::parse(TimedriftModule::MANIFEST).expect("a manifest")
}

#[test]
fn the_manifest_states_this_abi() {
    assert_eq!(manifest().abi.fingerprint, fingerprint::FINGERPRINT);
    assert_eq!(manifest().version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_result_is_the_original_to_the_byte() {
    let server = Responder::ahead(-100_000_000_000);
    let document = compare("5s", &[&server]);
    // What is measured differs from run to run.
    let line = document["elements"]["drifts"][0].as_str().unwrap();
    let local = document["elements"]["localtime"].as_str().unwrap();
    let took = document["statistics"]["exectime"].as_str().unwrap();
    let statistic = &document["statistics"]["ntpstats"][0];
    let text = |key: &str| statistic[key].as_str().unwrap();
    let wanted = format!(
        "{{\"foundanything\":true,\"success\":true,\"elements\":{{\"hascheckeddrift\":true,\
         \"drifts\":[\"{line}\"],\"localtime\":\"{local}\"}},\
         \"statistics\":{{\"exectime\":\"{took}\",\"ntpstats\":[{{\"host\":\"{}\",\
         \"time\":\"{}\",\"latency\":\"{}\",\"drift\":\"{}\",\"reachable\":true}}]}},\
         \"errors\":null}}",
        server.name(),
        text("time"),
        text("latency"),
        text("drift")
    );
    assert_eq!(document.to_string(), wanted);
    assert!(line.ends_with(&format!(" by {}", text("drift"))), "{line}");
    for time in [local, text("time")] {
        time::OffsetDateTime::parse(time, &time::format_description::well_known::Rfc3339)
            .unwrap_or_else(|error| panic!("{time}: {error}"));
    }
    assert!(text("time").ends_with('Z'));
}

#[test]
fn results_fit_the_declared_schema_and_privacy_hides_servers() {
    let server = Responder::ahead(-100_000_000_000);
    let mut document = compare("5s", &[&server]);
    document["errors"] = json!(["ntp host secret"]);
    let manifest = manifest();
    let schema = manifest.result();
    schema.validate(&document, false).unwrap();
    let masked = schema.mask(document.clone());
    schema.validate(&masked, true).unwrap();
    let text = masked.to_string();
    assert!(!text.contains("127.0.0.1"), "{text}");
    assert_eq!(masked["elements"]["drifts"], json!(["masked"]));
    assert_eq!(
        masked["elements"]["localtime"],
        document["elements"]["localtime"]
    );
    assert_eq!(masked["statistics"]["ntpstats"][0]["host"], "masked");
    assert_eq!(
        masked["statistics"]["ntpstats"][0]["drift"],
        document["statistics"]["ntpstats"][0]["drift"]
    );
    assert_eq!(masked["errors"], json!(["masked"]));
    for document in [run(json!({})), compare("0s", &[&server])] {
        schema.validate(&document, false).unwrap();
    }
    let nothing = json!({"foundanything": false, "success": false, "elements": null,
        "statistics": null, "errors": ["no"]});
    schema.validate(&nothing, false).unwrap();
}
