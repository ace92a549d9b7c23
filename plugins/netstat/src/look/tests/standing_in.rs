//! `/proc` where netlink does not tell.

use super::doctored::{self, Machine, asks_tcp, done, errors, tcp};
use crate::look::System;
use serde_json::{Value, json};
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};

const HEADINGS: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";
const ARP: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
192.0.2.5        0x1         0x6         02:00:00:00:00:05     *        eth0
192.0.2.6        0x1         0x0         00:00:00:00:00:00     *        eth0
";
const TRIE: &str = "\
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
";

/// A line of a table of sockets for 127.0.0.1.
fn line(port: u16, remote: &str, state: u8, inode: u64) -> String {
    let loopback = format!("{:08X}", u32::from_ne_bytes([127, 0, 0, 1]));
    format!(
        "   0: {loopback}:{port:04X} {remote} {state:02X} 00000000:00000000 00:00000000 00000000 \
             0        0 {inode} 1 0000000000000000\n"
    )
}

fn table(lines: &[String]) -> String {
    format!("{HEADINGS}{}", lines.concat())
}

#[test]
fn what_netlink_refuses_is_read_from_the_tables() {
    let machine = Machine::refusing();
    let none = "00000000:0000";
    let tcp = table(&[line(22, none, 10, 7), line(22, none, 6, 0)]);
    machine.file("self/net/tcp", &tcp);
    machine.file("self/net/udp", &table(&[line(53, none, 7, 8)]));
    // No table of UDP-Lite: the kernel has none. Nor has it IPv6.
    machine.file("self/net/arp", ARP);
    machine.file("self/net/fib_trie", TRIE);
    machine.link("42/fd/3", "socket:[7]");
    machine.link("42/exe", "/usr/sbin/sshd");
    let document = machine.run(json!({
        "localip": ["127.0.0.0/8"], "neighbormac": [":05$"], "neighborip": ["192.0.2.6"],
        "connectedip": ["10.0.0.0/8"], "listeningport": ["22", "53"],
    }));
    let elements = json!({
        "localip": {"127.0.0.0/8": [{"localaddr": "127.0.0.1"}]},
        "neighbormac": {":05$": [{"remotemacaddr": "02:00:00:00:00:05",
            "remoteaddr": "192.0.2.5", "namespace": "default"}]},
        "neighborip": {"192.0.2.6": [{"remotemacaddr": "00:00:00:00:00:00",
            "remoteaddr": "192.0.2.6", "namespace": "default"}]},
        "connectedip": {"10.0.0.0/8": null},
        "listeningport": {
            "22": [
                {"localaddr": "127.0.0.1", "localport": 22, "namespace": "default",
                    "protocol": "tcp", "state": "listen", "pid": 42, "process": "/usr/sbin/sshd"},
                {"localaddr": "127.0.0.1", "localport": 22, "namespace": "default",
                    "protocol": "tcp", "state": "time-wait"},
            ],
            "53": [{"localaddr": "127.0.0.1", "localport": 53, "namespace": "default",
                "protocol": "udp", "state": "unconnected"}],
        },
    });
    assert_eq!(document["elements"], elements);
    let statistics = &document["statistics"];
    assert_eq!(
        (&statistics["totalhits"], &statistics["examined"]),
        (&json!(6), &json!(6))
    );
    assert_eq!(
        statistics["ownersunknown"], 1,
        "one has no process any more, one is hidden"
    );
    // The only thing that nobody tells.
    let refused = "Operation not permitted (os error 1)";
    let wanted = format!("namespace default: IPv6 neighbours cannot be read: {refused}");
    assert_eq!(errors(&document), [wanted]);
    assert_eq!(
        (&document["success"], &document["foundanything"]),
        (&json!(true), &json!(true))
    );
}

#[test]
fn a_kernel_without_a_protocol_has_no_sockets_of_it() {
    // It says so with the end of the dump.
    let machine = Machine::new(|kind, body, _| {
        Ok(if asks_tcp(kind, body) {
            vec![tcp(10, ([0; 4], 22), ([0; 4], 0), 7), done()]
        } else {
            let code = (-libc::ENOENT).to_ne_bytes();
            vec![crate::netlink::testing::message(3, 2, 1, &code)]
        })
    });
    machine.file("self/net/udp", HEADINGS);
    let document = machine.run(json!({"listeningport": ["22"]}));
    assert_eq!(errors(&document), Vec::<&str>::new());
    assert_eq!(document["statistics"]["totalhits"], 1);
}

#[test]
fn what_nobody_tells_is_one_line_each_and_the_rest_goes_on() {
    let machine = Machine::refusing();
    machine.file("self/net/arp", ARP);
    let document = machine.run(json!({
        "localmac": ["."], "localip": ["::1"], "neighborip": ["0.0.0.0/0"],
        "connectedip": ["::/0"],
    }));
    let refused = "Operation not permitted (os error 1)";
    let missing = "No such file or directory (os error 2)";
    let wanted = [
        format!("namespace default: hardware addresses of interfaces cannot be read: {refused}"),
        format!("namespace default: IPv4 addresses cannot be read: {refused}; {missing}"),
        format!("namespace default: IPv6 neighbours cannot be read: {refused}"),
        format!("namespace default: sockets (tcp, udp) cannot be read: {refused}; tcp: {missing}"),
    ];
    assert_eq!(errors(&document), wanted);
    assert_eq!(document["success"], true);
    let found = document["elements"]["neighborip"]["0.0.0.0/0"].as_array();
    assert_eq!(found.map(Vec::len), Some(2));
    assert!(document["elements"]["connectedip"]["::/0"].is_null());
}

#[test]
fn damaged_lines_are_counted_and_the_others_read() {
    let machine = Machine::refusing();
    let none = "00000000:0000";
    let lines = [
        line(22, none, 10, 7),
        "garbage\n".into(),
        "\u{7f}\n".into(),
        line(23, none, 10, 8),
    ];
    machine.file("self/net/tcp", &table(&lines));
    machine.file("self/net/udp", HEADINGS);
    machine.file("self/net/arp", &format!("{ARP}192.0.2.9 0x1\n"));
    let asked = json!({"listeningport": ["22", "23"], "neighborip": ["192.0.2.5"]});
    let document = machine.run(asked);
    assert_eq!(document["statistics"]["totalhits"], 3);
    let said = errors(&document).join("\n");
    assert!(
        said.contains("IPv4 neighbours: 1 damaged lines were left out"),
        "{said}"
    );
    assert!(
        said.contains("sockets (tcp) cannot be read: 2 damaged lines"),
        "{said}"
    );
}

#[test]
fn an_answer_that_breaks_off_is_replaced_by_the_table() {
    let machine = Machine::new(|kind, body, _| {
        Ok(if asks_tcp(kind, body) {
            let mut cut = tcp(10, ([127, 0, 0, 1], 23), ([0; 4], 0), 8);
            cut.truncate(40);
            vec![tcp(10, ([127, 0, 0, 1], 22), ([0; 4], 0), 7), cut]
        } else {
            vec![done()]
        })
    });
    let none = "00000000:0000";
    let lines = [line(22, none, 10, 7), line(23, none, 10, 8)];
    machine.file("self/net/tcp", &table(&lines));
    let document = machine.run(json!({"listeningport": ["22", "23"]}));
    // Nothing twice, nothing missing, nothing to complain about.
    assert_eq!(document["statistics"]["totalhits"], 2);
    assert_eq!(document["statistics"]["examined"], 2);
    assert_eq!(errors(&document), Vec::<&str>::new());
    // Without the table it is an error, and the part is not passed off as all.
    std::fs::remove_file(machine.proc().join("self/net/tcp")).unwrap();
    let document = machine.run(json!({"listeningport": ["22", "23"]}));
    assert_eq!(document["statistics"]["totalhits"], 0);
    let said = errors(&document).join("\n");
    assert!(
        said.contains("sockets (tcp) cannot be read: damaged answer"),
        "{said}"
    );
}

#[test]
fn no_sockets_at_all_are_refused_by_a_socket_that_cannot_be_made() {
    let machine = Machine::new(|_, _, _| Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT)));
    let document = machine.run(json!({"connectedip": ["10.0.0.1"], "localmac": ["^8c"]}));
    assert_eq!(errors(&document).len(), 2);
    assert_eq!(document["foundanything"], false);
}

#[test]
fn the_tables_of_this_machine_say_what_netlink_says() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let server = listener.local_addr().expect("its address");
    let client = TcpStream::connect(server).expect("a connection");
    let _end = listener.accept().expect("the other end");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    udp.connect(server).expect("a peer");
    // IPv6 where there is some.
    let v6 = TcpListener::bind("[::1]:0").ok();
    let mut ports = vec![
        server.port(),
        client.local_addr().expect("its address").port(),
        udp.local_addr().expect("its address").port(),
    ];
    ports.extend(
        v6.as_ref()
            .map(|v6| v6.local_addr().expect("its address").port()),
    );
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let parameters = json!({"listeningport": ports, "localip": ["127.0.0.1", "::1"]});
    let own = json!(std::process::id());
    let refusing = System {
        open: &|_| Err(io::ErrorKind::PermissionDenied.into()),
        ..System::real()
    };
    let [netlink, tables] = [System::real(), refusing].map(|system| {
        let document = doctored::run_on(system, parameters.clone());
        assert_eq!(errors(&document), Vec::<&str>::new());
        let mut elements = document["elements"].clone();
        for found in elements["listeningport"]
            .as_object_mut()
            .expect("ports")
            .values_mut()
        {
            let found = found.as_array_mut().expect("sockets");
            // Those of others with these numbers come and go between the two looks.
            found.retain(|socket| socket["pid"] == own);
            found.sort_by_key(Value::to_string);
        }
        elements
    });
    assert_eq!(netlink, tables);
    for port in &ports {
        let found = netlink["listeningport"][port].as_array().expect("sockets");
        assert!(!found.is_empty(), "{port}");
    }
}
