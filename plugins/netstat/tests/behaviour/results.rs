//! The result document.

use crate::support::{attempt, found, run};
use mig_module_netstat::NetstatModule;
use mig_plugin_sdk::Module;
use mig_plugin_sdk::payload::Manifest;
use serde_json::{Value, json};

#[test]
fn no_question_is_valid_and_finds_nothing() {
    let document = run(json!({}));
    assert_eq!(document["foundanything"], false);
    assert_eq!(document["elements"], json!({}));
    assert_eq!(document["statistics"]["examined"], 0);
    assert_eq!(document["statistics"]["totalhits"], 0);
    assert_eq!(document["errors"], Value::Null);
}

#[test]
fn the_own_loopback_address_is_found_as_the_original_shows_it() {
    let document = run(json!({"localip": ["127.0.0.1", "127.0.0.0/8", "203.0.113.9"]}));
    let wanted = json!([{"localaddr": "127.0.0.1"}]);
    let of = |value: &str| document["elements"]["localip"][value].clone();
    assert_eq!(of("127.0.0.1"), wanted);
    assert!(
        of("127.0.0.0/8")
            .as_array()
            .is_some_and(|found| found.contains(&wanted[0]))
    );
    assert_eq!(of("203.0.113.9"), Value::Null);
    assert_eq!(document["foundanything"], true);
    let hits = found(&document, "localip", "127.0.0.0/8").len() + 1;
    assert_eq!(document["statistics"]["totalhits"], hits);
}

#[test]
fn an_interface_without_an_address_is_an_empty_element() {
    let document = run(json!({"localmac": [".*", ""]}));
    for question in [".*", ""] {
        let found = found(&document, "localmac", question);
        assert!(found.contains(&json!({})), "loopback among {found:?}");
    }
}

#[test]
fn kinds_and_values_come_in_the_original_order_and_each_once() {
    let document = run(json!({
        "listeningport": ["9", "10", "9"], "connectedip": ["203.0.113.9"],
        "neighborip": ["203.0.113.9"], "neighbormac": ["^zz"],
        "localip": ["203.0.113.9/32", "203.0.113.0/31"], "localmac": ["^zz"],
    }));
    let kinds: Vec<&String> = document["elements"].as_object().unwrap().keys().collect();
    let wanted = [
        "localmac",
        "localip",
        "neighbormac",
        "neighborip",
        "connectedip",
        "listeningport",
    ];
    assert_eq!(kinds, wanted);
    let ports = document["elements"]["listeningport"].as_object().unwrap();
    assert_eq!(ports.keys().collect::<Vec<_>>(), ["10", "9"]);
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "foundanything",
            "success",
            "elements",
            "statistics",
            "errors"
        ]
    );
    let keys: Vec<&String> = document["statistics"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["examined", "exectime", "totalhits"]);
}

#[test]
fn the_manifest_is_sound_and_the_fingerprint_current() {
    let manifest = Manifest::parse(NetstatModule::MANIFEST).expect("a manifest");
    assert_eq!(
        manifest.abi.fingerprint,
        mig_plugin_sdk::abi::fingerprint::FINGERPRINT
    );
}

#[test]
fn privacy_hides_peers_neighbours_hardware_addresses_and_programs() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let client = std::net::TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let parameters = json!({"connectedip": ["127.0.0.1"], "listeningport": [port.to_string()],
        "onlylistening": true});
    let document = attempt(parameters).document();
    let manifest = Manifest::parse(NetstatModule::MANIFEST).expect("a manifest");
    let schema = manifest.result();
    schema
        .validate(&document, false)
        .expect("what the schema declares");
    let masked = schema.mask(document);
    let local = client.local_addr().expect("its address").port();
    let peers = found(&masked, "connectedip", "127.0.0.1");
    // Both ports: another connection may use the same one to somewhere else.
    let mine = peers
        .iter()
        .find(|peer| peer["localport"] == local && peer["remoteport"] == port);
    let mine = mine.expect("the connection, whose ports remain");
    assert_eq!(mine["remoteaddr"], "masked");
    assert_eq!(mine["localaddr"], "127.0.0.1");
    assert_eq!(mine["process"], "masked");
    assert_eq!(mine["pid"], std::process::id());
    for element in found(&masked, "listeningport", &port.to_string()) {
        assert_eq!(element["process"], "masked", "{element}");
    }
}
