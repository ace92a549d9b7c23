//! Tables that change while they are read, that are large, and runs that end
//! early.

use super::doctored::{Machine, asks_tcp, done, errors, neighbour, tcp};
use crate::netlink::testing::message;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::json;

/// `NLM_F_DUMP_INTR` with the end.
fn interrupted() -> Vec<u8> {
    message(3, 0x12, 1, &[0; 4])
}

#[test]
fn a_table_that_changed_is_read_again() {
    let machine = Machine::new(|_, _, before| {
        let entry = neighbour([192, 0, 2, 5], [2, 0, 0, 0, 0, 5]);
        let end = if before < 2 { interrupted() } else { done() };
        Ok(vec![entry, end])
    });
    let document = machine.run(json!({"neighborip": ["192.0.2.0/24"]}));
    assert_eq!(document["statistics"]["totalhits"], 1);
    assert_eq!(document["statistics"]["examined"], 1);
    assert_eq!(errors(&document), Vec::<&str>::new());
}

#[test]
fn a_table_that_never_stops_changing_is_taken_with_a_warning() {
    let machine = Machine::new(|_, _, _| {
        let entry = neighbour([192, 0, 2, 5], [2, 0, 0, 0, 0, 5]);
        Ok(vec![entry, interrupted()])
    });
    let document = machine.run(json!({"neighborip": ["192.0.2.5"]}));
    assert_eq!(document["statistics"]["totalhits"], 1);
    let wanted = "namespace default: a table changed while it was read; entries may be missing \
                  or come twice";
    assert_eq!(errors(&document), [wanted]);
}

/// A kernel with so many sockets of TCP, on port 80 with peers in 10.0.0.0/8.
fn crowd(count: u32, last: Vec<u8>) -> Machine {
    Machine::new(move |kind, body, _| {
        if !asks_tcp(kind, body) {
            return Ok(vec![done()]);
        }
        let numbers: Vec<u32> = (0..count).collect();
        let mut datagrams: Vec<Vec<u8>> = numbers
            .chunks(300)
            .map(|chunk| {
                let one = |number: &u32| {
                    let [_, a, b, c] = number.to_be_bytes();
                    tcp(1, ([10, 0, 0, 1], 80), ([10, a, b, c], 1024), number + 1)
                };
                chunk.iter().flat_map(one).collect()
            })
            .collect();
        datagrams.push(last.clone());
        Ok(datagrams)
    })
}

#[test]
fn a_hundred_thousand_sockets_are_streamed() {
    let machine = crowd(100_000, done());
    for number in [1, 50_000, 100_000] {
        machine.link(&format!("77/fd/{number}"), format!("socket:[{number}]"));
    }
    machine.file("77/comm", "server\n");
    let answer = machine.attempt(&FakeHost::new(), json!({"connectedip": ["10.0.0.0/8"]}));
    assert_eq!(answer.code, code::OK, "{}", answer.message());
    // Not in the final result, which would need memory for all at once.
    assert_eq!(answer.elements.len(), 100_000);
    let result = answer.expect_result();
    assert!(result["elements"]["connectedip"]["10.0.0.0/8"].is_null());
    assert_eq!(result["statistics"]["totalhits"], 100_000);
    assert_eq!(result["statistics"]["ownersunknown"], 99_997);
    let owned = answer
        .elements
        .iter()
        .filter(|(_, element)| element["process"] == "server");
    assert_eq!(owned.count(), 3);
}

#[test]
fn a_large_table_that_changed_is_not_sent_twice() {
    let machine = crowd(40_000, interrupted());
    let document = machine.run(json!({"connectedip": ["10.0.0.0/8"]}));
    assert_eq!(document["statistics"]["totalhits"], 40_000);
    let said = errors(&document).join("\n");
    assert!(
        said.contains("a large table changed while it was read"),
        "{said}"
    );
}

#[test]
fn a_run_that_is_cancelled_says_what_it_found_until_then() {
    let machine = crowd(10_000, done());
    let host = FakeHost::new().cancel_after(20);
    let answer = machine.attempt(&host, json!({"connectedip": ["10.0.0.0/8"]}));
    assert_eq!(answer.code, code::CANCELLED);
    let document = answer.document();
    let hits = document["statistics"]["totalhits"].as_u64().unwrap();
    assert!((1..10_000).contains(&hits), "{hits}");
    assert_eq!(document["success"], false);
    assert_eq!(document["foundanything"], true);
    let found = document["elements"]["connectedip"]["10.0.0.0/8"].as_array();
    assert_eq!(found.map(|found| found.len() as u64), Some(hits));
}

#[test]
fn a_host_that_takes_no_more_ends_the_run() {
    let machine = crowd(10_000, done());
    let host = FakeHost::new().refuse_emit_after(10);
    let answer = machine.attempt(&host, json!({"connectedip": ["10.0.0.0/8"]}));
    assert_eq!(answer.code, code::LIMIT);
    assert_eq!(answer.elements.len(), 10);
}
