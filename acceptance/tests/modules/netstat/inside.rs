//! The agent and what it asks about are in the same network.

use super::stage;
use crate::setup::Machine;
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream, UdpSocket};

#[test]
fn interfaces_and_neighbours_of_both_generations_are_found() {
    if !stage::inside() {
        return;
    }
    stage::furnish();
    let machine = Machine::new();
    let parameters = json!({
        // Letters of any case for interfaces, the kernel's for neighbours.
        "localmac": ["^02:00:00:00:AA:0[12]$", "^8c"],
        "localip": ["192.0.2.1", "2001:DB8:AA:0::/64", "10.0.0.0/8"],
        "neighbormac": [":0[56]$", "^FF"],
        "neighborip": ["192.0.2.0/24", "2001:db8:aa::6"],
        "namespaces": false,
    });
    let document = machine.run("netstat", &parameters);
    let v4 = json!({"remotemacaddr": "02:00:00:00:00:05", "remoteaddr": "192.0.2.5",
        "namespace": "default"});
    let v6 = json!({"remotemacaddr": "02:00:00:00:00:06", "remoteaddr": "2001:db8:aa::6",
        "namespace": "default"});
    let elements = &document["elements"];
    let mut interfaces = elements["localmac"]["^02:00:00:00:AA:0[12]$"]
        .as_array()
        .cloned()
        .unwrap();
    interfaces.sort_by_key(Value::to_string);
    assert_eq!(
        interfaces,
        [
            json!({"localmacaddr": "02:00:00:00:aa:01"}),
            json!({"localmacaddr": "02:00:00:00:aa:02"}),
        ]
    );
    assert_eq!(
        elements["localip"],
        json!({"10.0.0.0/8": null, "192.0.2.1": [{"localaddr": "192.0.2.1"}],
            "2001:DB8:AA:0::/64": [{"localaddr": "2001:db8:aa::1"}]})
    );
    let mut neighbours = elements["neighbormac"][":0[56]$"]
        .as_array()
        .cloned()
        .unwrap();
    neighbours.sort_by_key(Value::to_string);
    assert_eq!(neighbours, [v4.clone(), v6.clone()]);
    assert_eq!(elements["neighbormac"]["^FF"], Value::Null);
    assert_eq!(
        elements["neighborip"],
        json!({"192.0.2.0/24": [v4], "2001:db8:aa::6": [v6]})
    );
    assert_eq!(document["statistics"]["totalhits"], 8);
    assert_eq!(document["errors"], Value::Null);

    let said = machine.mig(
        "netstat",
        &["-li", "192.0.2.0/24", "-ni", "192.0.2.5", "-nm", "^03"],
    );
    assert_eq!(said.code, 0, "{said:?}");
    let mut lines: Vec<&str> = said.stdout.lines().collect();
    lines.retain(|line| line.starts_with("found"));
    assert_eq!(
        lines,
        [
            "found neighbor IP 192.0.2.5 02:00:00:00:00:05 for netstat neighborIP:'192.0.2.5'",
            "found local ip 192.0.2.1 for netstat localip:'192.0.2.0/24'",
        ]
    );
}

/// An entry of a result as a test expects it.
fn socket(local: std::net::SocketAddr, state: &str, protocol: &str) -> Value {
    let program = std::fs::read_link("/proc/self/exe").expect("own program");
    json!({"localaddr": local.ip().to_canonical().to_string(), "localport": local.port(),
        "namespace": "default", "protocol": protocol, "state": state,
        "pid": std::process::id(), "process": program.to_str().expect("a text")})
}

#[test]
fn sockets_are_found_with_their_process() {
    if !stage::inside() {
        return;
    }
    stage::furnish();
    let listener = TcpListener::bind("[::]:0").expect("a listener");
    let at = listener.local_addr().expect("its address");
    let v4 = TcpStream::connect(("192.0.2.1", at.port())).expect("a connection");
    let (v4_end, _) = listener.accept().expect("its end");
    let v6 = TcpStream::connect(("2001:db8:aa::1", at.port())).expect("a connection");
    let (v6_end, _) = listener.accept().expect("its end");
    let udp = UdpSocket::bind("192.0.2.1:0").expect("a socket");
    let udp_at = udp.local_addr().expect("its address");

    let machine = Machine::new();
    let port = at.port().to_string();
    let udp_port = udp_at.port().to_string();
    let document = machine.run(
        "netstat",
        &json!({"listeningport": [port, udp_port], "onlylistening": true,
            "connectedip": ["192.0.2.0/24", "2001:db8:aa::1", "198.51.100.7"]}),
    );
    assert_eq!(document["errors"], Value::Null);
    let ports = &document["elements"]["listeningport"];
    assert_eq!(ports[&port], json!([socket(at, "listen", "tcp")]));
    assert_eq!(
        ports[&udp_port],
        json!([socket(udp_at, "unconnected", "udp")])
    );
    // Both ends of each connection; the one that was accepted over IPv4 by a
    // listener of IPv6 has a mapped peer.
    let peers = &document["elements"]["connectedip"];
    for (value, ends) in [
        ("192.0.2.0/24", [&v4, &v4_end]),
        ("2001:db8:aa::1", [&v6, &v6_end]),
    ] {
        let found = peers[value].as_array().cloned().unwrap_or_default();
        assert_eq!(found.len(), 2, "{value}: {found:?}");
        for end in ends {
            let mut wanted = socket(end.local_addr().unwrap(), "established", "tcp");
            let peer = end.peer_addr().unwrap();
            wanted["remoteaddr"] = json!(peer.ip().to_canonical().to_string());
            wanted["remoteport"] = json!(peer.port());
            assert!(found.contains(&wanted), "{wanted} in {found:?}");
        }
    }
    assert_eq!(peers["198.51.100.7"], Value::Null);

    // The original's question for a port has connections in its answer.
    let document = machine.run("netstat", &json!({"listeningport": [port]}));
    let found = document["elements"]["listeningport"][&port].as_array();
    assert_eq!(found.map(Vec::len), Some(3), "{document}");
    let printed = machine.printed("netstat", &json!({"listeningport": [port, "1"]}));
    let line = format!("found listening port {port} for netstat listeningport:'{port}'");
    let nothing = "did not find anything for netstat listeningport:'1'";
    assert_eq!(printed[..4], [nothing, &line, &line, &line]);
    assert!(
        printed[4].starts_with("Statistics: total hits 3 examined "),
        "{printed:?}"
    );
}

#[test]
fn many_sockets_need_several_answers_and_all_are_found() {
    if !stage::inside() {
        return;
    }
    stage::ip("link set lo up");
    let bind = |_| UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let sockets: Vec<UdpSocket> = (0..600).map(bind).collect();
    let document = Machine::new().run("netstat", &json!({"connectedip": ["0.0.0.0/0"]}));
    let found = document["elements"]["connectedip"]["0.0.0.0/0"]
        .as_array()
        .cloned();
    let mut found: Vec<u64> = found
        .into_iter()
        .flatten()
        .map(|element| element["localport"].as_u64().expect("a port"))
        .collect();
    found.sort_unstable();
    let port = |socket: &UdpSocket| u64::from(socket.local_addr().expect("its address").port());
    let mut wanted: Vec<u64> = sockets.iter().map(port).collect();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    assert_eq!(document["statistics"]["totalhits"], 600);
}

#[test]
fn in_privacy_mode_addresses_of_others_and_programs_are_masked() {
    if !stage::inside() {
        return;
    }
    stage::furnish();
    let listener = TcpListener::bind("192.0.2.1:0").expect("a listener");
    let at = listener.local_addr().expect("its address");
    let stream = TcpStream::connect(at).expect("a connection");
    let _end = listener.accept().expect("its end");
    let parameters = json!({"localmac": ["^02"], "neighborip": ["192.0.2.0/24"],
        "connectedip": ["192.0.2.0/24"], "localip": ["192.0.2.0/24"],
        "listeningport": [at.port().to_string()], "namespaces": false});
    let document = Machine::private().run("netstat", &parameters);
    assert_eq!(document["foundanything"], true);
    let elements = &document["elements"];
    assert_eq!(
        elements["localmac"]["^02"][0],
        json!({"localmacaddr": "masked"})
    );
    assert_eq!(
        elements["neighborip"]["192.0.2.0/24"],
        json!([{"remotemacaddr": "masked", "remoteaddr": "masked", "namespace": "default"}])
    );
    let peers = elements["connectedip"]["192.0.2.0/24"]
        .as_array()
        .expect("both ends");
    assert_eq!(peers.len(), 2);
    let local = stream.local_addr().expect("its address").port();
    let mine = peers.iter().find(|peer| peer["localport"] == local);
    let wanted = json!({"localaddr": "192.0.2.1", "localport": local, "remoteaddr": "masked",
        "remoteport": at.port(), "namespace": "default", "protocol": "tcp",
        "state": "established", "pid": std::process::id(), "process": "masked"});
    assert_eq!(mine, Some(&wanted));
    let text = document.to_string();
    for secret in [
        "02:00:00:00",
        "192.0.2.5",
        std::env::current_exe().unwrap().to_str().unwrap(),
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
