//! What there is to find out, whoever tells it.

use std::net::IpAddr;

/// A protocol whose sockets are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// UDP-Lite, RFC 3828.
    UdpLite,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::UdpLite];

    /// The word in results, and the name of the table in `/proc/net`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UdpLite => "udplite",
        }
    }

    /// Its number in IP headers.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::UdpLite => 136,
        }
    }
}

/// The generation of IP that a socket was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6, and IPv4 in its mapped form.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];
}

/// The state of a socket, as `net/tcp_states.h` numbers it. Datagram sockets
/// use two of the numbers: established when connected, close when not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub u8);

impl State {
    /// A datagram socket without a peer.
    pub const CLOSE: Self = Self(7);
    /// Waits for connections.
    pub const LISTEN: Self = Self(10);

    /// The word in results.
    pub fn word(self, protocol: Protocol) -> &'static str {
        match (self.0, protocol) {
            (1, _) => "established",
            (2, _) => "syn-sent",
            // 12 is the same as 3, before there is a whole socket.
            (3 | 12, _) => "syn-recv",
            (4, _) => "fin-wait-1",
            (5, _) => "fin-wait-2",
            (6, _) => "time-wait",
            (7, Protocol::Tcp) => "close",
            (7, _) => "unconnected",
            (8, _) => "close-wait",
            (9, _) => "last-ack",
            (10, _) => "listen",
            (11, _) => "closing",
            _ => "unknown",
        }
    }
}

/// A socket. Addresses that are mapped IPv4 are IPv4 here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// Its protocol.
    pub protocol: Protocol,
    /// Its state.
    pub state: State,
    /// Local address and port.
    pub local: (IpAddr, u16),
    /// Address and port of the peer; zero without one.
    pub remote: (IpAddr, u16),
    /// Number of its file; 0 when no process has it open any more.
    pub inode: u64,
}

impl Socket {
    /// Whether it waits for whoever comes.
    pub fn listens(&self) -> bool {
        match self.protocol {
            Protocol::Tcp => self.state == State::LISTEN,
            Protocol::Udp | Protocol::UdpLite => self.state == State::CLOSE,
        }
    }

    /// Whether it has a peer.
    pub fn has_peer(&self) -> bool {
        self.remote.1 != 0 || !self.remote.0.is_unspecified()
    }
}

/// A neighbour in the ARP or neighbour discovery table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its hardware address, all zero when it did not answer.
    pub mac: String,
    /// Its address.
    pub ip: IpAddr,
}

/// The hardware address of a neighbour that has not answered.
pub const NO_ANSWER: &str = "00:00:00:00:00:00";

/// A hardware address as people write it: lower case, colons.
pub fn hardware_address(bytes: &[u8]) -> String {
    let octets: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    octets.join(":")
}
