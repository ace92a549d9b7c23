//! Echo requests, with the rights that the test has.

use crate::support::{attempt, is_answered, latencies, ping};
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::Answer;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use serde_json::json;

/// Whether this process may send echo requests at all.
fn permitted(family: AddressFamily, protocol: SockProtocol) -> bool {
    [SockType::Datagram, SockType::Raw]
        .into_iter()
        .any(|kind| socket(family, kind, SockFlag::empty(), protocol).is_ok())
}

fn checked(answer: &Answer, permitted: bool, address: &str) {
    let document = answer.document();
    let host = format!("{address} ({address})");
    assert_eq!(document["elements"]["resolvedhost"], host);
    if permitted {
        answer.expect_result();
        let latencies = latencies(&document);
        assert_eq!(latencies.len(), 2, "{document}");
        for latency in latencies {
            assert!(is_answered(latency), "{document}");
        }
        assert_eq!(document["foundanything"], true);
    } else {
        assert_eq!(answer.code, code::PERMISSION);
        for right in ["CAP_NET_RAW", "net.ipv4.ping_group_range"] {
            assert!(answer.message().contains(right), "{}", answer.message());
        }
        assert_eq!(document["foundanything"], false);
        assert_eq!(document["success"], false);
        assert_eq!(document["elements"]["latencies"], json!(null));
    }
}

#[test]
fn this_machine_answers_itself_or_the_missing_right_is_named() {
    let mut parameters = ping("icmp", "127.0.0.1", 0);
    parameters["count"] = json!(2);
    // The port of a command line without one.
    parameters["destinationport"] = json!(-1);
    let may = permitted(AddressFamily::Inet, SockProtocol::Icmp);
    checked(&attempt(parameters), may, "127.0.0.1");
}

#[test]
fn so_it_does_through_ipv6() {
    if crate::support::listener("::1").is_none() {
        return mig_testkit::skip("there is no ::1 here");
    }
    let mut parameters = ping("icmp", "::1", 0);
    parameters["count"] = json!(2);
    let may = permitted(AddressFamily::Inet6, SockProtocol::IcmpV6);
    checked(&attempt(parameters), may, "::1");
}

#[test]
fn pings_at_the_same_time_do_not_take_each_others_answers() {
    if !permitted(AddressFamily::Inet, SockProtocol::Icmp) {
        return mig_testkit::skip("echo requests need CAP_NET_RAW or ping_group_range");
    }
    // All in one process, so with the same identifier and the same sequence.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let document = attempt(ping("icmp", "127.0.0.1", 0)).document();
                let latency = latencies(&document)[0];
                assert!(is_answered(latency), "{document}");
            });
        }
    });
}
