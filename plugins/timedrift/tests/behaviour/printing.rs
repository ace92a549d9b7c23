//! The lines that clients show.

use mig_module_timedrift::TimedriftModule;
use mig_plugin_sdk::ResultDocument;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

fn lines(document: &Value, found_only: bool) -> Vec<String> {
    let result: ResultDocument =
        serde_json::from_value(document.clone()).expect("a result document");
    FakeHost::new().print::<TimedriftModule>(&result, found_only)
}

fn outside() -> Value {
    json!({"foundanything": true, "success": true,
        "elements": {"hascheckeddrift": true,
            "drifts": ["Local time is ahead of ntp host ntp1.example.net by 2.5s"],
            "localtime": "2024-05-17T08:30:12.1Z"},
        "statistics": {"exectime": "46ms", "ntpstats": [
            {"host": "ntp1.example.net", "time": "2024-05-17T08:30:09.6Z", "latency": "44ms",
                "drift": "2.5s", "reachable": true},
            {"host": "ntp2.example.net", "time": "0001-01-01T00:00:00Z", "latency": "",
                "drift": "", "reachable": false}]},
        "errors": ["open /etc/ntp.conf: permission denied"]})
}

#[test]
fn lines_are_those_of_the_original() {
    let wanted = [
        "local time is 2024-05-17T08:30:12.1Z",
        "local time is out of sync from NTP servers",
        "Local time is ahead of ntp host ntp1.example.net by 2.5s",
        "error:",
        "open /etc/ntp.conf: permission denied",
        "stat: execution time was 46ms",
        "stat: ntp1.example.net responded in 44ms with time 2024-05-17 08:30:09.6 +0000 UTC. \
         local time drifts by 2.5s",
        "stat: ntp2.example.net was unreachable",
        "timedrift module has succeeded",
    ];
    assert_eq!(lines(&outside(), false), wanted);
    assert_eq!(lines(&outside(), true), wanted[..3]);

    let mut within = outside();
    within["elements"] = json!({"hascheckeddrift": true, "iswithindrift": true,
        "localtime": "2024-05-17T08:30:12.1Z"});
    within["success"] = json!(false);
    within["errors"] = json!(null);
    // Times of other zones are printed in UTC, as ever.
    within["statistics"]["ntpstats"][0]["time"] = json!("2024-05-17T10:30:09.6+02:00");
    let lines_within = lines(&within, false);
    assert_eq!(
        lines_within[1],
        "local time is within acceptable drift from NTP servers"
    );
    assert_eq!(lines_within[3], wanted[6]);
    assert_eq!(lines_within[5], "timedrift module has failed");

    let alone = json!({"foundanything": true, "success": true,
        "elements": {"hascheckeddrift": false, "localtime": "2024-05-17T08:30:12.1+02:00"},
        "statistics": {"exectime": "12µs"}, "errors": null});
    assert_eq!(
        lines(&alone, false),
        [
            "local time is 2024-05-17T08:30:12.1+02:00",
            "stat: execution time was 12µs",
            "timedrift module has succeeded"
        ]
    );
}

#[test]
fn masked_and_foreign_results_are_printed_as_far_as_they_go() {
    let mut masked = outside();
    masked["elements"]["drifts"] = json!(["masked"]);
    masked["statistics"]["ntpstats"][0]["host"] = json!("masked");
    masked["statistics"]["ntpstats"][0]["time"] = json!("masked");
    assert_eq!(lines(&masked, true)[2], "masked");
    assert_eq!(
        lines(&masked, false)[6],
        "stat: masked responded in 44ms with time masked. local time drifts by 2.5s"
    );
    let nothing = json!({"foundanything": false, "success": false, "elements": null,
        "statistics": null, "errors": ["no"]});
    assert_eq!(
        lines(&nothing, false),
        ["error:", "no", "timedrift module has failed"]
    );
    assert!(lines(&nothing, true).is_empty());
}
