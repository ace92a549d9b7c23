//! Short ways to ask.

use mig_module_ping::PingModule;
use mig_plugin_sdk::testing::{Answer, FakeHost};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket,
};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Runs to the end; the document.
#[track_caller]
pub fn run(parameters: Value) -> Value {
    let answer = attempt(parameters);
    answer.expect_result();
    answer.document()
}

pub fn attempt(parameters: Value) -> Answer {
    FakeHost::new().run::<PingModule>(parameters)
}

pub fn ping(protocol: &str, destination: &str, port: u16) -> Value {
    json!({"destination": destination, "destinationport": port, "protocol": protocol,
        "count": 1, "timeout": 5})
}

#[track_caller]
pub fn latencies(document: &Value) -> Vec<f64> {
    let list = document["elements"]["latencies"].as_array();
    let list = list.unwrap_or_else(|| panic!("no latencies: {document}"));
    list.iter().filter_map(Value::as_f64).collect()
}

/// A loopback port that nobody listens on, kept so for the test's life: bound
/// without listening.
pub struct Closed {
    _socket: OwnedFd,
    pub port: u16,
}

impl Closed {
    pub fn tcp() -> Self {
        let kind = SockType::Stream;
        let socket = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None).unwrap();
        let address = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        bind(socket.as_raw_fd(), &address).unwrap();
        let bound: SockaddrIn = getsockname(socket.as_raw_fd()).unwrap();
        Self {
            _socket: socket,
            port: bound.port(),
        }
    }
}

/// A loopback port whose queue of connections is full: the kernel drops what
/// asks for more.
pub struct Silent {
    _listener: OwnedFd,
    _waiting: Vec<TcpStream>,
    pub port: u16,
}

impl Silent {
    pub fn tcp() -> Self {
        let Closed { _socket, port } = Closed::tcp();
        listen(&_socket, Backlog::new(0).unwrap()).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            waiting.push(stream);
            assert!(waiting.len() < 64, "the queue never fills");
        }
        Self {
            _listener: _socket,
            _waiting: waiting,
            port,
        }
    }
}

/// A listener on that address, or the reason to skip.
pub fn listener(address: &str) -> Option<(TcpListener, u16)> {
    let listener = TcpListener::bind((address, 0)).ok()?;
    let port = listener.local_addr().ok()?.port();
    Some((listener, port))
}

/// A datagram socket on that address.
pub fn datagrams(address: &str) -> Option<(UdpSocket, u16)> {
    let socket = UdpSocket::bind((address, 0)).ok()?;
    let port = socket.local_addr().ok()?.port();
    Some((socket, port))
}
