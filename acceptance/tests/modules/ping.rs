//! The `ping` module.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mig_acceptance::Configuration;
use serde_json::{Value, json};

use crate::namespaces::apart;
use crate::setup::{Machine, fed};

/// A pair of interfaces in a network of its own. Packets to 192.0.2.9 and
/// 2001:db8::9 leave and are never answered; two networks are known to be out
/// of reach. The kernel gets around to a new address of IPv6 when it likes.
const SILENCE: &str = "ip link set lo up
ip link add here type veth peer name there
ip addr add 192.0.2.1/24 dev here
ip -6 addr add 2001:db8::1/64 dev here nodad
ip link set here up
ip link set there up
turns=0
until ip -6 route get 2001:db8::9 2>&1 | grep -q 'src 2001:db8::1 '; do
    turns=$((turns + 1))
    [ $turns -lt 10000 ]
done
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:99 dev here
ip -6 neigh add 2001:db8::9 lladdr 02:00:00:00:00:99 dev here
ip route add unreachable 198.51.100.0/24
ip -6 route add unreachable 2001:db8:1::/64";

/// A router in a second network, which says that 203.0.113.0/24 and
/// 2001:db8:2::/64 are out of reach. It goes with the program that asks.
const ROUTER: &str = "ip link set lo up
ip link add here type veth peer name there
unshare --net setpriv --pdeathsig KILL sleep 600 <&- >&- 2>&- &
router=$!
turns=0
while [ \"$(readlink /proc/$router/ns/net)\" = \"$(readlink /proc/$$/ns/net)\" ]; do
    turns=$((turns + 1))
    [ $turns -lt 100000 ]
done
ip link set there netns $router
ip addr add 192.0.2.1/24 dev here
ip -6 addr add 2001:db8::1/64 dev here nodad
ip link set here up
nsenter -t $router -n sh -ec '
    echo 1 > /proc/sys/net/ipv4/ip_forward
    echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
    echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
    echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
    ip addr add 192.0.2.254/24 dev there
    ip -6 addr add 2001:db8::254/64 dev there nodad
    ip link set there up
    ip route add unreachable 203.0.113.0/24
    ip -6 route add unreachable 2001:db8:2::/64'
turns=0
until ip -6 route get 2001:db8::254 2>&1 | grep -q 'src 2001:db8::1 '; do
    turns=$((turns + 1))
    [ $turns -lt 10000 ]
done
ip route add 203.0.113.0/24 via 192.0.2.254
ip -6 route add 2001:db8:2::/64 via 2001:db8::254";

fn question(protocol: &str, destination: &str, port: u16) -> Value {
    json!({"destination": destination, "protocol": protocol, "destinationport": port,
        "count": 1, "timeout": 1})
}

/// A question that is answered, however long a busy machine keeps the answer back.
fn patient(protocol: &str, destination: &str, port: u16) -> Value {
    let mut question = question(protocol, destination, port);
    question["timeout"] = json!(60);
    question
}

/// Runs the module in a network of its own; `None` when that is not allowed.
fn run_apart(machine: &Machine, setup: &str, parameters: &Value) -> Option<Value> {
    let message = json!({"class": "parameters", "parameters": parameters}).to_string();
    let mut call = apart(&["--net"], setup, &machine.agent("ping"))?;
    let said = fed(&mut call, &message);
    let document = serde_json::from_str(&said.stdout);
    Some(document.unwrap_or_else(|error| panic!("{error}: {said:?}")))
}

#[track_caller]
fn latency(document: &Value) -> f64 {
    let latency = document["elements"]["latencies"][0].as_f64();
    latency.unwrap_or_else(|| panic!("no latency: {document}"))
}

#[test]
fn loopback_answers_tcp_and_udp() {
    let machine = Machine::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let document = machine.run("ping", &patient("tcp", "localhost", port));
    // `localhost` may be ::1 first, where nobody listens: a measurement too.
    let value = latency(&document);
    assert!(
        value == -1.0 || (value > 0.0 && value < 60_000.0),
        "{document}"
    );
    let document = machine.run("ping", &patient("tcp", "127.0.0.1", port));
    assert!(latency(&document) > 0.0, "{document}");
    assert_eq!(document["foundanything"], true);
    assert_eq!(document["success"], true);

    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = socket.local_addr().expect("an address").port();
    let document = machine.run("ping", &question("udp", "127.0.0.1", port));
    assert_eq!(latency(&document), 9_999_999.0, "{document}");
    assert_eq!(document["foundanything"], true);
    // Connected to somebody else, it keeps the port and refuses us.
    socket.connect("127.0.0.1:9").expect("another address");
    let document = machine.run("ping", &patient("udp", "127.0.0.1", port));
    assert_eq!(latency(&document), -1.0, "{document}");

    // Bound without listening, this one refuses too.
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname};
    let flags = SockFlag::SOCK_CLOEXEC;
    let closed = nix::sys::socket::socket(AddressFamily::Inet, SockType::Stream, flags, None);
    let closed = closed.expect("a socket");
    bind(closed.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).expect("a port");
    let address: SockaddrIn = getsockname(closed.as_raw_fd()).expect("an address");
    let document = machine.run("ping", &patient("tcp", "127.0.0.1", address.port()));
    assert_eq!(latency(&document), -1.0, "{document}");
    assert_eq!(document["success"], true);
}

#[test]
fn this_machine_answers_echo_requests_or_the_missing_right_is_named() {
    let machine = Machine::new();
    for destination in ["127.0.0.1", "::1"] {
        if TcpListener::bind((destination, 0)).is_err() {
            return mig_testkit::skip("there is no ::1 here");
        }
        let parameters = patient("icmp", destination, 0);
        let message = json!({"class": "parameters", "parameters": parameters}).to_string();
        let said = fed(&mut machine.agent("ping"), &message);
        let document: Value = serde_json::from_str(&said.stdout).expect("a document");
        assert_eq!(
            document["elements"]["resolvedhost"],
            format!("{destination} ({destination})")
        );
        if document["success"] == false {
            assert!(!mig_testkit::is_root(), "{document}");
            let error = document["errors"][0].as_str().unwrap_or_default();
            assert!(error.contains("CAP_NET_RAW"), "{document}");
            assert!(error.contains("net.ipv4.ping_group_range"), "{document}");
        } else {
            let latency = latency(&document);
            assert!(latency > 0.0 && latency < 60_000.0, "{document}");
        }
    }
}

#[test]
fn the_command_line_prints_what_the_original_did() {
    let machine = Machine::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    // After an option of the module, -p, -c and -t are the module's.
    let words = [
        "-d",
        "127.0.0.1",
        "-dp",
        &port,
        "-p",
        "tcp",
        "-c",
        "2",
        "-t=60",
    ];
    let said = machine.mig("ping", &words);
    assert_eq!(said.code, 0, "{said:?}");
    let wanted =
        format!("tcp ping of 127.0.0.1:{port} (127.0.0.1) succeeded. Target is reachable.");
    assert!(said.stdout.contains(&wanted), "{said:?}");

    let parameters = patient("tcp", "127.0.0.1", listener.local_addr().unwrap().port());
    let lines = machine.printed("ping", &parameters);
    assert_eq!(lines[0], wanted);
    assert!(lines[1].starts_with("ping #1 succeeded in "), "{lines:?}");

    let said = machine.mig("ping", &["-d", "127.0.0.1", "-p", "sctp"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("`sctp` is none of icmp, tcp and udp"));
}

#[test]
fn privacy_mode_hides_addresses() {
    let machine = Machine::private();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let document = machine.run("ping", &patient("tcp", "127.0.0.1", port));
    assert_eq!(document["elements"]["resolvedhost"], "masked");
    assert_eq!(document["elements"]["protocol"], "tcp");
    assert!(latency(&document) > 0.0, "{document}");
    assert!(!document.to_string().contains("127.0.0.1"), "{document}");
}

#[test]
fn silence_is_a_timeout_and_a_missing_way_unreachable() {
    let machine = Machine::new();
    for (destination, wanted) in [
        ("192.0.2.9", 9_999_999.0),
        ("2001:db8::9", 9_999_999.0),
        ("198.51.100.1", -1.0),
        ("2001:db8:1::1", -1.0),
    ] {
        for protocol in ["icmp", "tcp", "udp"] {
            let parameters = question(protocol, destination, 7);
            let Some(document) = run_apart(&machine, SILENCE, &parameters) else {
                return mig_testkit::skip("no network namespaces here");
            };
            assert_eq!(latency(&document), wanted, "{parameters}: {document}");
            let maybe = protocol == "udp" && wanted > 0.0;
            assert_eq!(document["foundanything"], maybe, "{document}");
            assert_eq!(document["elements"]["failures"], json!(null));
            assert_eq!(document["success"], true);
        }
    }
}

#[test]
fn routers_that_know_no_way_are_believed() {
    let machine = Machine::new();
    // With raw sockets, and with those that everybody may have.
    let everybody = format!("echo 0 0 > /proc/sys/net/ipv4/ping_group_range\n{ROUTER}");
    for setup in [ROUTER, &everybody] {
        for destination in ["203.0.113.5", "2001:db8:2::5"] {
            for protocol in ["icmp", "tcp", "udp"] {
                let mut parameters = question(protocol, destination, 7);
                // The first packet may be lost while the ways are found.
                parameters["count"] = json!(3);
                parameters["timeout"] = json!(3);
                let Some(document) = run_apart(&machine, setup, &parameters) else {
                    return mig_testkit::skip("no network namespaces here");
                };
                let latencies = document["elements"]["latencies"].as_array();
                let latencies = latencies.unwrap_or_else(|| panic!("{document}"));
                // So may others on a machine that is busy.
                assert!(latencies.contains(&json!(-1)), "{parameters}: {document}");
            }
        }
    }
}

#[test]
fn echo_requests_need_no_root_where_everybody_may_send_them() {
    // No capability at all, but the right group.
    let machine = Machine::new();
    let setup = "ip link set lo up
echo 0 0 > /proc/sys/net/ipv4/ping_group_range
set -- setpriv --bounding-set=-all --inh-caps=-all \"$@\"";
    for destination in ["127.0.0.1", "::1"] {
        let parameters = patient("icmp", destination, 0);
        let Some(document) = run_apart(&machine, setup, &parameters) else {
            return mig_testkit::skip("no network namespaces here");
        };
        assert!(latency(&document) > 0.0, "{document}");
        assert_eq!(document["foundanything"], true);
    }
}

#[test]
fn a_run_that_takes_too_long_keeps_what_it_measured() {
    let machine = Machine::with(Configuration::default().set("agent", "moduletimeout", "20s"));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = socket.local_addr().expect("an address").port();
    let mut parameters = question("udp", "127.0.0.1", port);
    parameters["count"] = json!(1000);
    let message = json!({"class": "parameters", "parameters": parameters}).to_string();
    let started = Instant::now();
    let said = fed(&mut machine.agent("ping"), &message);
    assert!(started.elapsed() < Duration::from_secs(300));
    let document: Value = serde_json::from_str(&said.stdout).expect("a document");
    assert_eq!(document["success"], false, "{document}");
    let latencies = document["elements"]["latencies"].as_array();
    let latencies = latencies.unwrap_or_else(|| panic!("{document}"));
    assert!((1..=19).contains(&latencies.len()), "{document}");
    assert!(latencies.iter().all(|latency| *latency == 9_999_999));
    assert_eq!(document["foundanything"], true);
    assert!(document["errors"][0].is_string(), "{document}");
}

#[test]
fn a_destination_that_does_not_resolve_is_named() {
    let machine = Machine::new();
    // The resolver knows without asking anybody that there is no such zone.
    let parameters = question("tcp", "fe80::1%nowhere0", 80);
    let message = json!({"class": "parameters", "parameters": parameters}).to_string();
    let said = fed(&mut machine.agent("ping"), &message);
    let document: Value = serde_json::from_str(&said.stdout).expect("a document");
    let error = document["errors"][0].as_str().unwrap_or_default();
    let wanted = "destination `fe80::1%nowhere0` cannot be resolved on this endpoint: ";
    assert!(error.contains(wanted), "{document}");
    // The client accepts it: names are the endpoint's business.
    let said = machine.mig("ping", &["-d", "nowhere.invalid", "-c=0.5", "-p", "icmpv6"]);
    assert!(!said.stderr.contains("nowhere.invalid"), "{said:?}");
}
