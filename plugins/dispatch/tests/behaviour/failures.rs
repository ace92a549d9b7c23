//! Servers that fail, stall, refuse and restart.

use super::{record, settled, start};
use crate::server::{Answer, Request, Server, ok, status};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| record(&n.to_string())).collect()
}

#[test]
fn failures_are_repeated_until_the_server_works_and_the_counters_are_exact() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(vec![
        status(500),
        status(503),
        Answer::HangUp,
        ok(),
        status(408),
        status(429),
    ]);
    let service = start(&server.url(), directory.path(), json!({}));
    for number in 0..5 {
        service.alert("audit", &number.to_string());
    }
    let after = settled(&service, 5);
    assert_eq!(server.bodies(5), numbers(0..5));
    assert_eq!(
        (&after["delivered"], &after["retried"]),
        (&json!(5), &json!(5))
    );
    assert_eq!(
        (&after["rejected"], &after["dropped"]),
        (&json!(0), &json!(0))
    );
    // What was sent again has the name it had before.
    let requests = server.requests(10);
    assert_eq!(requests.len(), 10);
    let label = |request: &Request| request.headers["x-mig-alert-id"].clone();
    assert!(
        requests[..4]
            .iter()
            .all(|r| label(r) == label(&requests[0]))
    );
    let line = service.log_with("cannot deliver to http://localhost");
    assert!(
        line.contains("status 500 (because)") && line.contains("alerts wait"),
        "{line}"
    );
    service.log_with("answers again after 3 failed attempts");
}

#[test]
fn a_server_that_stalls_is_given_up_in_time_and_asked_again() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(vec![Answer::Stall, Answer::Stall]);
    let service = start(&server.url(), directory.path(), json!({"timeout": "1s"}));
    // The first request may be read some time after it was sent.
    let start = Instant::now();
    service.alert("audit", "0");
    service.alert("audit", "1");
    let after = settled(&service, 2);
    // On a busy machine other answers than the two may take a second as well.
    let (mut bodies, mut seen) = (server.bodies(2), BTreeSet::new());
    bodies.retain(|body| seen.insert(body.clone()));
    assert_eq!(bodies, numbers(0..2));
    assert!(after["retried"].as_u64() >= Some(2), "{after}");
    assert_eq!(after["lasterror"], "no answer in time");
    let requests = server.requests(4);
    assert!(requests[1].at - start >= Duration::from_secs(1));
}

#[test]
fn a_server_that_stalls_does_not_hold_up_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::that(|_| Answer::Stall);
    let service = start(&server.url(), directory.path(), json!({"timeout": "10m"}));
    service.alert("audit", "0");
    service.wait_until_stored(1);
    server.requests(1);
    // In less than its patience, which is far below ten minutes.
    assert_eq!(service.stop().code, 0);
}

#[test]
fn a_server_that_restarts_on_its_port_gets_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    // A port that nobody else is given while the server is down.
    let first = Server::again_at(mig_testkit::free_port());
    let (port, url) = (first.port(), first.url());
    let service = start(&url, directory.path(), json!({}));
    for number in 0..10 {
        service.alert("audit", &number.to_string());
    }
    let mut bodies = first.bodies(10);
    settled(&service, 10);
    drop(first);
    for number in 10..20 {
        service.alert("audit", &number.to_string());
    }
    service.status_with(|status| status["failing"] == true);
    let second = Server::again_at(port);
    let after = settled(&service, 20);
    bodies.extend(second.bodies(10));
    assert_eq!(bodies, numbers(0..20));
    assert_eq!(after["delivered"], 20);
    assert!(after["retried"].as_u64().unwrap() > 0);
}

/// Refuses whatever holds the number three.
fn poisoned(request: &Request) -> Answer {
    let records: Value = serde_json::from_str(&request.body).unwrap();
    let bad = |record: &Value| record["event"] == 3;
    let list = records
        .as_array()
        .map_or(bad(&records), |l| l.iter().any(bad));
    if list { status(400) } else { ok() }
}

#[test]
fn an_alert_that_is_refused_for_good_does_not_hold_up_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::that(poisoned);
    let service = start(&server.url(), directory.path(), json!({}));
    for number in 0..6 {
        service.alert("fswatch", &number.to_string());
    }
    let after = settled(&service, 6);
    assert_eq!(
        (&after["delivered"], &after["rejected"]),
        (&json!(5), &json!(1))
    );
    assert_eq!(after["retried"], 0);
    let line = service.log_with("refused for good");
    assert!(
        line.contains("fswatch") && line.contains("status 400 (because)"),
        "{line}"
    );
}

#[test]
fn in_a_batch_that_is_refused_only_the_one_to_blame_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::that(poisoned);
    let service = start(&server.url(), directory.path(), json!({"batch": 100}));
    for number in 0..30 {
        service.alert("audit", &number.to_string());
    }
    let after = settled(&service, 30);
    assert_eq!(
        (&after["delivered"], &after["rejected"]),
        (&json!(29), &json!(1))
    );
    let events: Vec<Value> = server
        .taken(1)
        .iter()
        .flat_map(|r| serde_json::from_str::<Vec<Value>>(&r.body).unwrap())
        .map(|record| record["event"].clone())
        .collect();
    let wanted: Vec<Value> = (0..30).filter(|n| *n != 3).map(|n| json!(n)).collect();
    assert_eq!(events, wanted);
}

#[test]
fn wrong_credentials_or_addresses_cost_no_alert() {
    let directory = tempfile::tempdir().unwrap();
    let moved = Answer::Status(301, "location: https://elsewhere/\r\n", String::new());
    let server = Server::with(vec![status(401), status(403), status(404), moved]);
    let service = start(&server.url(), directory.path(), json!({}));
    service.alert("audit", "0");
    let after = settled(&service, 1);
    assert_eq!(
        (&after["delivered"], &after["retried"]),
        (&json!(1), &json!(4))
    );
    assert!(
        after["lasterror"]
            .as_str()
            .unwrap()
            .contains("moved to https://elsewhere/")
    );
}

#[test]
fn the_server_s_wish_to_be_left_alone_is_honoured_within_bounds() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(vec![
        Answer::Status(503, "retry-after: 1\r\n", String::new()),
        Answer::Status(429, "retry-after: 86400\r\n", String::new()),
    ]);
    let service = start(
        &server.url(),
        directory.path(),
        json!({"retrylongest": "1500ms"}),
    );
    service.alert("audit", "0");
    settled(&service, 1);
    let requests = server.requests(3);
    let pauses = [
        requests[1].at - requests[0].at,
        requests[2].at - requests[1].at,
    ];
    assert!(pauses[0] >= Duration::from_secs(1), "{pauses:?}");
    assert!(pauses[1] >= Duration::from_millis(1500), "{pauses:?}");
}

#[test]
fn with_a_limit_of_attempts_the_alert_is_dropped_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::that(|request| match request.body.contains("\"event\":0}") {
        true => status(500),
        false => ok(),
    });
    let service = start(&server.url(), directory.path(), json!({"retrymax": 2}));
    service.alert("audit", "0");
    service.alert("audit", "1");
    let after = settled(&service, 2);
    assert_eq!(
        (&after["delivered"], &after["dropped"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(after["retried"], 2);
    assert_eq!(server.requests(4).len(), 4);
    service.log_with("1 alerts given up after 3 attempts");
}

#[test]
fn a_full_buffer_drops_the_oldest_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let port = mig_testkit::free_port();
    let url = format!("http://localhost:{port}/alerts");
    let service = start(&url, directory.path(), json!({"spoolsize": 4_194_304}));
    let long = "x".repeat(200_000);
    for number in 0..60 {
        service.alert("audit", &format!(r#"{{"n":{number},"t":"{long}"}}"#));
    }
    service.wait_until_stored(60);
    service.log_with("oldest alerts were dropped");
    let server = Server::again_at(port);
    let after = settled(&service, 60);
    let dropped = after["dropped"].as_u64().unwrap();
    assert!((30..60).contains(&dropped), "{after}");
    assert_eq!(after["delivered"], 60 - dropped);
    let numbers: Vec<u64> = server
        .bodies(1)
        .iter()
        .map(|body| {
            serde_json::from_str::<Value>(body).unwrap()["event"]["n"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(*numbers.last().unwrap(), 59);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_full_buffer_may_wait_instead_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let port = mig_testkit::free_port();
    let url = format!("http://localhost:{port}/alerts");
    let more = json!({"spoolsize": 4_194_304, "whenfull": "wait"});
    let service = start(&url, directory.path(), more);
    let long = "x".repeat(200_000);
    for number in 0..40 {
        service.alert("audit", &format!(r#"{{"n":{number},"t":"{long}"}}"#));
    }
    service.log_with("the buffer is full");
    let status = service.status_with(|status| status["stored"].as_u64() > Some(10));
    assert!(status["stored"].as_u64() < Some(40), "{status}");
    // It still answers.
    assert_eq!(service.query(&json!({})).unwrap()["success"], true);
    let server = Server::again_at(port);
    let after = settled(&service, 40);
    assert_eq!(
        (&after["delivered"], &after["dropped"]),
        (&json!(40), &json!(0))
    );
    assert_eq!(server.bodies(40).len(), 40);
    service.wait_until_stored(40);
}

#[test]
fn a_damaged_buffer_costs_what_was_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let port = mig_testkit::free_port();
    let url = format!("http://localhost:{port}/alerts");
    let service = start(&url, directory.path(), json!({}));
    for number in 0..10 {
        service.alert("audit", &number.to_string());
    }
    service.wait_until_stored(10);
    assert_eq!(service.stop().code, 0);
    let file = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "alerts"))
        .unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let wanted = record("4");
    let place = bytes
        .windows(wanted.len())
        .position(|part| part == wanted.as_bytes())
        .unwrap();
    bytes[place] = b'?';
    std::fs::write(&file, bytes).unwrap();
    let server = Server::again_at(port);
    let service = start(&url, directory.path(), json!({}));
    let after = settled(&service, 10);
    assert_eq!(
        (&after["delivered"], &after["damaged"]),
        (&json!(9), &json!(1))
    );
    let mut wanted = numbers(0..10);
    wanted.remove(4);
    assert_eq!(server.bodies(9), wanted);
}
