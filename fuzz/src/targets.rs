//! What each target does with the bytes. A target finds something when it
//! panics: by itself, or because one of the promises below is broken.

use mig_config::{Key, Kind, Section};
use mig_plugin_payload::{Manifest, decode, encode};
use mig_target::{AgentFacts, Target};

/// The target of that name.
pub fn named(name: &str) -> Option<fn(&[u8])> {
    Some(match name {
        "frames" => frames,
        "certificate" => certificate,
        "action" => action,
        "target" => target,
        "manifest" => manifest,
        "worker" => worker,
        "serving" => mig_host::fuzz_serving,
        "configuration" => configuration,
        "netlink" | "procnet" => return crate::netstat::named(name),
        "auditrules" => mig_module_audit::fuzzing::rules,
        "auditmessage" => mig_module_audit::fuzzing::messages,
        "auditrecord" => mig_module_audit::fuzzing::audit_records,
        "scribe" => mig_module_scribe::fuzzing::document,
        "probes" => crate::probes::probes,
        "proxies" => crate::proxies::proxies,
        "record" => crate::record::record,
        "sshkey" => mig_module_sshkey::fuzzing::examine_all,
        "programs" => mig_module_agentdestroy::fuzzing::identify,
        "dpkg" => mig_module_pkg::fuzzing::dpkg,
        "rpm" => mig_module_pkg::fuzzing::rpm,
        "spool" => mig_module_dispatch::fuzzing::buffer,
        "watched" => mig_module_fswatch::fuzzing::watched,
        "maps" => mig_module_memory::fuzzing::read_maps_and_image,
        _ => return None,
    })
}

/// What a client may send to the relay before and after it has logged in.
fn frames(data: &[u8]) {
    for largest in [4096, 131_072] {
        mig_relay::fuzzing::read_frames(data, largest);
    }
}

/// The certificate of a client that wants to log in by its name.
fn certificate(data: &[u8]) {
    mig_relay::fuzzing::read_certificate_names(data);
}

/// Documents from the network: actions, commands, heartbeats.
fn action(data: &[u8]) {
    if let Ok(action) = mig_protocol::parse_action(data) {
        let signed = mig_protocol::signing_string(&action);
        // What is written must read back as the same question.
        if let Ok(text) = mig_protocol::to_go_json(&action) {
            let again = mig_protocol::parse_action(&text).expect("own output is readable");
            assert_eq!(signed, mig_protocol::signing_string(&again));
        }
    }
    let _ = mig_protocol::parse_command(data);
    let _ = mig_protocol::parse_heartbeat(data);
}

/// Conditions that users write.
fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(parsed) = Target::parse(text) else { return };
    let now = time::OffsetDateTime::UNIX_EPOCH;
    let _ = parsed.sqlite(now, 1);
    let _ = parsed.postgres(now, 1);
    let facts = AgentFacts {
        name: "db1.example.net".into(),
        queueloc: "linux.abc".into(),
        mode: "daemon".into(),
        version: "1".into(),
        pid: 7,
        environment: serde_json::json!({"os": "linux", "addresses": ["192.0.2.7/24"]}),
        tags: serde_json::json!({"operator": "it"}),
    };
    let _ = parsed.evaluate(now, &facts);
    // What is printed must mean the same.
    let again = Target::parse(&parsed.to_string()).expect("own output is readable");
    assert_eq!(parsed, again);
}

/// What a plugin file says about itself, before anybody trusts it.
fn manifest(data: &[u8]) {
    let _ = Manifest::parse(data);
    let _ = mig_host::inspect_bytes(data);
}

/// Bytes from a worker, which is not trusted either.
fn worker(data: &[u8]) {
    if let Ok(value) = decode(data, data.len()) {
        let again = encode(&value).expect("a decoded payload can be encoded");
        assert_eq!(decode(&again, again.len()).ok(), Some(value));
    }
    mig_host::fuzz_frames(data);
}

/// Files that operators write.
fn configuration(data: &[u8]) {
    const SECTIONS: &[Section] = &[Section {
        name: "agent",
        keys: &[
            Key { name: "text", kind: Kind::Text },
            Key { name: "flag", kind: Kind::Bool },
            Key { name: "number", kind: Kind::Integer },
            Key { name: "span", kind: Kind::Duration },
            Key { name: "list", kind: Kind::List },
        ],
    }];
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = mig_config::parse_all("fuzz.cfg", text, SECTIONS);
    }
}
