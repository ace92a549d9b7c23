//! Sockets that the test makes, in the network namespace where it runs.

use crate::support::{found, run};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// Whether this machine has IPv6; without it a test about it is skipped.
fn has_ipv6() -> bool {
    if UdpSocket::bind("[::1]:0").is_ok() {
        return true;
    }
    mig_testkit::skip("the loopback interface has no IPv6 address");
    false
}

fn asked(parameters: Value, kind: &str, value: &str) -> Vec<Value> {
    found(&run(parameters), kind, value)
}

/// The own sockets of this protocol at this address. Whatever else runs on the
/// machine, other tests of this program too, may use the same number for another
/// protocol or address.
fn by_port(protocol: &str, at: SocketAddr, only: bool) -> Vec<Value> {
    let port = at.port().to_string();
    let parameters = json!({"listeningport": [port], "onlylistening": only});
    let mut found = asked(parameters, "listeningport", &port);
    found.retain(|element| {
        element["pid"] == std::process::id()
            && element["protocol"] == protocol
            && element["localaddr"] == at.ip().to_string()
    });
    found
}

/// The socket with these ends among those found for its remote address.
fn by_peer(local: SocketAddr, remote: SocketAddr) -> Value {
    let ip = remote.ip().to_canonical().to_string();
    let found = asked(json!({"connectedip": [ip]}), "connectedip", &ip);
    let same = |element: &&Value| {
        element["localport"] == local.port() && element["remoteport"] == remote.port()
    };
    found
        .iter()
        .find(same)
        .cloned()
        .unwrap_or_else(|| panic!("{local} {remote}: {found:?}"))
}

fn own_program() -> String {
    let program = std::fs::read_link("/proc/self/exe").expect("the own program");
    program.to_str().expect("a UTF-8 path").to_owned()
}

#[test]
fn a_listening_port_is_found_with_its_process() {
    // Nobody else takes this one once it is free again.
    let port = mig_testkit::free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a listener");
    let address = listener.local_addr().expect("its address");
    let wanted = json!([{"localaddr": "127.0.0.1", "localport": address.port(), "namespace": "default",
        "protocol": "tcp", "state": "listen", "pid": std::process::id(),
        "process": own_program()}]);
    assert_eq!(json!(by_port("tcp", address, false)), wanted);
    drop(listener);
    assert_eq!(by_port("tcp", address, false), Vec::<Value>::new());
}

#[test]
fn a_port_has_connections_too_unless_only_listening_ones_are_wanted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address");
    let _client = TcpStream::connect(address).expect("a connection");
    let _server = listener.accept().expect("the other end");
    let states = |only: bool| {
        let found = by_port("tcp", address, only);
        let mut states: Vec<String> = found
            .iter()
            .map(|element| element["state"].as_str().expect("a state").to_owned())
            .collect();
        states.sort();
        states
    };
    assert_eq!(states(false), ["established", "listen"]);
    assert_eq!(states(true), ["listen"]);
}

#[test]
fn both_ends_of_a_connection_are_found_by_their_peer() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let server = listener.local_addr().expect("its address");
    let stream = TcpStream::connect(server).expect("a connection");
    let client = stream.local_addr().expect("its address");
    let _accepted = listener.accept().expect("the other end");
    let wanted = json!({"localaddr": "127.0.0.1", "localport": client.port(),
        "remoteaddr": "127.0.0.1", "remoteport": server.port(), "namespace": "default",
        "protocol": "tcp", "state": "established", "pid": std::process::id(),
        "process": own_program()});
    assert_eq!(by_peer(client, server).to_string(), wanted.to_string());
    assert_eq!(by_peer(server, client)["state"], "established");
}

#[test]
fn listening_sockets_have_the_peer_zero_unless_only_connected_ones_are_wanted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    for (only, count) in [(false, 1), (true, 0)] {
        let parameters = json!({"connectedip": ["0.0.0.0/0"], "onlyconnected": only});
        let found = asked(parameters, "connectedip", "0.0.0.0/0");
        let mine = found
            .iter()
            .filter(|element| element["localport"] == port && element["pid"] == std::process::id())
            .filter(|element| element["protocol"] == "tcp" && element["localaddr"] == "127.0.0.1");
        let mine: Vec<&Value> = mine.collect();
        assert_eq!(mine.len(), count, "{found:?}");
        for element in mine {
            assert_eq!(element["remoteaddr"], "0.0.0.0");
            assert_eq!(element["remoteport"], Value::Null);
        }
    }
}

#[test]
fn datagram_sockets_are_found_with_and_without_a_peer() {
    let waiting = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let waiting_at = waiting.local_addr().expect("its address");
    let talking = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let talking_at = talking.local_addr().expect("its address");
    talking.connect(waiting_at).expect("a peer");
    let states: Vec<Value> = by_port("udp", waiting_at, true)
        .iter()
        .map(|element| json!([element["protocol"], element["state"]]))
        .collect();
    assert_eq!(states, [json!(["udp", "unconnected"])]);
    assert_eq!(by_port("udp", talking_at, true), Vec::<Value>::new());
    let peer = by_peer(talking_at, waiting_at);
    assert_eq!(
        (&peer["protocol"], &peer["state"]),
        (&json!("udp"), &json!("established"))
    );
}

#[test]
fn ipv6_sockets_are_found() {
    if !has_ipv6() {
        return;
    }
    let listener = TcpListener::bind("[::1]:0").expect("a listener");
    let server = listener.local_addr().expect("its address");
    let stream = TcpStream::connect(server).expect("a connection");
    let client = stream.local_addr().expect("its address");
    let peer = by_peer(client, server);
    assert_eq!(
        (&peer["localaddr"], &peer["remoteaddr"]),
        (&json!("::1"), &json!("::1"))
    );
    // Another way to write the address asks the same.
    let long = "0:0:0:0:0:0:0:1/128";
    let found = asked(json!({"connectedip": [long]}), "connectedip", long);
    assert!(
        found
            .iter()
            .any(|element| element["localport"] == client.port()),
        "{found:?}"
    );
    assert_eq!(by_port("tcp", server, true).len(), 1);
}

#[test]
fn mapped_peers_are_ipv4() {
    if !has_ipv6() {
        return;
    }
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return mig_testkit::skip("IPv6 sockets of this machine take no IPv4 connections");
    };
    let client = stream.local_addr().expect("its address");
    let (accepted, _) = listener.accept().expect("the other end");
    let server = accepted.local_addr().expect("its address");
    assert!(
        matches!(server.ip(), IpAddr::V6(_)),
        "a mapped address in the socket"
    );
    let element = by_peer(server, client);
    assert_eq!(element["localaddr"], "127.0.0.1");
    assert_eq!(element["remoteaddr"], "127.0.0.1");
    // Not when IPv6 is asked for.
    let found = asked(json!({"connectedip": ["::/0"]}), "connectedip", "::/0");
    assert!(
        found
            .iter()
            .all(|element| element["remoteport"] != client.port()
                || element["localport"] != server.port()),
        "{found:?}"
    );
}

#[test]
fn a_connection_nobody_has_open_any_more_has_no_process() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let server = listener.local_addr().expect("its address");
    let stream = TcpStream::connect(server).expect("a connection");
    let client = stream.local_addr().expect("its address");
    let (accepted, _) = listener.accept().expect("the other end");
    // The end that closes first keeps the pair of ends for a minute.
    drop(stream);
    drop(accepted);
    // On a busy machine the two ends may still be taking leave.
    mig_testkit::wait_until("the end", Duration::from_secs(30), || {
        let element = by_peer(client, server);
        assert_eq!(element["pid"], Value::Null);
        ["time-wait", "fin-wait-2"]
            .iter()
            .any(|state| element["state"] == *state)
    });
}
