//! Results and printed lines.

use crate::support::{NAME, Target, mark, run};
use mig_module_memory::MemoryModule;
use mig_plugin_payload::Manifest;
use mig_plugin_sdk::abi::fingerprint::FINGERPRINT;
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::{Module, ResultDocument};
use serde_json::{Value, json};

#[test]
fn a_matchall_result_is_the_original_to_the_byte() {
    let mut target = Target::start();
    let place = target.map(4096);
    let mark = mark(40);
    target.put(place, mark.as_bytes());
    let document = run(
        json!({"searches": {"s1": {"description": "d", "names": [NAME],
        "contents": [mark], "options": {"matchall": true, "offset": 1, "maxlength": 0}}}}),
    );
    let name = crate::support::program().canonicalize().unwrap();
    let wanted = format!(
        "{{\"s1\":[{{\"process\":{{\"name\":\"{}\",\"pid\":{}}},\"search\":{{\"description\":\"d\",\
         \"names\":[\"{NAME}\"],\"contents\":[\"{mark}\"],\"options\":{{\"matchall\":true}}}}}}]}}",
        name.display(),
        target.pid()
    );
    assert_eq!(document["elements"].to_string(), wanted);
    let keys: Vec<&String> = document["statistics"].as_object().unwrap().keys().collect();
    assert_eq!(&keys[..3], ["processcount", "memoryread", "totalhits"]);
    assert_eq!(document["errors"], Value::Null);
}

#[test]
fn nothing_found_is_a_placeholder_and_no_check_is_nothing() {
    let document = run(json!({"searches": {
        "all": {"names": ["nobody"], "libraries": ["either"], "options": {"matchall": true}},
        "any": {"names": ["nobody is called this"], "libraries": ["nobody has this"]},
        "empty": {},
        "emptyall": {"options": {"matchall": true}},
    }}));
    let wanted = json!({
        "all": [{"process": {"name": "", "pid": 0}, "search": {"names": ["nobody"],
            "libraries": ["either"], "options": {"matchall": true}}}],
        "any": [
            {"process": {"name": "", "pid": 0}, "search": {"names": ["nobody is called this"], "options": {}}},
            {"process": {"name": "", "pid": 0}, "search": {"libraries": ["nobody has this"], "options": {}}},
        ],
        "empty": null,
        "emptyall": [{"process": {"name": "", "pid": 0}, "search": {"options": {"matchall": true}}}],
    });
    assert_eq!(document["elements"], wanted);
    assert_eq!(document["foundanything"], false);
}

fn printed(result: &Value, found_only: bool) -> Vec<String> {
    let result: ResultDocument = serde_json::from_value(result.clone()).unwrap();
    FakeHost::new().print::<MemoryModule>(&result, found_only)
}

#[test]
fn lines_are_those_of_the_original() {
    let process = json!({"name": "/usr/sbin/sshd", "pid": 812.0});
    let result = json!({"foundanything": true, "success": true, "elements": {
        "s3": [{"process": {"name": "", "pid": 0}, "search": {"options": {"matchall": true}}}],
        "s2": [{"process": process, "search": {"contents": ["OpenSSH"], "options": {}}}],
        "s4": [{"process": process, "search": {"bytes": ["00"], "contents": ["c"],
            "libraries": ["l"], "names": ["n"], "options": {"matchall": false}}}],
        "s1": [{"process": process, "search": {"names": ["sshd$"], "options": {"matchall": true}}}],
        "s5": null},
        "statistics": {"processcount": 41, "memoryread": 6672384, "totalhits": 1,
            "failures": ["Permission denied to access memory of process 1"], "exectime": "1.2s"},
        "errors": ["something"]});
    let found = [
        "/usr/sbin/sshd [pid:812] in search 's1'",
        "/usr/sbin/sshd [pid:812] in search 's2' on checks content='OpenSSH'",
        "/usr/sbin/sshd [pid:812] in search 's4' on checks name='n' library='l' content='c' byte='00'",
    ];
    assert_eq!(printed(&result, true), found);
    let all = [
        found[0],
        found[1],
        "0 match found in search 's3'",
        found[2],
        "something",
        "Failure: Permission denied to access memory of process 1",
        "Statistics: 41 processes checked, 1 matched, 1 failures, ran in 1.2s.",
    ];
    assert_eq!(printed(&result, false), all);
    let empty = json!({"foundanything": false, "success": true, "elements": null, "statistics": null, "errors": null});
    assert_eq!(
        printed(&empty, false),
        ["Statistics: 0 processes checked, 0 matched, 0 failures, ran in ."]
    );
}

#[test]
fn results_fit_the_declared_schema_and_privacy_hides_every_name() {
    let manifest = Manifest::parse(MemoryModule::MANIFEST).unwrap();
    let document = json!({"foundanything": true, "success": true, "elements": {"s": [
        {"process": {"name": "/secret/name", "pid": 5, "rawpath": "c2VjcmV0", "deleted": "/secret/old"},
         "search": {"names": ["asked"], "contents": ["asked"], "options": {"matchall": true}}}]},
        "statistics": {"processcount": 1, "memoryread": 2, "totalhits": 1,
            "failures": ["Permission denied to secret"], "exectime": "1s", "excluded": 2,
            "unread": [{"reason": "device memory", "bytes": 1, "processes": 1}]},
        "errors": null});
    assert!(manifest.result().validate(&document, true).is_ok());
    let masked = manifest.result().mask(document);
    let text = masked.to_string();
    assert!(!text.contains("secret"), "{text}");
    assert!(!text.contains("c2VjcmV0"), "{text}");
    assert!(
        text.contains("asked") && text.contains("device memory"),
        "{text}"
    );
    let lines = printed(&masked, true);
    assert_eq!(lines, ["masked [pid:5] in search 's'"]);
}

#[test]
fn a_real_result_fits_the_schema_and_the_fingerprint_is_current() {
    let _target = Target::start();
    let manifest = Manifest::parse(MemoryModule::MANIFEST).unwrap();
    let written: Value = serde_json::from_slice(MemoryModule::MANIFEST).unwrap();
    assert_eq!(written["abi"]["fingerprint"], FINGERPRINT);
    let document = run(
        json!({"searches": {"s": {"names": ["."], "libraries": ["libc"],
        "options": {"logfailures": true}}}}),
    );
    assert!(manifest.result().validate(&document, true).is_ok());
}
