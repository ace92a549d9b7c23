//! Printed lines.

use mig_module_netstat::NetstatModule;
use mig_plugin_sdk::ResultDocument;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

fn printed(result: Value, found_only: bool) -> Vec<String> {
    let document = ResultDocument {
        foundanything: true,
        success: true,
        elements: result["elements"].clone(),
        statistics: result["statistics"].clone(),
        errors: serde_json::from_value(result["errors"].clone()).expect("errors"),
    };
    FakeHost::new().print::<NetstatModule>(&document, found_only)
}

fn everything() -> Value {
    json!({
        "elements": {
            "localmac": {"^8c": [{"localmacaddr": "8c:70:5a:00:00:01"}], "^9": null, ".*": [{}]},
            "localip": {"10.0.0.0/8": [{"localaddr": "10.1.2.3"},
                {"localaddr": "10.9.9.9", "namespace": "net:[5]"}], "::1": []},
            "neighbormac": {"^02": [{"remotemacaddr": "02:00:00:00:00:05",
                "remoteaddr": "192.0.2.1", "namespace": "default"}], "^03": null},
            "neighborip": {"192.0.2.0/24": [{"remotemacaddr": "02:00:00:00:00:05",
                "remoteaddr": "192.0.2.1"}], "192.0.3.0/24": null},
            "connectedip": {
                "198.51.100.7": [{"localaddr": "10.1.2.3", "localport": 50212,
                    "remoteaddr": "198.51.100.7", "remoteport": 443, "namespace": "default",
                    "protocol": "tcp", "state": "established", "pid": 7, "process": "/bin/x"}],
                "0.0.0.0/0": [{"localaddr": "0.0.0.0", "localport": 22.0, "remoteaddr": "0.0.0.0",
                    "namespace": "net:[4026532301]"}],
                "203.0.113.9": null,
            },
            "listeningport": {"22": [{"localaddr": "0.0.0.0", "localport": 22,
                "namespace": "net:[4026532301]"}], "23": null},
        },
        "statistics": {"examined": 57, "exectime": "1.9ms", "totalhits": 8},
        "errors": ["namespace net:[1]: closed"],
    })
}

#[test]
fn lines_are_those_of_the_original() {
    let wanted = "\
found local mac  for netstat localmac:'.*'
found local mac 8c:70:5a:00:00:01 for netstat localmac:'^8c'
found neighbor mac 02:00:00:00:00:05 192.0.2.1 for netstat neighbormac:'^02'
did not find anything for netstat neighbormac:'^03'
found neighbor IP 192.0.2.1 02:00:00:00:00:05 for netstat neighborIP:'192.0.2.0/24'
did not find anything for netstat neighborIP:'192.0.3.0/24'
found local ip 10.1.2.3 for netstat localip:'10.0.0.0/8'
found local ip 10.9.9.9 for netstat localip:'10.0.0.0/8' namespace:[net:[5]]
did not find anything for netstat localip:'::1'
found connected tuple 0.0.0.0:0 with local tuple 0.0.0.0:22 for netstat connectedip:'0.0.0.0/0' namespace:[net:[4026532301]]
found connected tuple 198.51.100.7:443 with local tuple 10.1.2.3:50212 for netstat connectedip:'198.51.100.7'
did not find anything for netstat connectedip:'203.0.113.9'
found listening port 22 for netstat listeningport:'22' namespace:[net:[4026532301]]
did not find anything for netstat listeningport:'23'
error: namespace net:[1]: closed
Statistics: total hits 8 examined 57 items exectime 1.9ms";
    let lines = printed(everything(), false);
    assert_eq!(lines, wanted.lines().collect::<Vec<_>>());
    let found: Vec<&str> = wanted
        .lines()
        .filter(|line| line.starts_with("found"))
        .collect();
    assert_eq!(printed(everything(), true), found);
}

#[test]
fn recorded_results_of_the_original_print_as_it_printed_them() {
    let recorded = json!({
        "elements": {
            "connectedip": {"127.0.0.1": [
                {"localaddr": "127.0.0.1", "localport": 5433, "namespace": "default",
                    "remoteaddr": "127.0.0.1", "remoteport": 59258},
            ]},
            "listeningport": {"5672": [
                {"localaddr": "127.0.0.1", "localport": 5672, "namespace": "default"},
            ]},
            "localip": {"127.0.0.1": [{"localaddr": "127.0.0.1"}]},
        },
        "statistics": {"examined": 101, "exectime": "22.345545ms", "totalhits": 0},
        "errors": null,
    });
    let wanted = [
        "found local ip 127.0.0.1 for netstat localip:'127.0.0.1'",
        "found connected tuple 127.0.0.1:59258 with local tuple 127.0.0.1:5433 \
         for netstat connectedip:'127.0.0.1'",
        "found listening port 5672 for netstat listeningport:'5672'",
        "Statistics: total hits 0 examined 101 items exectime 22.345545ms",
    ];
    assert_eq!(printed(recorded, false), wanted);
}

#[test]
fn masked_and_foreign_results_print_what_is_there() {
    let masked = json!({"elements": {"connectedip": {"::/0": [
        {"remoteaddr": "masked", "remoteport": 443}, "masked", null]}, "other": 7}});
    let wanted = [
        "found connected tuple masked:443 with local tuple :0 for netstat connectedip:'::/0'",
        "found connected tuple :0 with local tuple :0 for netstat connectedip:'::/0'",
        "found connected tuple :0 with local tuple :0 for netstat connectedip:'::/0'",
    ];
    assert_eq!(printed(masked, true), wanted);
    let nothing = json!({"elements": "masked", "statistics": null});
    let wanted = ["Statistics: total hits 0 examined 0 items exectime "];
    assert_eq!(printed(nothing, false), wanted);
}
