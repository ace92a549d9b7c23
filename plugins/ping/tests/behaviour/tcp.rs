//! Connections.

use crate::support::{Closed, attempt, is_answered, latencies, listener, ping, run};
use mig_module_ping::PingModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use mig_testkit::Silent;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn an_open_port_is_reached_every_time() {
    let (_listener, port) = listener("127.0.0.1").expect("a listener");
    let mut parameters = ping("tcp", "127.0.0.1", port);
    parameters["count"] = json!(3);
    let started = Instant::now();
    let document = run(parameters);
    assert!(started.elapsed() >= Duration::from_millis(200), "pauses");
    let latencies = latencies(&document);
    assert_eq!(latencies.len(), 3);
    for latency in latencies {
        assert!(is_answered(latency), "{latency}");
    }
    assert_eq!(document["foundanything"], true);
    assert_eq!(document["success"], true);
    assert_eq!(document["errors"], json!(null));
    assert_eq!(document["statistics"], json!(null));
    assert_eq!(document["elements"]["failures"], json!(null));
    assert_eq!(
        document["elements"]["resolvedhost"],
        format!("127.0.0.1:{port} (127.0.0.1)")
    );
}

#[test]
fn names_and_ipv6_addresses_are_reached_too() {
    let (_four, port) = listener("127.0.0.1").expect("a listener");
    // Whichever address the name has first: one of the two listens.
    let _six = std::net::TcpListener::bind(("::1", port));
    let document = run(ping("tcp", "localhost", port));
    assert_eq!(document["foundanything"], true, "{document}");
    let host = document["elements"]["resolvedhost"].as_str().unwrap();
    let four = format!("localhost:{port} (127.0.0.1)");
    let six = format!("localhost:{port} (::1)");
    assert!(host == four || host == six, "{host}");

    let Some((_listener, port)) = listener("::1") else {
        return mig_testkit::skip("there is no ::1 here");
    };
    let document = run(ping("tcp", "::1", port));
    assert!(is_answered(latencies(&document)[0]), "{document}");
    assert_eq!(
        document["elements"]["resolvedhost"],
        format!("::1:{port} (::1)")
    );
}

#[test]
fn a_refused_connection_is_a_measurement_not_a_crash() {
    let closed = Closed::tcp();
    let mut parameters = ping("tcp", "127.0.0.1", closed.port);
    parameters["count"] = json!(2);
    let document = run(parameters);
    assert_eq!(document["elements"]["latencies"], json!([-1, -1]));
    assert_eq!(document["elements"]["failures"], json!(null));
    assert_eq!(document["foundanything"], false);
    assert_eq!(document["success"], true);
}

#[test]
fn silence_is_a_timeout() {
    let silent = Silent::listen([127, 0, 0, 1]);
    let mut parameters = ping("tcp", "127.0.0.1", silent.address().port());
    parameters["timeout"] = json!(1);
    let started = Instant::now();
    let document = run(parameters);
    let took = started.elapsed();
    assert_eq!(document["elements"]["latencies"], json!([9_999_999]));
    assert_eq!(document["foundanything"], false);
    assert_eq!(document["success"], true);
    assert!(took >= Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_port_that_is_left_out_is_80() {
    // Whatever is there: the result names the port that was asked.
    for port in [json!(null), json!(0), json!(0.5)] {
        let mut parameters = ping("tcp", "127.0.0.1", 0);
        parameters["destinationport"] = port;
        let document = run(parameters);
        assert_eq!(
            document["elements"]["resolvedhost"],
            "127.0.0.1:80 (127.0.0.1)"
        );
    }
}

#[test]
fn an_end_while_waiting_keeps_what_was_measured() {
    let silent = Silent::listen([127, 0, 0, 1]);
    let mut parameters = ping("tcp", "127.0.0.1", silent.address().port());
    parameters["timeout"] = json!(300);
    let started = Instant::now();
    let answer = FakeHost::new()
        .cancel_after(5)
        .run::<PingModule>(parameters);
    assert!(started.elapsed() < Duration::from_secs(200));
    assert_eq!(answer.code, code::CANCELLED);
    let document = answer.document();
    assert_eq!(document["success"], false);
    assert_eq!(document["elements"]["latencies"], json!(null));
    assert_eq!(document["elements"]["protocol"], "tcp");

    let closed = Closed::tcp();
    let mut parameters = ping("tcp", "127.0.0.1", closed.port);
    parameters["count"] = json!(1000);
    let answer = FakeHost::new()
        .cancel_after(12)
        .run::<PingModule>(parameters);
    assert_eq!(answer.code, code::CANCELLED);
    let document = answer.document();
    let latencies = latencies(&document);
    assert!((1..20).contains(&latencies.len()), "{document}");
    assert!(latencies.iter().all(|latency| *latency == -1.0));
    assert_eq!(answer.progress[0], (0, 1000));
}

#[test]
fn a_name_without_address_is_named() {
    // The resolver knows without asking anybody that there is no such zone.
    let name = "fe80::1%nowhere0";
    let answer = attempt(ping("tcp", name, 80));
    assert_ne!(answer.code, code::OK);
    let wanted = format!("destination `{name}` cannot be resolved on this endpoint: ");
    assert!(
        answer.message().starts_with(&wanted),
        "{}",
        answer.message()
    );
    assert_eq!(answer.error.as_ref().unwrap()["field"], "destination");
}
