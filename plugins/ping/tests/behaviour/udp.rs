//! Datagrams.

use crate::support::{datagrams, is_answered, latencies, ping, run};
use serde_json::json;
use std::time::{Duration, Instant};

/// Answers the first question on a socket with these bytes.
fn answer_once(socket: std::net::UdpSocket, answer: Vec<u8>) -> std::thread::JoinHandle<Vec<u8>> {
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 100];
        let (length, from) = socket.recv_from(&mut question).expect("a question");
        socket.send_to(&answer, from).expect("an answer");
        question[..length].to_vec()
    })
}

#[test]
fn any_answer_counts() {
    for address in ["127.0.0.1", "::1"] {
        for answer in [Vec::new(), b"pong".to_vec(), vec![7; 60_000]] {
            let Some((socket, port)) = datagrams(address) else {
                return mig_testkit::skip("there is no ::1 here");
            };
            let server = answer_once(socket, answer);
            let document = run(ping("udp", address, port));
            assert!(is_answered(latencies(&document)[0]), "{document}");
            assert_eq!(document["foundanything"], true);
            let question = server.join().expect("the server");
            assert_eq!(question.len(), 15);
        }
    }
}

#[test]
fn silence_may_mean_that_it_is_open() {
    let (_socket, port) = datagrams("127.0.0.1").expect("a socket");
    let mut parameters = ping("udp", "127.0.0.1", port);
    parameters["timeout"] = json!(1);
    let started = Instant::now();
    let document = run(parameters);
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(document["elements"]["latencies"], json!([9_999_999]));
    assert_eq!(document["foundanything"], true);
}

#[test]
fn a_port_that_is_not_there_refuses() {
    for address in ["127.0.0.1", "::1"] {
        let Some((socket, port)) = datagrams(address) else {
            return mig_testkit::skip("there is no ::1 here");
        };
        // Connected to somebody else, it keeps the port and refuses us.
        socket.connect((address, 9)).expect("another address");
        let document = run(ping("udp", address, port));
        assert_eq!(document["elements"]["latencies"], json!([-1]), "{address}");
        assert_eq!(document["foundanything"], false);
        assert_eq!(document["success"], true);
    }
}

#[test]
fn datagrams_from_elsewhere_are_no_answer() {
    let (socket, port) = datagrams("127.0.0.1").expect("a socket");
    let (elsewhere, _) = datagrams("127.0.0.1").expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let server = std::thread::spawn(move || {
        let mut question = [0; 100];
        let (_, from) = socket.recv_from(&mut question).expect("a question");
        for _ in 0..1000 {
            // Its socket may be gone by now.
            let _ = elsewhere.send_to(b"forged", from);
        }
        socket
    });
    let mut parameters = ping("udp", "127.0.0.1", port);
    parameters["timeout"] = json!(1);
    let document = run(parameters);
    assert_eq!(document["elements"]["latencies"], json!([9_999_999]));
    server.join().expect("the server");
}
