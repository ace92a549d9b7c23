//! What arrives at a server that works.

use super::{record, settled, start};
use crate::server::Server;
use serde_json::{Value, json};

#[test]
fn the_record_arrives_to_the_byte() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(Vec::new());
    let service = start(
        &server.url(),
        directory.path(),
        json!({"header": ["Authorization: Bearer 0123", "X-Site: a"]}),
    );
    service.alert(
        "fswatch",
        r#"{"severity":"low","alert":"path /etc/x removed"}"#,
    );
    let request = server.taken(1).remove(0);
    assert_eq!(request.line, "POST /alerts HTTP/1.1");
    assert_eq!(
        request.body,
        record(r#"{"severity":"low","alert":"path /etc/x removed"}"#)
    );
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["authorization"], "Bearer 0123");
    assert_eq!(request.headers["x-site"], "a");
    assert!(request.headers["x-mig-alert-id"].ends_with("/1"));
    let status = settled(&service, 1);
    assert_eq!(
        (&status["delivered"], &status["failing"]),
        (&json!(1), &json!(false))
    );
    assert!(status["lastdelivered"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn percent_signs_and_text_that_is_not_json_arrive_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(Vec::new());
    let service = start(&server.url(), directory.path(), json!({}));
    let texts = ["%s %d 100%", r#"{"a":"%n%!"}"#, "not <json>", "{\"half", ""];
    for text in texts {
        service.alert("audit", text);
    }
    let events = [
        r#""%s %d 100%""#,
        r#"{"a":"%n%!"}"#,
        r#""not \u003cjson\u003e""#,
        r#""{\"half""#,
        r#""""#,
    ];
    assert_eq!(server.bodies(5), events.map(record));
}

#[test]
fn the_form_of_mozdef_wraps_the_record() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(Vec::new());
    let service = start(
        &server.url(),
        directory.path(),
        json!({"outputmozdef": true}),
    );
    service.alert("audit", r#"{"b":1,"a":2}"#);
    let body = server.bodies(1).remove(0);
    let event: Value = serde_json::from_str(&body).unwrap();
    let keys: Vec<&String> = event.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "timestamp",
            "category",
            "hostname",
            "processid",
            "processname",
            "severity",
            "source",
            "summary",
            "tags",
            "details"
        ]
    );
    assert_eq!(event["category"], "mig");
    assert_eq!(event["hostname"], "db1.example.net");
    assert_eq!(event["processid"], std::process::id());
    assert_eq!(event["summary"], "mig dispatch event");
    assert_eq!(event["tags"], json!(["mig-dispatch"]));
    assert!(body.ends_with(&format!(r#""details":{}}}"#, record(r#"{"b":1,"a":2}"#))));
}

#[test]
fn a_changed_description_of_the_machine_counts_for_later_alerts() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(Vec::new());
    let service = start(&server.url(), directory.path(), json!({}));
    service.alert("audit", "1");
    service.surroundings(&json!({"hostname": "new", "environment": {}, "tags": {}}));
    service.alert("audit", "2");
    let bodies = server.bodies(2);
    assert_eq!(bodies[0], record("1"));
    assert_eq!(
        bodies[1],
        r#"{"hostname":"new","environment":{},"tags":{},"event":2}"#
    );
}

#[test]
fn batches_are_lists_and_keep_the_order() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(Vec::new());
    let service = start(&server.url(), directory.path(), json!({"batch": 10}));
    for number in 0..95 {
        service.alert("audit", &number.to_string());
    }
    settled(&service, 95);
    let mut events = Vec::new();
    for request in server.taken(10) {
        let list: Vec<Value> = serde_json::from_str(&request.body).unwrap();
        assert!((1..=10).contains(&list.len()));
        let first = events.len() + 1;
        let label = request.headers["x-mig-alert-id"]
            .split_once('/')
            .unwrap()
            .1
            .to_owned();
        match list.len() {
            1 => assert_eq!(label, first.to_string()),
            more => assert_eq!(label, format!("{first}-{}", first + more - 1)),
        }
        events.extend(list.into_iter().map(|record| record["event"].clone()));
    }
    assert_eq!(events, (0..95).map(|n| json!(n)).collect::<Vec<_>>());
}

#[test]
fn the_longest_alerts_arrive_whole() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(Vec::new());
    let service = start(&server.url(), directory.path(), json!({"batch": 4}));
    let plain = "x".repeat(256 << 10);
    // Six times as long when it is written as JSON.
    let special = "<".repeat(256 << 10);
    for text in [&plain, &special, &plain, &plain] {
        service.alert("audit", text);
    }
    settled(&service, 4);
    let requests = server.taken(1);
    let events: Vec<Value> = requests
        .iter()
        .flat_map(|r| serde_json::from_str::<Vec<Value>>(&r.body).unwrap())
        .map(|record| record["event"].clone())
        .collect();
    assert_eq!(events, [&plain, &special, &plain, &plain].map(|t| json!(t)));
}

#[test]
fn alerts_of_before_the_start_are_delivered_once() {
    let directory = tempfile::tempdir().unwrap();
    let port = mig_testkit::free_port();
    let url = format!("http://localhost:{port}/alerts");
    let service = start(&url, directory.path(), json!({}));
    for number in 0..20 {
        service.alert("audit", &number.to_string());
    }
    service.wait_until_stored(20);
    assert_eq!(service.stop().code, 0);
    let server = Server::again_at(port);
    let service = start(&url, directory.path(), json!({}));
    service.alert("audit", "20");
    settled(&service, 21);
    let wanted: Vec<String> = (0..=20).map(|n| record(&n.to_string())).collect();
    assert_eq!(server.bodies(21), wanted);
}

#[test]
fn a_proxy_is_gone_through() {
    let directory = tempfile::tempdir().unwrap();
    // Takes the request for a tunnel, and what comes through it, alike.
    let proxy = Server::with(Vec::new());
    let address = format!("http://127.0.0.1:{}", proxy.port());
    let service = start(
        "http://collector.invalid/alerts",
        directory.path(),
        json!({"proxy": address}),
    );
    service.alert("audit", "1");
    settled(&service, 1);
    let requests = proxy.requests(1);
    assert!(
        requests[0].line.contains("collector.invalid"),
        "{requests:?}"
    );
    assert_eq!(requests.last().unwrap().body, record("1"));
}
