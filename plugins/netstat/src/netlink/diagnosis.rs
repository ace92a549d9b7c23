//! Sockets: sock_diag.

use super::Request;
use super::message::{Malformed, array, u32_at};
use crate::facts::{Family, Protocol, Socket, State};
use std::net::IpAddr;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// Size of `struct inet_diag_req_v2`.
const REQUEST: usize = 56;
/// Size of `struct inet_diag_msg`.
const ANSWER: usize = 72;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// States 1 to 12. Later kernels know more states, of sockets that are bound
/// and neither listen nor have a peer; `/proc/net/tcp` has never shown those.
const STATES: u32 = 0x1ffe;

/// The request for the sockets of one protocol and family.
pub fn sockets(protocol: Protocol, family: Family) -> Request {
    let mut body = Vec::with_capacity(REQUEST);
    body.push(match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    });
    body.push(protocol.number());
    // No extensions; padding.
    body.extend([0, 0]);
    body.extend(STATES.to_ne_bytes());
    // Of no particular socket.
    body.resize(REQUEST, 0);
    Request {
        kind: SOCK_DIAG_BY_FAMILY,
        body,
    }
}

/// A socket. `None` when the message is about something else.
///
/// # Errors
/// When the message is damaged.
pub fn socket(kind: u16, payload: &[u8], protocol: Protocol) -> Result<Option<Socket>, Malformed> {
    if kind != SOCK_DIAG_BY_FAMILY {
        return Ok(None);
    }
    let answer: &[u8; ANSWER] = payload
        .first_chunk()
        .ok_or(Malformed("a message is shorter than its kind"))?;
    // Ports and addresses are in network order.
    let port = |offset| array(answer, offset).map_or(0, u16::from_be_bytes);
    let ip = |offset| -> Result<IpAddr, Malformed> {
        let v4 = array::<4>(answer, offset).map(IpAddr::from);
        let v6 = array::<16>(answer, offset).map(|octets| IpAddr::from(octets).to_canonical());
        match answer[0] {
            AF_INET => v4,
            AF_INET6 => v6,
            _ => None,
        }
        .ok_or(Malformed("a socket of an unknown family"))
    };
    Ok(Some(Socket {
        protocol,
        state: State(answer[1]),
        local: (ip(8)?, port(4)),
        remote: (ip(24)?, port(6)),
        inode: u32_at(answer, 68).unwrap_or(0).into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as the kernel lays it out.
    fn answer(family: u8, state: u8, local: (IpAddr, u16), remote: (IpAddr, u16)) -> Vec<u8> {
        let mut bytes = vec![family, state, 0, 0];
        bytes.extend(local.1.to_be_bytes());
        bytes.extend(remote.1.to_be_bytes());
        for ip in [local.0, remote.0] {
            let mut octets = match ip {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            octets.resize(16, 0);
            bytes.extend(octets);
        }
        // Interface, cookie, expiry, queues, user.
        bytes.extend([0xee; 28]);
        bytes.extend(4711u32.to_ne_bytes());
        bytes
    }

    fn end(ip: &str, port: u16) -> (IpAddr, u16) {
        (ip.parse().unwrap(), port)
    }

    #[test]
    fn sockets_of_both_families_are_read() {
        let kind = SOCK_DIAG_BY_FAMILY;
        for (family, local, remote, wanted_local, wanted_remote) in [
            (
                2,
                end("10.1.2.3", 22),
                end("198.51.100.7", 443),
                "10.1.2.3",
                "198.51.100.7",
            ),
            (
                10,
                end("2001:db8::1", 22),
                end("::", 0),
                "2001:db8::1",
                "::",
            ),
            (
                10,
                end("::ffff:10.1.2.3", 1),
                end("::ffff:10.0.0.1", 2),
                "10.1.2.3",
                "10.0.0.1",
            ),
        ] {
            let bytes = answer(family, 10, local, remote);
            let found = socket(kind, &bytes, Protocol::Tcp)
                .unwrap()
                .expect("a socket");
            let wanted = Socket {
                protocol: Protocol::Tcp,
                state: State::LISTEN,
                local: end(wanted_local, local.1),
                remote: end(wanted_remote, remote.1),
                inode: 4711,
            };
            assert_eq!(found, wanted);
            // Cut anywhere it is damaged; attributes behind it do no harm.
            for length in 0..bytes.len() {
                assert!(socket(kind, &bytes[..length], Protocol::Tcp).is_err());
            }
            let mut longer = bytes.clone();
            longer.extend([0xff; 7]);
            assert_eq!(socket(kind, &longer, Protocol::Tcp).unwrap(), Some(wanted));
        }
        let unix = answer(1, 1, end("0.0.0.0", 0), end("0.0.0.0", 0));
        assert!(socket(kind, &unix, Protocol::Tcp).is_err());
        assert_eq!(socket(21, &unix, Protocol::Tcp), Ok(None));
    }

    #[test]
    fn requests_have_the_size_the_kernel_wants() {
        let request = sockets(Protocol::Udp, Family::V6);
        assert_eq!((request.kind, request.body.len()), (20, 56));
        assert_eq!(request.body[..4], [10, 17, 0, 0]);
        assert_eq!(request.body[4..8], 0x1ffeu32.to_ne_bytes());
    }
}
