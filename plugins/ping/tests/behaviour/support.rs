//! Short ways to ask.

use mig_module_ping::PingModule;
use mig_plugin_sdk::testing::{Answer, FakeHost};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, socket};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

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

/// Seconds to wait for an answer that comes, on a busy machine too.
const PATIENCE: u32 = 60;

pub fn ping(protocol: &str, destination: &str, port: u16) -> Value {
    json!({"destination": destination, "destinationport": port, "protocol": protocol,
        "count": 1, "timeout": PATIENCE})
}

/// Whether a latency is that of an answer: not a failure, not a timeout.
pub fn is_answered(latency: f64) -> bool {
    latency > 0.0 && latency <= f64::from(PATIENCE) * 1000.0
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
