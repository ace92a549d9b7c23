//! Servers of all kinds, and the verdict.

use crate::responder::{Responder, good, now, stamp};
use crate::support::{attempt, compare, drift, errors, run, tolerance};
use mig_module_timedrift::TimedriftModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

const SECOND: i128 = 1_000_000_000;

#[test]
fn without_a_window_only_the_local_time_is_told() {
    for parameters in [json!({}), json!({"drift": ""}), json!({"servers": null})] {
        let document = run(parameters);
        assert_eq!(document["foundanything"], true);
        assert_eq!(document["success"], true);
        assert_eq!(document["errors"], json!(null));
        let elements = document["elements"].as_object().unwrap();
        let keys: Vec<&str> = elements.keys().map(String::as_str).collect();
        assert_eq!(keys, ["hascheckeddrift", "localtime"]);
        assert_eq!(document["statistics"].as_object().unwrap().len(), 1);
    }
}

#[test]
fn a_clock_within_the_window_is_not_found() {
    let server = Responder::ahead(0);
    // Far more than an answer may be late.
    let document = compare("1m", &[&server]);
    assert_eq!(document["foundanything"], false);
    assert_eq!(document["success"], true);
    assert_eq!(document["errors"], json!(null));
    assert_eq!(document["elements"]["hascheckeddrift"], true);
    assert_eq!(document["elements"]["iswithindrift"], true);
    assert_eq!(document["elements"]["drifts"], json!(null));
    let statistic = &document["statistics"]["ntpstats"][0];
    assert_eq!(statistic["host"], server.name());
    assert_eq!(statistic["reachable"], true);
    let drift = drift(&document, 0).abs();
    assert!(drift <= tolerance(&document, 0), "{document}");
    assert_eq!(server.questions(), 1);
}

#[test]
fn a_clock_outside_is_found_with_direction_and_distance() {
    for (ahead, direction) in [(-100, "ahead of"), (100, "behind")] {
        let server = Responder::ahead(ahead * SECOND);
        let document = compare("5s", &[&server]);
        assert_eq!(document["foundanything"], true);
        assert_eq!(document["success"], true);
        assert_eq!(document["elements"]["hascheckeddrift"], true);
        assert_eq!(document["elements"].get("iswithindrift"), None);
        let line = document["elements"]["drifts"][0].as_str().unwrap();
        let start = format!("Local time is {direction} ntp host {} by 1m", server.name());
        assert!(line.starts_with(&start), "{line}");
        let off = i128::from(drift(&document, 0)) + ahead * SECOND;
        assert!(off.abs() <= tolerance(&document, 0).into(), "{document}");
    }
}

#[test]
fn slow_ways_do_not_count_as_drift() {
    // The server needs its time, and says so.
    let server = Responder::new(|question| {
        let mut packet = good(question, 0);
        let end = Instant::now() + Duration::from_millis(1200);
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
        packet[40..48].copy_from_slice(&stamp(now()));
        vec![packet]
    });
    let document = compare("500ms", &[&server]);
    let drift = drift(&document, 0).abs();
    // Its time is no time on the way. The way itself may be slow too.
    let most = tolerance(&document, 0) - 600_000_000;
    assert!(drift <= most, "{document}");
    let within = document["elements"]["iswithindrift"] == true;
    assert_eq!(within, drift <= 500_000_000, "{document}");
}

#[test]
fn the_majority_of_the_servers_decides() {
    let right = || Responder::ahead(0);
    let wrong = || Responder::ahead(3600 * SECOND);
    // How many servers are right and wrong, and whether the clock is outside.
    for (rights, wrongs, found) in [(1, 0, false), (0, 1, true), (2, 1, false), (3, 1, false)]
        .into_iter()
        .chain([(1, 1, true), (2, 2, true), (1, 2, true), (0, 3, true)])
    {
        let servers: Vec<Responder> = (0..rights)
            .map(|_| right())
            .chain((0..wrongs).map(|_| wrong()))
            .collect();
        let document = compare("10m", &servers.iter().collect::<Vec<_>>());
        assert_eq!(
            document["foundanything"], found,
            "{rights} {wrongs}: {document}"
        );
        let drifts = document["elements"]["drifts"]
            .as_array()
            .map_or(0, Vec::len);
        assert_eq!(drifts, wrongs);
        let disagreement = errors(&document);
        if rights > 0 && wrongs > 0 {
            let total = rights + wrongs;
            let wanted = format!(
                "NTP servers disagree: {wrongs} of {total} put the clock outside the window"
            );
            assert_eq!(disagreement, [wanted]);
        } else {
            assert!(disagreement.is_empty(), "{document}");
        }
        assert_eq!(document["success"], true);
    }
}

#[test]
fn four_answers_are_enough() {
    let servers: Vec<Responder> = (0..12).map(|_| Responder::ahead(0)).collect();
    let document = compare("1m", &servers.iter().collect::<Vec<_>>());
    let asked = document["statistics"]["ntpstats"].as_array().unwrap();
    assert_eq!(asked.len(), 4);
    let questions = servers.into_iter().map(Responder::questions);
    assert_eq!(questions.sum::<u32>(), 4);
}

#[test]
fn silent_and_refusing_servers_leave_the_word_to_others() {
    let (silent, good) = (Responder::silent(), Responder::ahead(0));
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
    let refused = closed.local_addr().unwrap().to_string();
    // Connected to somebody else, it keeps the port and refuses us.
    closed.connect("127.0.0.1:9").unwrap();
    let names = [silent.name(), refused.clone(), good.name()];
    let document = run(json!({"drift": "1m", "servers": names}));
    assert_eq!(document["success"], true);
    assert_eq!(document["elements"]["iswithindrift"], true);
    let hosts: Vec<&Value> = document["statistics"]["ntpstats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|server| &server["host"])
        .collect();
    assert_eq!(
        hosts,
        names.iter().collect::<Vec<_>>(),
        "in the order given"
    );
    let unreachable = &document["statistics"]["ntpstats"][0];
    assert_eq!(
        unreachable.to_string(),
        format!(
            "{{\"host\":\"{}\",\"time\":\"0001-01-01T00:00:00Z\",\"latency\":\"\",\
             \"drift\":\"\",\"reachable\":false}}",
            names[0]
        )
    );
    let errors = errors(&document);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(
        errors[0],
        format!("ntp host {} did not answer within 5s", names[0])
    );
    let start = format!("ntp host {refused} cannot be reached: ");
    assert!(errors[1].starts_with(&start), "{errors:?}");
}

#[test]
fn no_answer_at_all_fails_without_a_verdict() {
    let server = Responder::new(|question| {
        let mut packet = good(question, 0);
        packet[1] = 0;
        packet[12..16].copy_from_slice(b"DENY");
        vec![packet]
    });
    let document = compare("1m", &[&server]);
    assert_eq!(document["success"], false);
    assert_eq!(document["foundanything"], false);
    assert_eq!(document["elements"]["hascheckeddrift"], false);
    assert_eq!(document["elements"]["iswithindrift"], true);
    let errors = errors(&document);
    assert!(errors[0].ends_with("refuses to serve: DENY, access is denied"));
    assert!(
        errors[1].starts_with("no NTP server answered"),
        "{errors:?}"
    );
}

#[test]
fn useless_answers_are_refused_with_their_reason() {
    type Change = fn(&mut Vec<u8>);
    let cases: [(Change, &str); 5] = [
        (
            |p| p[0] |= 3 << 6,
            "says that its own clock is not synchronized",
        ),
        (|p| p[0] = 3 << 3 | 5, "answered with mode 5 instead of 4"),
        (|p| p[1] = 0, "refuses to serve: TEST"),
        (|p| p[40..48].fill(0), "answered without a time"),
        (
            |p| p[32] ^= 1,
            "answered with times that contradict each other",
        ),
    ];
    for (change, reason) in cases {
        let server = Responder::new(move |question| {
            let mut packet = good(question, 0);
            change(&mut packet);
            vec![packet]
        });
        let document = compare("1m", &[&server]);
        let wanted = format!("ntp host {} {reason}", server.name());
        assert_eq!(errors(&document)[0], wanted);
    }
}

#[test]
fn forgeries_in_front_of_the_answer_are_passed_over() {
    let server = Responder::new(|question| {
        let mut packets = vec![Vec::new(), vec![0; 47], vec![0; 1500], question.to_vec()];
        // The answer to another question, an hour off.
        let mut other = good(question, 3600 * SECOND);
        other[24] ^= 1;
        packets.extend(vec![other; 100]);
        packets.push(good(question, 0));
        packets
    });
    let document = compare("1m", &[&server]);
    assert_eq!(document["elements"]["iswithindrift"], true, "{document}");
}

#[test]
fn a_flood_of_forgeries_ends_with_the_time() {
    let server = Responder::new(|question| {
        let mut other = good(question, 0);
        other[31] ^= 1;
        vec![other; 3000]
    });
    let started = Instant::now();
    let document = compare("1m", &[&server]);
    // Without an end it would wait for ever.
    assert!(started.elapsed() < Duration::from_secs(120));
    let error = &errors(&document)[0];
    assert!(error.contains("did not answer; "), "{error}");
    assert!(error.ends_with(" packets did not belong to the question"));
}

#[test]
fn answers_from_elsewhere_are_not_heard() {
    let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let name = socket.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let mut question = [0; 100];
        let (length, from) = socket.recv_from(&mut question).expect("a question");
        let answer = good(&question[..length], 3600 * SECOND);
        elsewhere.send_to(&answer, from).expect("a forgery");
        let answer = good(&question[..length], 0);
        socket.send_to(&answer, from).expect("an answer");
    });
    let document = run(json!({"drift": "1m", "servers": [name]}));
    server.join().expect("the server");
    assert_eq!(document["elements"]["iswithindrift"], true, "{document}");
}

#[test]
fn times_after_2036_are_understood() {
    // 2050-01-01 on the server.
    let ahead = 2_524_608_000 * SECOND - now();
    let server = Responder::ahead(ahead);
    let document = compare("1h", &[&server]);
    assert_eq!(document["foundanything"], true);
    let time = document["statistics"]["ntpstats"][0]["time"]
        .as_str()
        .unwrap();
    // The clock goes on meanwhile.
    assert!(time.starts_with("2050-01-01T00:0"), "{time}");
    let off = i128::from(drift(&document, 0)) + ahead;
    assert!(off.abs() <= tolerance(&document, 0).into(), "{document}");
}

#[test]
fn an_end_while_waiting_comes_soon_and_keeps_what_was_said() {
    let (silent, good) = (Responder::silent(), Responder::ahead(0));
    let attempt = || {
        let started = Instant::now();
        let parameters = json!({"drift": "1m", "servers": [silent.name(), good.name()]});
        let answer = FakeHost::new()
            .cancel_after(50)
            .run::<TimedriftModule>(parameters);
        (started.elapsed() < Duration::from_millis(4500)).then_some(answer)
    };
    // A silent server is given up after five seconds, and a machine that is busy
    // may take as long for as many questions whether the run shall end: then
    // nothing was shown, and it is tried again.
    let answer = (0..10).find_map(|_| attempt());
    let answer = answer.expect("an end before the server is given up");
    assert_eq!(answer.code, code::CANCELLED);
    let document = answer.document();
    assert_eq!(document["success"], false);
    let servers = &document["statistics"]["ntpstats"];
    assert_eq!(servers[0]["host"], silent.name(), "{document}");
    assert_eq!(servers[0]["reachable"], false);
    assert_eq!(servers[1]["host"], good.name());
    assert_eq!(servers[1]["reachable"], true);
    let said = format!(
        "ntp host {} had not answered when the run ended",
        silent.name()
    );
    assert!(errors(&document).contains(&said), "{document}");
    assert_eq!(answer.progress.last(), Some(&(1, 2)));
}

#[test]
fn a_name_that_cannot_be_resolved_is_an_error_of_that_server() {
    let server = Responder::ahead(0);
    // The resolver knows without asking anybody that there is no such zone.
    let name = "fe80::1%nowhere0";
    let document = run(json!({"drift": "1m", "servers": [name, server.name()]}));
    assert_eq!(document["success"], true);
    let start = format!("ntp host {name} cannot be resolved: ");
    assert!(errors(&document)[0].starts_with(&start), "{document}");
}

#[test]
fn a_name_with_several_addresses_is_one_server() {
    // `localhost` may be ::1 first, where nobody listens.
    let server = Responder::ahead(0);
    let name = format!("localhost:{}", server.port);
    let answer = attempt(json!({"drift": "1m", "servers": [name]}));
    let document = answer.document();
    assert_eq!(document["elements"]["iswithindrift"], true, "{document}");
}
